"""The program on a PostgreSQL server: conversations, kills, everything an operator does, and moving there and back."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.bot.shell import Done, Shell


@pytest.fixture
def shell(tmp_path: Path, database: str) -> Shell:
    return Shell(tmp_path / "home", {"PALAVER_STORE__URL": database})


def ok(done: Done) -> str:
    """Give what was written by a command that went well."""
    assert done.code == 0, done
    return done.out


def ids(shell: Shell) -> list[str]:
    return [one["id"] for one in json.loads(ok(shell.run("sessions", "list", "--all", "--json")))]


def test_a_conversation_goes_on_after_a_kill(shell: Shell) -> None:
    """What was said before it is there, undo and checkpoints too, and the lock is free at once."""
    with shell.start("chat") as running:
        running.says("the word is teal")
        running.writes("teal")
        running.says('/checkpoint save "before"')
        running.writes("before")
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    shell.chat("the word is amber", options=("--continue",))
    done = shell.chat("/history", "/checkpoint restore before", "/history", options=("--continue",))
    assert "amber" in done.out
    assert "amber" not in done.out.rpartition("before")[2]
    assert "teal" in done.out


def test_a_second_program_is_told_who_has_the_database(shell: Shell) -> None:
    """It ends with 75; whoever only reads goes on beside."""
    with shell.start("chat") as running:
        running.says("hello")
        running.writes("hello")
        second = shell.run("chat", typed="hi\n")
        assert second.code == 75
        assert f"process {running.process.pid}" in second.err
        assert len(ids(shell)) == 1


def test_an_operator_does_everything_there(shell: Shell, tmp_path: Path) -> None:
    """List, show, search, count, export, import, fork, tag, clean, rotate, verify, doctor, audit, people."""
    shell.chat("the word is teal", "/new", "another thing")
    first, second = ids(shell)
    assert "teal" in ok(shell.run("sessions", "search", "teal"))
    assert "another" in ok(shell.run("sessions", "show", first))
    assert json.loads(ok(shell.run("sessions", "stats", "--json")))
    exported = tmp_path / "all.json"
    ok(shell.run("sessions", "export", "--all", "-o", str(exported)))
    ok(shell.run("sessions", "import", str(exported), "--new-id"))
    assert len(ids(shell)) == 4
    ok(shell.run("sessions", "tag", second, "work"))
    ok(shell.run("sessions", "fork", second))
    new = shell.run("keys", "new", "--key-file", str(tmp_path / "new.key"))
    assert new.code == 0
    keys = {"PALAVER_KEY_FILE": str(tmp_path / "new.key"), "PALAVER_OLD_KEY_FILES": f'["{shell.home / "palaver.key"}"]'}
    ok(shell.run("keys", "rotate", **keys))
    ok(shell.run("keys", "rotate", "--deep", **keys))
    assert "sound" in ok(shell.run("db", "verify", **keys))
    assert "teal" in ok(shell.run("sessions", "search", "teal", **keys))
    ok(shell.run("audit", "verify", **keys))
    ok(shell.run("db", "vacuum", **keys))
    ok(shell.run("people", "list", **keys))
    ok(shell.run("sessions", "delete", second, "--yes", **keys))
    assert second not in ok(shell.run("sessions", "list", "--all", **keys))
    doctor = shell.run("doctor", **keys)
    assert "answers" in doctor.out
    assert "Traceback" not in doctor.out + doctor.err


@pytest.mark.parametrize("command", [("backup", "x.db"), ("restore", "x.db")])
def test_what_only_a_file_has_is_said(shell: Shell, command: tuple[str, ...]) -> None:
    """With what to use instead, and no traceback."""
    shell.chat("hello")
    done = shell.run("db", *command)
    assert done.code == 78
    assert "pg_dump" in done.err


def test_a_password_is_never_shown(shell: Shell) -> None:
    """Not by the settings, and not by an error."""
    address = "postgresql://ann:canary-of-tests@127.0.0.1:1/palaver"
    for command in (("config", "show"), ("chat",), ("sessions", "list"), ("doctor",), ("db", "verify")):
        done = shell.run(*command, PALAVER_STORE__URL=address)
        assert "canary" not in done.out + done.err
        assert "Traceback" not in done.err


def test_a_store_moves_there_and_back(tmp_path: Path, database: str) -> None:
    """The exports are the same before and after, in both directions, and each copy is compared."""
    shell = Shell(tmp_path / "home")
    shell.chat("one", "/checkpoint save here", "two", "/undo", "three", "/new", "four", "/fork")
    shown = [ok(shell.run("sessions", "show", one, "--format", "json")) for one in ids(shell)]
    assert "Both databases hold the same." in ok(shell.run("db", "copy", "--to", database))
    there = Shell(shell.home, {"PALAVER_STORE__URL": database})
    assert [ok(there.run("sessions", "show", one, "--format", "json")) for one in ids(there)] == shown
    there.chat("five", options=("--continue",))
    back = tmp_path / "back.db"
    ok(there.run("db", "copy", "--to", f"sqlite:///{back}"))
    assert ok(there.run("db", "copy", "--to", f"sqlite:///{back}", "--check")) == "Both databases hold the same.\n"
    shutil.move(back, shell.home / "palaver.db")
    for end in ("-wal", "-shm"):
        (shell.home / f"palaver.db{end}").unlink(missing_ok=True)
    assert "five" in ok(shell.run("sessions", "search", "five"))
    assert "sound" in ok(shell.run("db", "verify"))
