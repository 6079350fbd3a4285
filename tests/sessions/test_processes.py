"""Processes: one program owns a store, others are told so or only read; and files that can not be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from sessions.errors import NotFound, StoreError, StoreHeld, StoreReadOnly, StoreTooNew
from sessions.manager import SessionManager
from tests.sessions.conftest import KEY, Opener, say, texts
from tests.sessions.stage import ANN, IN_STEPS, WHOLE, Stage, built, portrait, stage

__all__ = ["built", "stage"]  # fixtures

ROOT = Path(__file__).parent.parent.parent


HOLD = """
import asyncio, os, sys
from sessions.manager import SessionManager

async def hold():
    async with SessionManager.open(db_path=sys.argv[1], encryption_key=bytes(range(32))):
        print(os.getpid(), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""


@asynccontextmanager
async def another_program(path: Path) -> AsyncIterator[int]:
    """Let another process own the store; give its process id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, path, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        assert await process.wait() == 0


async def test_a_second_program_is_told_who_has_the_store(open_store: Opener, db_path: Path) -> None:
    """It is refused with the number of the process, may read, and may write when the other one has ended."""
    async with another_program(db_path) as pid:
        with pytest.raises(StoreHeld, match=f"held by process {pid}; end it first") as held:
            async with open_store():
                pass
        assert held.value.pid == pid
        async with open_store(read_only=True) as sessions:
            assert await sessions.verify() == []
    async with open_store() as sessions:
        assert await sessions.verify() == []


async def test_a_program_can_not_have_a_store_twice(open_store: Opener) -> None:
    """A second manager of the same process is refused as well."""
    async with open_store():
        with pytest.raises(StoreHeld) as held:
            async with open_store():
                pass
        assert held.value.pid == os.getpid()


async def test_the_lock_file_stays(open_store: Opener, db_path: Path) -> None:
    """It is the same file for ever: with a new one two programs could each hold a lock."""
    lock = db_path.with_name("palaver.db.lock")
    files = set()
    for _ in range(3):
        async with open_store():
            files.add(lock.stat().st_ino)
        files.add(lock.stat().st_ino)
    assert len(files) == 1
    assert lock.stat().st_mode & 0o777 == 0o600


async def test_of_programs_that_start_together_one_gets_the_store(tmp_path: Path) -> None:
    """The others are told that it is held, whoever was first, also where no store is yet."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", HOLD, tmp_path / "new" / "palaver.db")
    programs = [
        await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(3)
    ]
    owners, errors = [], b""
    for program in programs:  # each says that it has the store, or ends
        assert program.stdout is not None
        owners += [line for line in [await program.stdout.readline()] if line]
    for program in programs:
        errors += (await program.communicate(b""))[1]
    assert len(owners) == 1
    assert errors.count(f"StoreHeld: {tmp_path}/new/palaver.db is held by process {int(owners[0])}".encode()) == 2


# -- one that only reads -----------------------------------------------------------------------------


async def test_a_reader_sees_what_the_owner_has_stored(open_store: Opener) -> None:
    """Each look shows what is there by then: messages, sessions, checkpoints and choices."""
    async with open_store() as owner:
        session = await owner.get_or_create_session(ANN)
        async with open_store(read_only=True) as reader:
            for number in range(3):
                await say(owner, session.id, f"{number}")
                await owner.save_checkpoint(session.id, name=f"{number}")
                assert await texts(reader, session.id) == await texts(owner, session.id)
                assert len(await reader.list_checkpoints(session.id)) == number + 1
                assert await reader.get_session(session.id) == await owner.get_session(session.id)
                assert await reader.export(session.id, format="text") == await owner.export(session.id, format="text")
            fresh = await owner.reset(ANN)
            await owner.set_chat_resets(ANN, idle=None)
            assert (await reader.current_session(ANN)) == await owner.current_session(ANN)
            assert (await reader.reset_rule(fresh.id)).source == "chat"
            await owner.set_scope(ANN, "peer")
            assert await reader.scope_of(ANN) == await owner.scope_of(ANN)
            await owner.delete_session(session.id)
            with pytest.raises(NotFound):
                await reader.get_history(session.id)


@pytest.mark.parametrize("name", [*WHOLE, *IN_STEPS])
async def test_a_reader_can_not_write(stage: Stage, name: str) -> None:
    """Whatever would change the store is refused in plain words, and leaves it as it is."""
    async with stage() as scene:
        before = await portrait(scene.sessions)
        async with stage.beside() as reader:
            with pytest.raises(StoreReadOnly, match="only reads"):
                await (WHOLE | IN_STEPS)[name](reader)
        assert await portrait(scene.sessions) == before


async def test_a_reader_makes_no_store(open_store: Opener, db_path: Path) -> None:
    """Where there is none it says so, and no file or folder is made."""
    with pytest.raises(StoreReadOnly, match="no store"):
        async with open_store(read_only=True):
            pass
    assert not db_path.parent.exists()


# -- files that can not be used ----------------------------------------------------------------------

