"""What strangers wrote, at the operator's terminal: seen, and without effect; in a pipe and a file as it is."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from sessions.manager import SessionManager
from tests.bot.doorway import Doorway, private
from tests.bot.operator.conversations import Quick, telegram, within
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import Shell
from tests.conftest import ManualClock

NASTY = "find\x1b]0;owned\x07me\x9b2J\x7f\b\u202eevil\u2066\u200f\u061c\tkept\nsecond\rline"
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\x1b(?!\\[[0-9;]*m)")
OURS = re.compile("\x1b\\[([0-9;]*m|1A|2K|\\?25[lh])")  # styles, and what draws a line of progress


@pytest.fixture
def nasty(shell: Shell) -> str:
    """Have a conversation in which everything that can be text is nasty."""

    async def work(sessions: SessionManager) -> str:
        session = await sessions.create_session(
            telegram("42"), title=NASTY, model=NASTY, backend=NASTY, metadata={"note": NASTY, NASTY: "x"}
        )
        await sessions.add_message(session.id, role="user", content=NASTY)
        await Doorway(sessions, ManualClock(time.time())).knocks(private("77"), NASTY)
        return session.id

    return within(shell, work)


def shown(shell: Shell, *arguments: str, code: int = 0) -> str:
    """Give what a terminal gets to see, without what the terminal itself puts before line breaks."""
    with at_terminal(shell, *arguments) as terminal:
        assert terminal.ends() == code, terminal.shown
        return terminal.shown.replace("\r\n", "\n")


@pytest.mark.parametrize("form", ["markdown", "text", "html", "json"])
def test_an_export_at_a_terminal_does_nothing(shell: Shell, nasty: str, form: str) -> None:
    """Escape codes and what reorders text are seen as what they are; line breaks and tabs stay."""
    text = shown(shell, "sessions", "export", nasty, "--format", form, "-o", "-")
    assert ACTS.findall(OURS.sub("", text)) == []
    assert "\x1b" not in text
    assert "\\u202eevil" in text
    assert "\tkept" in text or form == "json"
    if form == "json":
        assert json.loads(text)["messages"][0]["content"] == NASTY


@pytest.mark.parametrize("form", ["markdown", "text", "html", "json"])
def test_an_export_elsewhere_is_the_bytes_it_is(
    shell: Shell, quick: Quick, nasty: str, form: str, tmp_path: Path
) -> None:
    """A pipe gets what a file gets, to the byte, but for the time it was written."""
    file = tmp_path / "export"
    assert quick("sessions", "export", nasty, "--format", form, "-o", str(file)).code == 0
    said = shell.run("sessions", "export", nasty, "--format", form, "-o", "-").out
    times = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?")
    assert times.sub("", said) == times.sub("", file.read_bytes().decode())
    assert "\u202eevil" in said


def test_an_encrypted_export_is_not_for_a_terminal(shell: Shell, nasty: str, tmp_path: Path) -> None:
    """Its bytes could be anything; it says where to send them."""
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery staple")
    secret.chmod(0o600)
    arguments = ["sessions", "export", nasty, "-o", "-", "--passphrase-file", str(secret)]
    assert "is not for a terminal" in shown(shell, *arguments, code=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["sessions", "show", "{id}"],
        ["sessions", "show", "{id}", "--format", "markdown"],
        ["sessions", "show", "{id}", "--format", "json"],
        ["sessions", "list"],
        ["sessions", "list", "--json"],
        ["sessions", "search", "kept"],
        ["sessions", "search", "kept", "--json"],
        ["sessions", "meta", "{id}"],
        ["sessions", "meta", "{id}", "note"],
        ["sessions", "meta", "{id}", "--json"],
        ["sessions", "stats", "{id}"],
        ["sessions", "stats"],
        ["sessions", "stats", "--json"],
        ["sessions", "rename", "{id}", "x\u202ey\x1b[2Jz"],
        ["sessions", "tag", "{id}", "x\u202ey"],
        ["sessions", "show", "\u202e\x1b[2J"],
        ["people", "list"],
        ["people", "links", "telegram:\u202e\x1b[2J"],
        ["audit", "list"],
        ["pair", "list"],
        ["pair", "list", "--json"],
        ["sessions", "fork", "{id}"],
        ["sessions", "meta", "{id}", "--unset", NASTY],
    ],
)
def test_nothing_that_is_printed_acts_on_a_terminal(shell: Shell, nasty: str, arguments: list[str]) -> None:
    """Whatever is shown of a conversation, in whatever form; only our own styles are left."""
    with at_terminal(shell, *(one.format(id=nasty) for one in arguments)) as terminal:
        terminal.ends()
    text = terminal.shown.replace("\r", "")
    assert ACTS.findall(OURS.sub("", text)) == []
