"""Backups of the embedded store: whole while it is written, and put back so that the old or the new one is there."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from sessions.errors import InvalidValue, StoreError, StoreHeld, StoreTooNew
from sessions.manager import SessionManager
from sessions.sqlite.backup import PARTIAL, STEP, back_up, copy_store, look_into, partial_file, put_in_place, structure
from tests.sessions.conftest import KEY, Opener, person, say, texts

ROOT = Path(__file__).parents[2]
SCRAMBLED = b"scrambled" * 1_000
ANN = person()


async def filled(open_store: Opener, *turns: str) -> str:
    """Have a store with a conversation; give its id."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, *turns)
        return session.id


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


def size_of(path: Path) -> int:
    return path.stat().st_size


def scramble(path: Path) -> None:
    path.write_bytes(SCRAMBLED)


async def read(path: Path) -> list[str]:
    """Open a store file, see that nothing in it is damaged, and read Ann's conversation."""
    async with SessionManager.open(db_path=path, encryption_key=KEY, read_only=True) as sessions:
        assert await sessions.verify() == []
        (session,) = await sessions.own_sessions(ANN)
        return await texts(sessions, session.id)


async def test_a_backup_made_while_much_is_written_is_of_one_moment(
    open_store: Opener, db_path: Path, tmp_path: Path
) -> None:
    """Each copy is sound and a beginning of the conversation, and nobody who writes is refused."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "first")
        stop = asyncio.Event()

        async def talk() -> int:
            number = 0
            while not stop.is_set():
                await say(sessions, session.id, f"{number} " + "x" * 500)
                number += 1
            return number

        talking = asyncio.ensure_future(talk())
        for number in range(5):
            await asyncio.sleep(0.05)
            await asyncio.to_thread(back_up, db_path, tmp_path / f"{number}.db")
        stop.set()
        assert await talking > 10
        everything = await texts(sessions, session.id)
    copies = [await read(tmp_path / f"{number}.db") for number in range(5)]
    assert all(copy == everything[: len(copy)] for copy in copies)
    assert [len(copy) for copy in copies] == sorted({len(copy) for copy in copies})


async def test_a_long_backup_does_not_begin_anew_with_each_write(
    open_store: Opener, db_path: Path, tmp_path: Path
) -> None:
    """Somebody writes at each of its steps, and it goes on to its end."""
    await filled(open_store, *("x" * 60_000 for _ in range(130)))
    steps: list[int] = []
    with closing(sqlite3.connect(db_path, isolation_level=None)) as other:

        def write(done: int, total: int) -> None:
            assert total > 3 * STEP
            assert len(steps) < 50
            steps.append(done)
            other.execute("UPDATE session SET version = version + 1")

        back_up(db_path, tmp_path / "copy.db", progress=write)
    assert steps == sorted(set(steps))
    assert len(await read(tmp_path / "copy.db")) == 260


async def test_a_backup_is_one_file_of_its_owner_alone(open_store: Opener, db_path: Path, tmp_path: Path) -> None:
    """It is 0600, has no log beside it, is read without writing, and says what it holds without a key."""
    await filled(open_store, "one", "two")
    folder = tmp_path / "backups"
    folder.mkdir()
    back_up(db_path, folder / "copy.db")
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    holds = look_into(folder / "copy.db")
    assert (holds.sessions, holds.messages, holds.waiting) == (1, 4, 0)
    assert [len(kid) for kid in holds.keys] == [16]
    assert structure(folder / "copy.db") == []
    assert await read(folder / "copy.db") == ["one", "re: one", "two", "re: two"]
    assert [path.name for path in folder.iterdir()] == ["copy.db"]


async def test_a_file_is_replaced_only_when_that_is_asked_for(
    open_store: Opener, db_path: Path, tmp_path: Path
) -> None:
    """What is there stays, links that lead nowhere included; the store itself never becomes its own backup."""
    await filled(open_store, "one")
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(InvalidValue, match="--force"):
        back_up(db_path, target)
    assert target.read_text() == "precious"
    back_up(db_path, target, replace=True)
    assert await read(target) == ["one", "re: one"]
    (tmp_path / "link.db").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidValue, match="is there already"):
        back_up(db_path, tmp_path / "link.db")
    with pytest.raises(InvalidValue, match="the store itself"):
        back_up(db_path, db_path, replace=True)


async def test_a_backup_that_breaks_off_leaves_nothing_and_the_old_file(
    open_store: Opener, db_path: Path, tmp_path: Path
) -> None:
    """Interrupted half-way, the file that was to be replaced is as it was, and no half file lies around."""
    await filled(open_store, *("x" * 50_000 for _ in range(100)))
    target = tmp_path / "copy.db"
    target.write_text("precious")

    def interrupt(done: int, total: int) -> None:
        assert done < total
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(db_path, target, replace=True, progress=interrupt)
    assert target.read_text() == "precious"
    assert files_in(tmp_path) == [target]


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", StoreError, "is empty"),
        (b"no database at all, but long enough to be looked at by SQLite" * 40, StoreError, "not a Palaver store"),
        (None, StoreError, "there is no file"),
    ],
)
def test_what_is_no_store_is_said_to_be_none(
    tmp_path: Path, content: bytes | None, error: type[Exception], words: str
) -> None:
    """An empty file, somebody's notes and nothing at all are told apart."""
    path = tmp_path / "other.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=words):
        look_into(path)