NOBODY = 65534
TRY = """
import asyncio, os, sys
from sessions.errors import SessionError
from sessions.manager import SessionManager

async def attempt(path, how):
    reads = how == "read"
    try:
        async with SessionManager.open(db_path=path, encryption_key=bytes(range(32)), read_only=reads) as sessions:
            for session_id in sys.argv[3:]:
                print(len(await sessions.get_history(session_id)), "read")
                if not reads:
                    await sessions.add_message(session_id, role="user", content="more")
    except SessionError as error:
        print(type(error).__name__, error)

if os.getuid() == 0:  # to whom no permission matters
    os.setgroups([])
    os.setgid({nobody})
    os.setuid({nobody})
asyncio.run(attempt(sys.argv[1], sys.argv[2]))
""".replace("{nobody}", f"{NOBODY}")


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that everybody can get at, which the ones of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        folder.mkdir()
        folder.parent.chmod(0o755)
        yield folder
        folder.chmod(0o700)


def give_away(folder: Path, *, folder_mode: int, file_mode: int) -> None:
    """Let the folder and its files belong to an ordinary user, with these permissions."""
    for path in (*folder.iterdir(), folder):
        path.chmod(folder_mode if path == folder else file_mode)
        if os.getuid() == 0:
            os.chown(path, NOBODY, NOBODY)


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder but the lock, which tells who looked last."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


async def attempt(path: Path, how: str, *session_ids: str) -> list[str]:
    """Open a store as an ordinary user, and give what is printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TRY, path, how, *session_ids, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().splitlines()


async def make_store(path: Path) -> str:
    """Make a store with two messages; give the session's id."""
    async with SessionManager.open(db_path=path, encryption_key=KEY) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "hello")
        return session.id


async def test_no_store_is_made_where_one_may_not_write(public_folder: Path) -> None:
    """The error names the file and what to look at."""
    give_away(public_folder, folder_mode=0o555, file_mode=0o600)
    (said,) = await attempt(public_folder / "palaver.db", "write")
    assert said.startswith(f"StoreReadOnly {public_folder / 'palaver.db'} can not be used (Permission denied)")
    assert contents(public_folder) == {}


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o600), (0o755, 0o444), (0o600, 0o600), (0o755, 0o000)])
async def test_a_store_one_may_not_write_to_is_not_opened(
    public_folder: Path, folder_mode: int, file_mode: int
) -> None:
    """Read-only folder, read-only file, closed folder, closed file: the error says so, and nothing is changed."""
    path = public_folder / "palaver.db"
    session_id = await make_store(path)
    before = contents(public_folder)
    give_away(public_folder, folder_mode=folder_mode, file_mode=file_mode)
    (said,) = await attempt(path, "write", session_id)
    assert said.startswith("StoreReadOnly ")
    assert "check" in said
    assert contents(public_folder) == before


async def test_a_file_one_may_only_read_can_be_read(public_folder: Path) -> None:
    """A program that only reads does not need to write the file."""
    path = public_folder / "palaver.db"
    session_id = await make_store(path)
    give_away(public_folder, folder_mode=0o755, file_mode=0o444)
    assert await attempt(path, "read", session_id) == ["2 read"]


async def test_a_reader_that_may_not_even_look_is_told(public_folder: Path) -> None:
    """A closed folder is an error in this library's words."""
    path = public_folder / "palaver.db"
    session_id = await make_store(path)
    give_away(public_folder, folder_mode=0o600, file_mode=0o600)
    (said,) = await attempt(path, "read", session_id)
    assert said.startswith("StoreReadOnly ")


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_store_of_a_newer_program_is_left_alone(open_store: Opener, db_path: Path, read_only: bool) -> None:
    """Its version is told, with what to do, and not a byte changes."""
    async with open_store():
        pass
    with closing(sqlite3.connect(db_path)) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA journal_mode = DELETE")
    before = contents(db_path.parent)
    with pytest.raises(StoreTooNew, match=r"schema version 99.* install the newer Palaver") as error:
        async with open_store(read_only=read_only):
            pass
    assert error.value.found == 99
    assert contents(db_path.parent) == before


@pytest.mark.parametrize("read_only", [False, True])
async def test_what_is_no_store_is_left_alone(open_store: Opener, db_path: Path, read_only: bool) -> None:
    """Another program's database, and a file that is none, are refused, and not a byte changes."""
    async with open_store():  # so that there is a lock file
        pass
    for make in (make_cake, make_noise):
        make(db_path)
        before = contents(db_path.parent)
        with pytest.raises(StoreError, match="nothing was changed"):
            async with open_store(read_only=read_only):
                pass
        assert contents(db_path.parent) == before


def make_cake(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE cake (name TEXT)")


def make_noise(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


async def test_a_copy_that_has_lost_its_log_gets_one_again(open_store: Opener, db_path: Path) -> None:
    """A backup made by VACUUM INTO comes without write-ahead log; with one, commits are durable and readers free."""
    async with open_store():
        pass
    copy = db_path.with_name("copy.db")
    with closing(sqlite3.connect(db_path)) as connection:
        connection.execute("VACUUM INTO ?", (f"{copy}",))
    async with open_store(path=copy) as sessions:
        await sessions.get_or_create_session(ANN)
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
