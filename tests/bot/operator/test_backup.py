"""palaver db backup and restore: also beside a running bot."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from bot.operator.in_thread import Told, in_thread
from tests.bot.operator.conversations import ME, Quick, audited, begin, history, listed, telegram
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running


def test_a_backup_says_what_it_holds_and_that_the_key_is_not_in_it(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """Sessions, messages, the key that opens it and where that lies; the file is the owner's alone."""
    begin(shell, ME, "one", "two")
    target = tmp_path / "copy.db"
    done = quick("db", "backup", str(target))
    assert (done.code, done.err) == (0, "")
    assert "1 session, 2 stored messages, schema" in done.lines[0]
    assert "the key is not in it" in done.out
    assert str(shell.home / "palaver.key") in done.out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert (shell.home / "palaver.key").read_bytes() not in target.read_bytes()


def test_a_backup_never_replaces_a_file_by_itself(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """With --force it does."""
    begin(shell, ME, "one")
    target = tmp_path / "copy.db"
    target.write_text("precious")
    done = quick("db", "backup", str(target))
    assert (done.code, done.out) == (1, "")
    assert "--force" in done.err
    assert target.read_text() == "precious"
    said = json.loads(quick("db", "backup", "--force", "--json", str(target)).out)
    assert (said["sessions"], said["messages"], said["key_included"]) == (1, 1, False)
    assert said["bytes"] == target.stat().st_size
    assert [len(kid) for kid in said["keys"]] == [16]


@pytest.mark.parametrize(("target", "code"), [("nowhere/copy.db", 1), ("home", 2)])
def test_a_place_that_can_not_be_used_is_named(
    shell: Shell, quick: Quick, tmp_path: Path, target: str, code: int
) -> None:
    """A folder that is missing, and a folder where a file should be."""
    begin(shell, ME, "one")
    done = quick("db", "backup", str(tmp_path / target))
    assert (done.code, done.out) == (code, "")
    assert target.partition("/")[0] in done.err


def test_where_nothing_is_stored_nothing_is_made(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """Asking for a backup makes neither a store nor a file."""
    done = quick("db", "backup", str(tmp_path / "copy.db"))
    assert (done.code, done.out) == (1, "")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_made_while_the_bot_runs_and_not_put_back_then(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """The bot goes on; to put a backup in the place of its store is refused with the number of its process."""
    ident = begin(shell, ME, "one")
    target = tmp_path / "copy.db"
    with running(shell) as process:
        assert quick("db", "backup", str(target)).code == 0
        done = quick("db", "restore", str(target))
        assert (done.code, done.out) == (75, "")
        assert str(process.pid) in done.err
        assert quick("sessions", "rename", ident, "Still here").code == 0
    assert listed(shell)[ident].session.title == "Still here"
    assert not list(shell.home.glob("*before*"))


def test_what_was_erased_since_comes_back_and_the_replaced_store_is_kept(
    shell: Shell, quick: Quick, tmp_path: Path
) -> None:
    """The store is as it was at the backup; what it was until now lies beside it, under a name that is printed."""
    first = begin(shell, ME, "one")
    target = tmp_path / "copy.db"
    quick("db", "backup", str(target))
    second = begin(shell, telegram("42"), "since then")
    (shell.home / "notes.txt").write_text("mine")
    done = quick("db", "restore", str(target))
    assert (done.code, done.err) == (0, "")
    assert set(listed(shell)) == {first}
    assert [message.content for message in history(shell, first)] == ["one"]
    assert [(entry.kind, entry.about) for entry in audited(shell)] == [("restore", {"database": True, "sessions": 1})]
    (kept,) = shell.home.glob("palaver.db.before-*")
    assert str(kept) in done.out
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (shell.home / "notes.txt").read_text() == "mine"
    assert quick("db", "restore", str(kept)).code == 0
    assert set(listed(shell)) == {first, second}
    assert len(list(shell.home.glob("palaver.db.before-*"))) == 2


def test_a_backup_comes_back_on_an_empty_machine(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """With the key file and the backup alone everything is there again; without the key nothing is put anywhere."""
    ident = begin(shell, ME, "one")
    target = tmp_path / "copy.db"
    quick("db", "backup", str(target))
    key = (shell.home / "palaver.key").read_bytes()
    shell.home.rename(tmp_path / "gone")
    done = quick("db", "restore", str(target))
    assert (done.code, done.out) == (78, "")
    assert "palaver.key does not exist" in done.err
    assert not (shell.home / "palaver.db").exists()
    (shell.home / "palaver.key").write_bytes(key)
    (shell.home / "palaver.key").chmod(0o600)
    assert quick("db", "restore", str(target)).code == 0
    assert set(listed(shell)) == {ident}


def test_what_is_no_backup_of_this_store_is_refused(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """Another file, another key, a damaged record and a missing file leave the store as it is, with nothing beside."""
    ident = begin(shell, ME, "one")
    other = Shell(tmp_path / "other")
    begin(other, ME, "theirs")
    other.run("db", "backup", str(tmp_path / "theirs.db"))
    (tmp_path / "notes.txt").write_text("notes " * 1_000)
    quick("db", "backup", str(tmp_path / "damaged.db"))
    damage(tmp_path / "damaged.db")
    before = (shell.home / "palaver.db").read_bytes()
    for name, code, words in (
        ("theirs.db", 78, "this store needs key"),
        ("notes.txt", 4, "not a Palaver store"),
        ("nowhere.db", 4, "there is no file"),
        ("damaged.db", 4, f"session {ident}: 1 of 1 messages do not open"),
    ):
        done = quick("db", "restore", str(tmp_path / name))
        assert (done.code, done.out) == (code, ""), name
        assert words in done.err
        assert (shell.home / "palaver.db").read_bytes() == before
        assert not list(shell.home.glob("*before*"))
        assert not list(shell.home.glob(".palaver-partial*"))
    assert quick("db", "restore", "--no-verify", str(tmp_path / "damaged.db")).code == 0
    assert quick("db", "verify").code == 4


def test_the_store_is_not_its_own_backup(shell: Shell, quick: Quick) -> None:
    """It would be kept under another name and then be missing."""
    begin(shell, ME, "one")
    done = quick("db", "restore", str(shell.home / "palaver.db"))
    assert (done.code, done.out) == (1, "")
    assert "is the store itself" in done.err


async def test_long_work_ends_when_the_command_is_interrupted() -> None:
    """The thread is told at its next step, and has ended when the interruption goes on."""
    steps: list[int] = []
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(watch: Told) -> None:
        for step in range(10_000):
            watch(step, 10_000)
            steps.append(step)
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.005)

    working = asyncio.ensure_future(in_thread(work, None))
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    done = len(steps)
    await asyncio.sleep(0.05)
    assert len(steps) == done < 1_000


def test_progress_is_shown_at_a_terminal(shell: Shell, tmp_path: Path) -> None:
    """A bar while it lasts, the result after it."""
    begin(shell, ME, "one")
    with at_terminal(shell, "db", "backup", str(tmp_path / "copy.db")) as terminal:
        terminal.shows("Copying")
        terminal.shows("1 session, 1 stored message")
        assert terminal.ends() == 0


def damage(path: Path) -> None:
    """Change a sealed message behind Palaver's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE message SET body = zeroblob(length(body))")
