"""palaver pair: beside a running bot, and without one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.startup import key_provider, open_sessions
from config import load_settings
from tests.bot.doorway import Doorway, private
from tests.bot.shell import ROOT, Shell
from tests.conftest import ManualClock

RUNNING = """
import asyncio
from bot.application import open_application
from bot.control import SOCKET, ControlServer
from bot.startup import key_provider
from config import load_settings

async def run():
    settings = load_settings()
    async with open_application(settings, key_provider(settings)) as application:
        async with ControlServer(settings.home / SOCKET, application.controls()):
            print("running", flush=True)
            await asyncio.Event().wait()

asyncio.run(run())
"""


@contextmanager
def running(shell: Shell) -> Iterator[subprocess.Popen[bytes]]:
    """Have a program hold the store and listen, as a bot that runs does."""
    command = [sys.executable, "-c", RUNNING]
    process = subprocess.Popen(command, cwd=ROOT, env=shell.environ, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def knock(shell: Shell, user: str = "42") -> str:
    """Have a stranger ask to be let in; give the code."""

    async def ask() -> str:
        settings = load_settings(environ={"PALAVER_HOME": str(shell.home)})
        async with open_sessions(settings, key_provider(settings)) as sessions:
            doorway = Doorway(sessions, ManualClock(time.time()))
            return (await doorway.knocks(private(user), "Ann\x1b[31m\nB")).code

    return asyncio.run(ask())


def approved(shell: Shell, person: str = "telegram:42") -> bool:
    async def look() -> bool:
        settings = load_settings(environ={"PALAVER_HOME": str(shell.home)})
        async with open_sessions(settings, key_provider(settings), read_only=True) as sessions:
            return (await sessions.note(f"access/{person}")).get("approved") is True

    return asyncio.run(look())


def test_people_are_let_in_without_a_bot(shell: Shell) -> None:
    """List, approve and revoke work on the store itself; a used code does not work again."""
    code = knock(shell)
    listed = shell.run("pair", "list")
    assert listed.code == 0
    assert listed.out.startswith(f"{code}  until 20")
    assert listed.out.endswith("UTC  telegram:42  Ann[31m B\n") or "telegram:42" in listed.out
    assert "\x1b" not in listed.out
    done = shell.run("pair", "approve", code.lower())
    assert (done.code, done.out, done.err) == (0, "telegram:42 is let in.\n", "")
    assert approved(shell)
    again = shell.run("pair", "approve", code)
    assert (again.code, again.out, again.err) == (
        1,
        "",
        "palaver: whoever had this code is let in already: telegram:42\n",
    )
    assert shell.run("pair", "revoke", "telegram:42").out == "telegram:42 is let in no longer.\n"
    assert not approved(shell)


def test_people_are_let_in_by_the_bot_that_runs(shell: Shell) -> None:
    """The store is held by the bot, which is asked; what it was told holds at once and stays."""
    first, second = knock(shell), knock(shell, "43")
    with running(shell):
        (one, other) = json.loads(shell.run("pair", "list", "--json").out)
        assert (one["code"], one["person"], other["code"]) == (first, "telegram:42", second)
        assert one["until"] - one["since"] == 3600
        assert shell.run("pair", "approve", first).out == "telegram:42 is let in.\n"
        assert shell.run("pair", "refuse", second).out == "telegram:43 is not let in.\n"
        assert shell.run("pair", "list").out == "Nobody waits to be let in.\n"
        wrong = shell.run("pair", "approve", second)
        assert (wrong.code, wrong.out) == (1, "")
        assert "this code was refused" in wrong.err
        assert approved(shell)
    # It was killed, so its socket is still there; nobody answers, and the store is free.
    assert (shell.home / "control.sock").exists()
    assert shell.run("pair", "revoke", "telegram:42").code == 0
    assert not approved(shell)


def test_a_chat_that_holds_the_store_is_named(shell: Shell) -> None:
    """It does not listen, so nothing can be changed beside it; looking is possible."""
    code = knock(shell)
    with shell.start("chat") as chat:
        chat.says("hello")
        chat.writes("hello")
        assert code in shell.run("pair", "list").out
        done = shell.run("pair", "approve", code)
    assert (done.code, done.out) == (75, "")
    assert "is held by process" in done.err
    assert not approved(shell)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["approve", "ABCD2345"], 1, "no such pairing code: ABCD2345"),
        (["refuse", "ABCD2345"], 1, "no such pairing code: ABCD2345"),
        (["revoke", "telegram:42"], 1, "no such approved person: telegram:42"),
        (["approve"], 2, "Missing argument 'CODE'"),
        (["list", "--config", "/nonexistent.toml"], 78, "/nonexistent.toml"),
    ],
)
def test_what_can_not_be_done_ends_with_a_code_and_a_reason(
    shell: Shell, arguments: list[str], code: int, words: str
) -> None:
    """Nothing is made where there is no store, also not by asking."""
    done = shell.run("pair", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert not shell.home.exists()


@pytest.mark.parametrize(("code", "words"), [("AB\udcff", "half a character"), ("A" * 70_000, "at most 65536 bytes")])
def test_what_no_bot_would_take_is_said_in_words(shell: Shell, code: str, words: str) -> None:
    """A code with a byte that is no text, or of a size that none has, is no traceback, with a bot and without."""
    knock(shell)

    def is_refused() -> None:
        done = shell.run("pair", "approve", code)
        assert (done.code, done.out) == (1, "")
        assert words in done.err
        assert "Traceback" not in done.err

    is_refused()
    with running(shell):
        is_refused()
        assert len(json.loads(shell.run("pair", "list", "--json").out)) == 1


def test_somebody_in_the_settings_is_put_out_there(shell: Shell) -> None:
    """Revoking says where the name stands."""
    knock(shell)
    done = shell.run("pair", "revoke", "telegram:7", PALAVER_ACCESS__ALLOW="telegram:7")
    assert done.code == 1
    assert "access.allow" in done.err


def test_an_empty_list_is_json_too(shell: Shell) -> None:
    """Programs get a list in any case."""
    done = shell.run("pair", "list", "--json")
    assert (done.code, json.loads(done.out)) == (0, [])
    assert not shell.home.exists()


@pytest.mark.parametrize("command", ["list", "approve", "refuse", "revoke"])
def test_each_explains_itself_with_an_example(shell: Shell, command: str) -> None:
    """--help ends with a line that can be copied."""
    done = shell.run("pair", command, "--help")
    assert done.code == 0
    assert f"Example: palaver pair {command}" in done.out
    assert f"  {command} " in shell.run("pair", "--help").out


def test_a_socket_that_is_no_bots_is_said(shell: Shell, tmp_path: Path) -> None:
    """What answers nonsense ends the command with a reason, and the store is left alone."""
    code = knock(shell)
    program = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen();"
        "print('running', flush=True)\n"
        "while True: s.accept()[0].sendall(b'hello\\n')"
    )
    command = [sys.executable, "-c", program, str(shell.home / "control.sock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        done = shell.run("pair", "approve", code)
        other.kill()
    assert (done.code, done.out) == (4, "")
    assert "gave no answer" in done.err
    assert not approved(shell)