async def test_a_database_of_others_and_a_newer_one_are_refused(
    open_store: Opener, db_path: Path, tmp_path: Path
) -> None:
    """Neither is looked into any further."""
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE session (number)")
    with pytest.raises(StoreError, match="some other program's"):
        look_into(tmp_path / "other.db")
    await filled(open_store, "one")
    with closing(sqlite3.connect(db_path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew):
        look_into(db_path)


# -- putting it back -------------------------------------------------------------------------------


async def leave_log(db_path: Path) -> None:
    """Have the store's newest words lie in its log alone, as a program that was killed leaves them."""
    program = (
        "import asyncio, os, sys\n"
        "from sessions.manager import SessionManager\n"
        "from tests.sessions.conftest import KEY, person, say\n"
        "async def run():\n"
        "    async with SessionManager.open(db_path=sys.argv[1], encryption_key=KEY) as sessions:\n"
        "        session = await sessions.get_or_create_session(person())\n"
        "        await say(sessions, session.id, 'late')\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(run())\n"
    )
    command = [sys.executable, "-c", program, str(db_path)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    assert await process.wait() == -signal.SIGKILL
    assert db_path.with_name(db_path.name + "-wal").stat().st_size > 0


OLD, NEW, LATE = ["one", "re: one"], ["one", "re: one", "two", "re: two"], ["late", "re: late"]


async def scene(open_store: Opener, db_path: Path, backup: Path) -> None:
    """Have a backup with more in it than the store, and in the store's log something that the backup has not."""
    await filled(open_store, "one")
    older = db_path.with_name("older.db")
    back_up(db_path, older)
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "two")
    back_up(db_path, backup)
    older.replace(db_path)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            db_path.with_name(db_path.name + suffix).unlink()
    await leave_log(db_path)


async def test_what_is_replaced_is_kept_whole_and_its_log_is_not_read_into_the_new_one(
    open_store: Opener, db_path: Path, tmp_path: Path
) -> None:
    """The new store says what the backup says; the old one, with what was in its log, lies beside it."""
    backup, kept = tmp_path / "backup.db", db_path.with_name("kept.db")
    await scene(open_store, db_path, backup)
    with partial_file(db_path.parent) as copy:
        copy_store(backup, copy)
        assert put_in_place(copy, db_path, kept)
    assert await read(db_path) == NEW
    assert await read(kept) == OLD + LATE
    assert not list(db_path.parent.glob(f"{PARTIAL}*"))
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "three")
    assert (await read(db_path))[-1] == "re: three"


