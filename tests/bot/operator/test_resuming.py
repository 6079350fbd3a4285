"""palaver resume and palaver sessions resume: which conversation goes on, and the list to choose from."""

from __future__ import annotations

import asyncio
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from bot.operator.picker import Choice, Picker
from sessions.address import Address
from sessions.lifecycle import WORKDIR
from sessions.manager import SessionManager
from sessions.session import Status
from tests.bot.operator.conversations import ME, Quick, begin, history, listed, telegram, within
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import PATIENCE, ROOT, Done, Shell
from tests.bot.test_cli_pair import running
from tests.conftest import ManualClock

UP, DOWN, ENTER, ESCAPE, BACKSPACE = "\x1b[A", "\x1b[B", "\r", "\x1b", "\x7f"


def in_folder(shell: Shell, folder: Path, *arguments: str, typed: str = "") -> Done:
    """Run `palaver` in another folder than the tests'."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        shell.command(*arguments),
        input=typed.encode(),
        capture_output=True,
        cwd=folder,
        env=shell.environ | {"PYTHONPATH": str(ROOT)},
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def said(shell: Shell, ident: str) -> list[str]:
    return [message.content for message in history(shell, ident) if message.role == "user"]


@pytest.mark.parametrize("command", [["resume"], ["sessions", "resume"]])
def test_a_conversation_is_resumed_by_its_id(shell: Shell, command: list[str]) -> None:
    """Or the beginning of it, or its title; the words are answered with all that was said before."""
    old, new = begin(shell, ME, "the word is teal", title="Colours"), begin(shell, ME, "else")
    assert "I was sent 2 messages" in shell.run(*command, old[:9], "what", "was it?").out
    assert said(shell, old) == ["the word is teal", "what was it?"]
    assert listed(shell)[new].session.status is Status.PAUSED
    shell.run(*command, new, "more")
    assert "I was sent 4 messages" in shell.run(*command, "colours", typed="once more\n").out


def test_the_last_one_is_where_something_was_said_last(shell: Shell) -> None:
    """Also when it was archived since; a draft that waits, or an empty one, is not meant. All words are the prompt."""
    last = begin(shell, ME, "the word is teal", days_ago=3)
    begin(shell, telegram("42"), "not mine")
    assert shell.run("sessions", "create", "--title", "Draft", "--no-activate").code == 0
    begin(shell, ME)
    assert "I was sent 2 messages" in shell.run("resume", "--last", "add error", "handling").out
    assert said(shell, last) == ["the word is teal", "add error handling"]


def test_a_conversation_that_was_created_for_it_is_the_last_one(shell: Shell) -> None:
    """It was activated, so it is what goes on."""
    begin(shell, ME, "old", days_ago=1)
    assert shell.run("sessions", "create", "--title", "Next").code == 0
    assert "I was sent 1 message " in shell.run("resume", "--last", "hello").out


def test_only_what_a_backend_answered_in(shell: Shell) -> None:
    """The newest of those; where there is none it says so."""

    async def work(sessions: SessionManager) -> str:
        session = await sessions.create_session(ME, title="Other", backend="anthropic")
        await sessions.add_message(session.id, role="user", content="to another")
        return session.id

    ident = within(shell, work, days_ago=2)
    begin(shell, ME, "to this")
    assert "I was sent 2 messages" in shell.run("resume", "--backend", "Anthropic", "hi").out
    assert said(shell, ident) == ["to another", "hi"]
    done = shell.run("sessions", "resume", "--provider", "openai", "hi")
    assert (done.code, done.out) == (1, "")
    assert "no such conversation to resume with openai" in done.err


def test_here_is_what_was_begun_in_this_folder(shell: Shell, tmp_path: Path) -> None:
    """The newest of it, whatever was said elsewhere since; /new and /reset stay in the folder."""
    one, other = tmp_path / "one", tmp_path / "other"
    in_folder(shell, one, "chat", typed="in the first\n/reset\nin the first again\n")
    in_folder(shell, other, "chat", typed="/new\nin the other\n/fork\n")
    folders = {one.session.metadata[WORKDIR] for one in listed(shell).values()}
    assert folders == {str(one), str(other)}
    done = in_folder(shell, one, "resume", "--here", "back")
    assert "“back”" in done.out
    (ident,) = [key for key in listed(shell) if said(shell, key) == ["in the first again", "back"]]
    assert listed(shell)[ident].session.metadata[WORKDIR] == str(one)
    nothing = in_folder(shell, tmp_path / "third", "resume", "--here", "back")
    assert (nothing.code, nothing.out) == (1, "")
    assert "no such conversation to resume that was begun in this folder" in nothing.err


async def test_what_comes_after_a_reset_is_still_in_the_folder(clock: ManualClock) -> None:
    """Only the folder goes on, no other metadata; and only what this program begins is of its folder."""
    async with SessionManager.open(encryption_key=bytes(32), idle_reset_minutes=5, clock=clock) as sessions:
        sessions.begin_with({WORKDIR: "/one"})
        session = await sessions.get_or_create_session(ME)
        await sessions.update_session(session.id, metadata={WORKDIR: "/one", "project": "x"})
        await sessions.add_message(session.id, role="user", content="hello")
        sessions.begin_with({})
        stranger = await sessions.get_or_create_session(telegram("1"))
        clock.advance(3_600)
        (event,) = await sessions.sweep()
    assert dict(event.fresh.metadata) == {WORKDIR: "/one"}
    assert not stranger.metadata


def test_anothers_conversation_is_not_resumed_here(shell: Shell, quick: Quick) -> None:
    """It is said whose it is, and what can be done with it; nothing changes."""
    ident = begin(shell, telegram("42"), "secret", title="Theirs")
    begin(shell, ME, "mine")
    before = listed(shell)
    done = quick("resume", ident[:8], "hi")
    assert (done.code, done.out) == (1, "")
    assert f"session {ident} belongs to telegram:42, so it can not go on at this console" in done.err
    assert f"`palaver sessions show {ident}`" in done.err
    assert f"`palaver sessions fork {ident}`" in done.err
    assert "secret" not in done.err
    assert listed(shell) == before
    assert "no such session: Theirs" in quick("resume", "Theirs").err, "by title only one's own are found"
    somebody = Address(platform="console", account="local", chat_id="console", user_id="somebody-else")
    theirs = begin(shell, somebody, "hi")
    assert "belongs to console:somebody-else" in quick("resume", theirs).err
    assert quick("resume", "--last", "--user", "nobody-yet").code == 1


def test_one_of_another_scope_is_said_to_be_that(shell: Shell, quick: Quick) -> None:
    """It is the same person's, so it is no stranger's."""
    ident = begin(shell, ME, "hello")
    done = quick("resume", ident, PALAVER_SESSIONS__SCOPE="per-peer")
    assert (done.code, done.out) == (1, "")
    assert "was begun in the scope per-channel-peer, which does not hold here now" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Say which conversation: an id, --last or --here; a list to choose from needs a terminal"),
        (["--interactive"], 2, "--interactive needs a terminal"),
        (["--last", "--interactive"], 2, "only one of --last and --interactive"),
        (["zzzzzzzzzzzz"], 1, "no such session: zzzzzzzzzzzz"),
        ([""], 1, "say which session"),
        (["--last", "--user", ""], 1, "user_id"),
    ],
)
def test_in_a_pipe_it_has_to_be_said_which(
    shell: Shell, quick: Quick, arguments: list[str], code: int, words: str
) -> None:
    """Each way of not saying it is an error in words."""
    begin(shell, ME, "hello")
    done = quick("resume", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_where_nothing_was_ever_said_there_is_nothing_to_resume(shell: Shell, quick: Quick) -> None:
    """Nothing is made by asking, either."""
    done = quick("resume", "--last")
    assert (done.code, done.out) == (1, "")
    assert "no such conversation to resume yet; palaver chat begins one" in done.err
    assert not shell.home.exists()


def test_a_running_bot_has_the_store(shell: Shell) -> None:
    """It is 75 then, and nothing is said in the conversation."""
    ident = begin(shell, ME, "hello")
    with running(shell) as bot:
        done = shell.run("resume", ident, "hi")
        assert (done.code, done.out) == (75, "")
        assert f"held by process {bot.pid}: the bot that runs, or a chat at another terminal" in done.err
        assert f"end that one first (kill {bot.pid} ends it in order) and run this again" in done.err
        assert f"palaver sessions show {ident} shows it, and palaver chat --ephemeral talks" in done.err
        assert shell.run("sessions", "show", ident).code == 0
        assert shell.run("chat", "--ephemeral", "hello").code == 0
    assert said(shell, ident) == ["hello"]


def test_at_a_terminal_a_list_lets_one_choose(shell: Shell) -> None:
    """Typing filters, the arrows choose, Enter goes on in it."""
    trip = begin(shell, ME, "when in Rome", title="Trip to Rome")
    begin(shell, ME, "x", title="Taxes")
    begin(shell, telegram("42"), "y", title="Rome of another")
    with at_terminal(shell, "resume") as terminal:
        terminal.shows("Go on with:")
        terminal.shows("Trip to Rome")
        terminal.types("rome")
        terminal.types(ENTER)
        terminal.shows("/help")
        terminal.types("and now?\r")
        terminal.shows("I was sent 2 messages")
        terminal.types("\x04")
        assert terminal.ends() == 0
    assert said(shell, trip) == ["when in Rome", "and now?"]


def test_leaving_the_list_changes_nothing(shell: Shell) -> None:
    """Esc ends with 130, as Ctrl-C does everywhere."""
    begin(shell, ME, "x", title="One")
    begin(shell, ME, "y", title="Two")
    before = listed(shell)
    with at_terminal(shell, "sessions", "resume", "--interactive", "--here") as terminal:
        terminal.shows("no such conversation to resume that was begun in this folder")
        assert terminal.ends() == 1
    for key in (ESCAPE, "\x03"):
        with at_terminal(shell, "sessions", "resume", "--interactive") as terminal:
            terminal.shows("Esc leaves")
            terminal.types(key)
            assert terminal.ends() == 130
    assert listed(shell) == before


async def picked(*keys: str, rows: int = 24, lines: int = 30) -> tuple[str | None, str]:
    """Type keys into a picker of so many lines; give what was chosen and what was shown."""
    choices = [Choice(f"id{number}", f"line {number} {'odd' if number % 2 else 'even'}") for number in range(lines)]
    with create_pipe_input() as source:
        screen = StringIO()
        output = Vt100_Output(screen, lambda: Size(rows=rows, columns=40), term="xterm", enable_cpr=False)
        picking = asyncio.ensure_future(Picker("Choose:", choices, source=source, output=output).pick())
        for key in keys:
            source.send_text(key)
            await asyncio.sleep(0.02)
        async with asyncio.timeout(PATIENCE):
            return await picking, screen.getvalue()


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ([ENTER], "id0"),
        ([DOWN, DOWN, UP, ENTER], "id1"),
        ([UP, UP, ENTER], "id0"),
        ([DOWN] * 40 + [ENTER], "id29"),
        (["2", "9", ENTER], "id29"),
        (["ODD", DOWN, ENTER], "id3"),
        (["odd 7", ENTER], "id7"),
        (["9x", BACKSPACE, ENTER], "id9"),
        ([DOWN, DOWN, "even", ENTER], "id0"),
        (["nothing", ENTER, ESCAPE], None),
        (["nothing", "\x15", ENTER], "id0"),
        ([ESCAPE], None),
        (["\x03"], None),
        (["\x04"], None),
    ],
)
async def test_keys_choose(keys: list[str], chosen: str | None) -> None:
    """Arrows stop at both ends; typing goes back to the first line that fits; Enter on nothing does nothing."""
    assert (await picked(*keys))[0] == chosen


@pytest.mark.parametrize("rows", [1, 4, 10])
async def test_a_small_terminal_shows_where_one_is(rows: int) -> None:
    """The list moves along with the arrows."""
    chosen, shown = await picked(*[DOWN] * 20, ENTER, rows=rows)
    assert chosen == "id20"
    assert rows < 4 or "line 2" in shown
