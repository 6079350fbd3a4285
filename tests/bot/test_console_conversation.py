"""Whole conversations with the program itself: scripted, killed, stopped, at a terminal."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.adapters.console.terminal import CONTROL_C, CONTROL_D, ENTER, TAB, Terminal
from tests.bot.shell import ROOT, Shell
from tests.fakes.model_server import Answer, ModelServer

WORDS = ("One ", "two ", "three ")


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer.open() as running:
        yield running


@pytest.fixture
def served(shell: Shell, server: ModelServer) -> Shell:
    """A shell whose model is the fake service."""
    settings = {
        "PALAVER_MODEL__BACKEND": "openai",
        "PALAVER_MODEL__NAME": "fake",
        "PALAVER_MODEL__BASE_URL": server.openai_url,
        "PALAVER_MODEL__RETRIES": "0",
    }
    return Shell(shell.home, settings)


def test_a_scripted_conversation_behaves_as_one_would_expect(shell: Shell) -> None:
    """Checkpoint, restore, history and export work together, and nothing but replies is written."""
    done = shell.chat(
        "the word is teal",
        '/checkpoint save "before"',
        "the word is amber",
        "/checkpoint list",
        "/checkpoint restore before",
        "/history",
        "/history export",
    )

    assert "I was sent 1 message " in done.lines[1]
    assert "`before`" in done.lines[2]
    assert "I was sent 3 messages" in done.lines[4]
    restored = next(number for number, line in enumerate(done.lines) if line.startswith("Back at checkpoint"))
    assert "amber" not in "\n".join(done.lines[restored:])
    assert "> the word is teal" in done.lines
    path = Path(done.lines[-1])
    assert path.parent == shell.home / "exports"
    assert "the word is teal" in path.read_text()
    assert "the word is amber" not in path.read_text()
    assert "\x1b" not in done.out


def test_a_pipeline_of_the_shell_works(shell: Shell) -> None:
    """Printf and head, as people use them: a reader that goes away ends the program quietly."""
    palaver = shlex.join(shell.command("chat"))
    script = f"set -o pipefail; printf '%s\\n' {' '.join(['hello'] * 200)} | {palaver} 2>err | head -n 1"
    done = subprocess.run(
        ["bash", "-c", script.replace("2>err", f"2>{shlex.quote(str(shell.home))}.err")],
        cwd=ROOT,
        env=shell.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.stdout == "You said: “hello”\n"
    assert done.returncode in (0, 141)  # 141 is printf's own, when it is faster
    assert "Traceback" not in Path(f"{shell.home}.err").read_text()
    assert "BrokenPipe" not in Path(f"{shell.home}.err").read_text()


def test_lines_that_are_no_text_are_heard(shell: Shell) -> None:
    """Broken UTF-8, NUL and a line of five megabytes: each is answered, none ends the conversation."""
    done = shell.run("chat", typed=b"caf\xe9\n" + b"a\0b\n" + b"x" * 5_000_000 + b"\nlast\n")

    assert done.code == 0
    assert "caf\ufffd" in done.out
    assert "a\0b" in done.out
    assert "5,000,000 bytes" in done.out
    assert "“last”" in done.out


async def test_a_reply_streams_into_a_pipe(served: Shell, server: ModelServer) -> None:
    """The words are there before the reply is complete."""
    server.then(Answer(words=WORDS, ending="stall"))

    def hold() -> str:
        with served.start("chat") as running:
            running.says("count")
            return running.writes("One two three")

    assert await asyncio.to_thread(hold) == "One two three "


async def test_killed_in_the_middle_of_a_reply_nothing_that_was_said_is_lost(
    served: Shell, server: ModelServer
) -> None:
    """After kill -9 the message is there, the next start says it has no reply, and /retry gets one."""
    server.then(Answer(words=("Hello.",)), Answer(words=WORDS, ending="stall"))

    def hold() -> None:
        with served.start("chat") as running:
            running.says("the word is teal")
            running.writes("Hello.")
            running.says('/checkpoint save "before"')
            running.writes("before")
            running.says("what is the word?")
            running.writes("One two")
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()

    await asyncio.to_thread(hold)
    server.default = Answer(words=("It ", "is ", "teal."))
    resumed = await asyncio.to_thread(served.chat, "/retry", "/history", "/checkpoint list")

    assert "has no reply yet" in resumed.err
    assert resumed.lines[0] == "It is teal."
    assert "> the word is teal" in resumed.lines
    assert "> what is the word?" in resumed.lines
    assert "`before`" in resumed.out
    assert server.requests[-1].turns == [
        ("user", "the word is teal"),
        ("assistant", "Hello."),
        ("user", "what is the word?"),
    ]


async def _broken_off(served: Shell, server: ModelServer, number: signal.Signals) -> int:
    """Send a signal in the middle of a reply; give the exit code."""
    server.then(Answer(words=WORDS, ending="stall"))

    def hold() -> int:
        with served.start("chat") as running:
            running.says("count")
            running.writes("three")
            running.process.send_signal(number)
            return running.process.wait(timeout=20)

    return await asyncio.to_thread(hold)


async def test_told_to_end_it_keeps_the_part_of_the_reply(served: Shell, server: ModelServer) -> None:
    """SIGTERM in the middle of a reply: exit 0, and the part is there, marked."""
    code = await _broken_off(served, server, signal.SIGTERM)
    history = await asyncio.to_thread(served.chat, "/history")

    assert code == 0
    assert "> One two three" in history.out
    assert "broke off" in history.out


async def test_interrupted_it_keeps_the_part_of_the_reply(served: Shell, server: ModelServer) -> None:
    """Ctrl-C on a script ends it the way shells expect, and the part is there, marked."""
    code = await _broken_off(served, server, signal.SIGINT)
    history = await asyncio.to_thread(served.chat, "/history")

    assert code == 130
    assert "> One two three" in history.out
    assert "broke off" in history.out


async def test_a_model_that_breaks_off_is_told_and_the_conversation_goes_on(served: Shell, server: ModelServer) -> None:
    """The part is shown and kept, then comes the advice, then the next message is answered."""
    server.then(Answer(words=WORDS, ending="cut"))
    done = await asyncio.to_thread(served.chat, "count", "again", "/history")

    assert done.lines[0] == "One two three "
    assert "/retry" in done.err
    assert done.lines[1] == "Hello there."
    assert "broke off" in done.out


async def test_a_model_that_is_not_there_is_told_in_words(served: Shell) -> None:
    """Nothing of a library or an address is shown; the message is kept."""
    done = await asyncio.to_thread(served.chat, "hello", "/history", PALAVER_MODEL__BASE_URL="http://127.0.0.1:1/v1")

    assert "not available" in done.err
    assert "not available" not in done.out
    assert "> hello" in done.lines
    assert "Traceback" not in done.err


def test_every_answer_of_a_scripted_stranger_ends(shell: Shell) -> None:
    """Nonsense of all kinds is answered in words, and the program ends as it should."""
    done = shell.run(
        "chat", typed='/\n/session\n/session nothing\n/checkpoint save "open\n//\nyes\n/undo 5000\n/help x\n'
    )

    assert done.code == 0
    assert "Traceback" not in done.err
    assert "Log" not in done.err


# -- at a terminal ---------------------------------------------------------------------------------


def at_a_terminal(shell: Shell, *arguments: str) -> AbstractContextManager[Terminal]:
    return Terminal.open(["chat", *arguments], shell.environ)


def test_at_a_terminal_one_types_and_reads(shell: Shell) -> None:
    """A prompt, a streamed reply, a command with completion, Ctrl-D: exit 0."""
    with at_a_terminal(shell) as terminal:
        terminal.wait_for("Ctrl-D leaves")
        terminal.wait_for(">")
        terminal.say("hello **you**")
        terminal.wait_for("You said: “hello you”")
        terminal.type("/check")
        terminal.wait_for("List the checkpoints")
        terminal.type(TAB + " save before" + ENTER)
        terminal.wait_for("Saved checkpoint 1 before")
        terminal.type("/checkpoint restore b")
        terminal.wait_for("checkpoint 1, after")
        terminal.type(CONTROL_C)
        terminal.type(CONTROL_D)
        assert terminal.ends() == 0
    assert "hello" in shell.chat("/history").out


def test_at_a_terminal_the_opening_is_said_and_the_chat_stays(shell: Shell) -> None:
    """Words on the command line come first; then one goes on."""
    with at_a_terminal(shell, "first", "words") as terminal:
        terminal.wait_for("You said: “first words”")
        terminal.say("second")
        terminal.wait_for("You said: “second”")
        terminal.type(CONTROL_D)
        assert terminal.ends() == 0


async def test_at_a_terminal_control_c_stops_the_reply_and_not_the_program(served: Shell, server: ModelServer) -> None:
    """The part is kept and marked, and the next message is answered."""
    server.then(Answer(words=("One\n\n", "two\n\n", "three"), ending="stall"))

    def hold() -> int:
        with at_a_terminal(served) as terminal:
            terminal.wait_for(">")
            terminal.say("count")
            terminal.wait_for("two")
            terminal.type(CONTROL_C)
            terminal.wait_for("Stopped.")
            terminal.say("hello")
            terminal.wait_for("Hello there.")
            terminal.type(CONTROL_D)
            return terminal.ends()

    assert await asyncio.to_thread(hold) == 0
    history = await asyncio.to_thread(served.chat, "/history")
    assert "> One" in history.out
    assert "broke off" in history.out


async def test_at_a_terminal_stop_can_be_typed_while_a_reply_streams(served: Shell, server: ModelServer) -> None:
    """Commands do not wait behind a reply."""
    server.then(Answer(words=("One\n\n", "two\n\n", "three"), ending="stall"))

    def hold() -> None:
        with at_a_terminal(served) as terminal:
            terminal.wait_for(">")
            terminal.say("count")
            terminal.wait_for("two")
            terminal.say("/session")
            terminal.wait_for("Conversation")
            terminal.say("/stop")
            terminal.wait_for("Stopped.")
            terminal.type(CONTROL_D)
            assert terminal.ends() == 0

    await asyncio.to_thread(hold)


async def test_at_a_terminal_a_model_can_not_command_it(served: Shell, server: ModelServer) -> None:
    """Escape sequences of a reply are shown as harmless letters, streamed and from the store."""
    server.default = Answer(words=("a\x1b", "]0;owned\x07b", "\x9b2Jc\n\n", "end"))

    def hold(line: str, words: str) -> bytes:
        with at_a_terminal(served) as terminal:
            terminal.wait_for(">")
            terminal.say(line)
            terminal.wait_for(words)
            terminal.type(CONTROL_D)
            terminal.ends()
            return terminal.raw

    raw = await asyncio.to_thread(hold, "hello", "end")
    raw += await asyncio.to_thread(hold, "/history", "owned")
    assert b"\x1b]" not in raw
    assert b"\x07" not in raw
    assert "\x9b" not in raw.decode()


def test_at_a_terminal_nothing_typed_is_written_to_disk_in_clear(shell: Shell) -> None:
    """The arrow keys remember, the disk does not."""
    with at_a_terminal(shell) as terminal:
        terminal.wait_for(">")
        terminal.say("canary-5c1d")
        terminal.wait_for("You said")
        terminal.type(CONTROL_D)
        terminal.ends()

    files = [path for path in shell.home.rglob("*") if path.is_file()]
    assert files
    assert not any(b"canary-5c1d" in path.read_bytes() for path in files)


def test_at_a_terminal_the_process_stays_small(shell: Shell) -> None:
    """Less than 80 MiB with prompt and colours loaded."""
    with at_a_terminal(shell) as terminal:
        terminal.wait_for(">")
        terminal.say("# hello\n")
        terminal.wait_for("You said")
        status = Path(f"/proc/{terminal.process.pid}/status")
        if not status.exists():
            pytest.skip("only Linux tells how much memory another process has")
        most = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert most is not None
        assert int(most[1]) < 80 * 1024


def test_a_word_leaves_the_terminal(shell: Shell) -> None:
    """`/exit`, as other programs have it, ends as Ctrl-D does: exit 0, and nothing is said to the model."""
    with at_a_terminal(shell) as terminal:
        terminal.wait_for(">")
        terminal.say("hello")
        terminal.wait_for("oldest is")  # the end of the reply
        terminal.say("/exit")
        assert terminal.ends() == 0
    assert "2 messages" in shell.chat("/history").out


def test_told_to_end_at_a_terminal_it_ends_in_order(shell: Shell) -> None:
    """SIGTERM: exit 0, and the terminal is as it was."""
    with at_a_terminal(shell) as terminal:
        terminal.wait_for(">")
        terminal.say("hello")
        terminal.wait_for("You said")
        terminal.send_signal(signal.SIGTERM)
        assert terminal.ends() == 0


def test_a_terminal_that_can_do_nothing_gets_plain_lines(shell: Shell) -> None:
    """With TERM=dumb there is neither prompt nor colour."""
    with Terminal.open(["chat"], shell.environ, term="dumb") as terminal:
        terminal.say("hello")
        terminal.wait_for("You said: “hello”")
        terminal.type(CONTROL_D)
        assert terminal.ends() == 0
    assert b"\x1b" not in terminal.raw