RESTORE = """
import os, sys
from pathlib import Path
from sessions.sqlite.backup import copy_store, partial_file, put_in_place
backup, store, kept, last = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
seen = 0
def watch(event, arguments):
    global seen
    if event in ("open", "os.rename", "os.link", "os.remove", "sqlite3.connect"):
        seen += 1
        if seen == last:
            os.kill(os.getpid(), 9)
with partial_file(store.parent) as copy:
    copy_store(backup, copy)
    sys.addaudithook(watch)
    put_in_place(copy, store, kept)
    print("done", flush=True)
    os._exit(0)
"""


def killed_at(step: int, *files: Path) -> bool:
    """Restore in a program that is killed at a step; tell whether it came so far."""
    arguments = [sys.executable, "-c", RESTORE, *map(str, files), str(step)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


async def test_killed_anywhere_the_old_or_the_new_store_is_there(
    open_store: Opener, db_path: Path, tmp_path: Path
) -> None:
    """At each step that touches a file the program is killed; whatever is there then is whole."""
    backup, first = tmp_path / "backup.db", tmp_path / "first"
    await scene(open_store, db_path, backup)
    db_path.parent.rename(first)
    found: list[list[str]] = []
    for last in range(1, 40):
        home = tmp_path / f"{last}"
        _copy_tree(first, home)
        store, kept = home / db_path.name, home / "kept.db"
        was_killed = killed_at(last, backup, store, kept)
        found.append(await read(store))
        assert found[-1] in (OLD + LATE, NEW), f"killed at step {last}"
        if found[-1] == NEW:
            assert await read(kept) == OLD + LATE
        if not was_killed:
            break
    assert len(found) > 5
    assert OLD + LATE in found
    assert found[-1] == NEW


async def test_a_store_that_somebody_reads_is_not_replaced(open_store: Opener, db_path: Path, tmp_path: Path) -> None:
    """A program in the middle of reading keeps the store in its place, and that is said."""
    backup, kept = tmp_path / "backup.db", db_path.with_name("kept.db")
    await scene(open_store, db_path, backup)
    with closing(sqlite3.connect(db_path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM session").fetchone()
        with partial_file(db_path.parent) as copy:
            copy_store(backup, copy)
            with pytest.raises(StoreHeld):
                put_in_place(copy, db_path, kept)
    assert await read(db_path) == OLD + LATE
    assert not kept.exists()


async def test_a_damaged_store_is_replaced_and_kept_as_it_was(
    open_store: Opener, db_path: Path, tmp_path: Path
) -> None:
    """What can not be opened any more makes room, byte for byte, its log included."""
    backup, kept = tmp_path / "backup.db", db_path.with_name("kept.db")
    await scene(open_store, db_path, backup)
    scramble(db_path)
    log = db_path.with_name(db_path.name + "-wal")
    logged = log.read_bytes()
    with partial_file(db_path.parent) as copy:
        copy_store(backup, copy)
        put_in_place(copy, db_path, kept)
    assert await read(db_path) == NEW
    assert kept.read_bytes() == SCRAMBLED
    assert kept.with_name("kept.db-wal").read_bytes() == logged


# -- giving space back -------------------------------------------------------------------------------


async def test_vacuum_gives_back_what_erased_conversations_have_left(open_store: Opener, db_path: Path) -> None:
    """The file shrinks, what is left is sound, and the log is empty afterwards."""
    async with open_store() as sessions:
        gone = await sessions.get_or_create_session(person("gone"))
        await say(sessions, gone.id, *("x" * 20_000 for _ in range(50)))
        kept = await sessions.get_or_create_session(ANN)
        await say(sessions, kept.id, "one")
        await sessions.delete_session(gone.id)
        before, after = await sessions.vacuum()
        assert before > 1_000_000 > after
        assert await sessions.verify() == []
        assert size_of(db_path) == after
    assert await read(db_path) == ["one", "re: one"]


def _copy_tree(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """The error says which folder; nothing else happens."""
    with pytest.raises(InvalidValue, match="nowhere"), partial_file(tmp_path / "nowhere"):
        pass
