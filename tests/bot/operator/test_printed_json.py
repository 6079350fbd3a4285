"""JSON for programs: what can not be seen is escaped, and reads back as it was."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from bot.operator.printed_json import to_json
from sessions.manager import SessionManager
from tests.bot.operator.conversations import Quick, telegram, within
from tests.bot.shell import Shell

HIDDEN = "a\u200bb\u202ec\u00add\u2060e\ufefff\u200dg\ufe0fh\u115fi\u3164j\U000e0041k\u2028l\x7fm\x9bn"


def is_hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")


def test_nothing_hidden_stands_in_it() -> None:
    """No format or control character there is, in values as in names; every character reads back."""
    every = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    said = to_json({every: [every]})
    assert [hex(ord(char)) for char in said if is_hidden(char)] == []
    assert json.loads(said) == {every: [every]}


@pytest.mark.parametrize("text", [HIDDEN, "\ud83d", "x\udc00y", "\U0001f469\u200d\U0001f680", "grün 漢字 ❤"])
def test_it_reads_back_as_it_was(text: str) -> None:
    """Also half a character, which can not be written as UTF-8 but escaped; letters stay as they are."""
    said = to_json({text: text})
    assert json.loads(said) == {text: text}
    assert said.encode()
    assert all(char in said for char in text if char.isalpha() and char.isprintable() and char not in "\u115f\u3164")


@pytest.mark.parametrize("text", [*"\u115f\u1160\u3164\uffa0\u034f\u17b4\u180b\ufe0f\U000e0100"])
def test_what_is_blank_by_another_name_is_escaped_too(text: str) -> None:
    """Fillers and selectors are letters and marks to Unicode, and are as invisible."""
    assert text not in to_json(text)
    assert json.loads(to_json(text)) == text


def test_what_commands_print_is_so(shell: Shell, quick: Quick) -> None:
    """In a pipe as at a terminal: what is hidden in words is seen, and they are the same words."""

    async def work(sessions: SessionManager) -> str:
        session = await sessions.create_session(telegram("42"), metadata={"note": "x\u2060y"})
        await sessions.add_message(session.id, role="user", content=HIDDEN)
        return session.id

    ident = within(shell, work)
    for arguments in (["list"], ["show", ident], ["search", "a"], ["meta", ident]):
        done = quick("sessions", *arguments, "--json")
        assert done.code == 0, done
        assert [char for char in done.out if is_hidden(char) and char != "\n"] == []
    (said,) = json.loads(quick("sessions", "list", "--json").out)
    assert (said["prompt"], said["metadata"]["note"]) == (HIDDEN, "x\u2060y")
    assert json.loads(quick("sessions", "show", ident, "--json").out)["messages"][0]["content"] == HIDDEN
