"""How many messages a conversation has: those one reads, wherever it is told; what else is stored is named so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sessions.export.json_reader import from_json
from sessions.manager import SessionManager
from tests.bot.operator.conversations import Quick, begin, telegram, within
from tests.bot.shell import Shell


@pytest.fixture
def undone(shell: Shell) -> str:
    """A conversation of six stored messages, of which two turns were taken back: two are read."""

    async def work(sessions: SessionManager) -> str:
        session = await sessions.new_session(telegram("42"))
        for turn in range(3):
            if turn:
                await sessions.undo(telegram("42"))
            await sessions.add_message(session.id, role="user", content=f"question {turn}")
            await sessions.add_message(session.id, role="assistant", content=f"answer {turn}")
        return session.id

    return within(shell, work)


def fork_of(shell: Shell, source: str) -> str:
    """Go on from a conversation in one of its own, with one message more and one that was taken back."""

    async def work(sessions: SessionManager) -> str:
        fork = await sessions.fork(source)
        await sessions.add_message(fork.id, role="user", content="else")
        await sessions.undo(telegram("42"))
        await sessions.add_message(fork.id, role="user", content="more")
        return fork.id

    return within(shell, work)


@pytest.mark.parametrize(("forked", "read", "stored"), [(False, 2, 6), (True, 3, 4)])
def test_every_command_counts_the_same(
    shell: Shell, quick: Quick, tmp_path: Path, undone: str, forked: bool, read: int, stored: int
) -> None:
    """The list, show, stats, and each export tell what one reads; stats and the JSON export name the rest as well."""
    ident = fork_of(shell, undone) if forked else undone

    def json_of(*command: str) -> dict[str, object]:
        said = json.loads(quick(*command, "--json").out)
        found = next(one for one in said if one["id"] == ident) if isinstance(said, list) else said
        assert isinstance(found, dict)
        return found

    assert json_of("sessions", "list")["messages"] == read
    shown = json_of("sessions", "show", ident)
    assert (shown["message_count"], len(list(shown["messages"]))) == (read, read)  # type: ignore[call-overload]
    counted = json_of("sessions", "stats", ident)
    assert (counted["messages"], counted["stored_messages"]) == (read, stored)
    lines = quick("sessions", "stats", ident).lines
    assert f"{'Total Messages:':<25}{read}" in lines
    assert f"{'Stored on all branches:':<25}{stored}" in lines
    row = next(line for line in quick("sessions", "list").lines if line.startswith(ident))
    assert row.partition("just now")[2].split()[0] == f"{read}"
    assert f"Messages:          {read}" in quick("sessions", "show", ident).lines
    for form in ("markdown", "text", "html"):
        done = quick("sessions", "export", ident, "--format", form, "-o", str(tmp_path / form))
        assert done.out.endswith(f": 1 conversation with {read} messages, in clear.\n")
    path = tmp_path / "it.json"
    done = quick("sessions", "export", ident, "--format", "json", "-o", str(path))
    assert done.out.endswith(f": 1 conversation with {read} messages ({stored} stored on all branches), in clear.\n")
    written = from_json(path.read_bytes())
    assert (written.session.message_count, len(written.messages), len(written.stored)) == (read, read, stored)


def test_totals_count_what_is_read(shell: Shell, quick: Quick, undone: str) -> None:
    """By role and by day it is the same number as in whole, also with forks; what is stored is named beside."""
    fork_of(shell, undone)
    begin(shell, telegram("7"), "plain")
    said = json.loads(quick("sessions", "stats", "--json").out)
    assert (said["messages"], said["stored_messages"]) == (2 + 3 + 1, 6 + 2 + 1)
    assert said["by_role"] == {"user": 4, "assistant": 2}
    assert [(day["messages"], day["user"], day["assistant"]) for day in said["by_day"]] == [(6, 4, 2)]
    assert sum(one["messages"] for one in said["by_person"]) == 6
    lines = quick("sessions", "stats").lines
    assert f"{'Messages:':<25}6" in lines
    assert f"{'Stored on all branches:':<25}9" in lines


def test_what_is_erased_is_all_that_is_stored(shell: Shell, quick: Quick, undone: str) -> None:
    """It is named so, as the list tells of fewer."""
    assert quick("sessions", "delete", undone, "--yes").out == "Deleted 1 session with 6 stored messages.\n"
