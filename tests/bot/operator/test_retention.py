"""How long conversations are kept, for each scope by itself."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.retention import Retention
from config import load_settings
from sessions.address import Address, ChatKind
from sessions.manager import SessionManager
from sessions.scope import Scope
from tests.bot.operator.conversations import Quick, listed, telegram, within
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running

GROUP = replace(telegram("9"), chat_id="-100", chat_kind=ChatKind.GROUP)
WHERE = {
    Scope.MAIN: telegram("1"),
    Scope.PER_PEER: telegram("2"),
    Scope.PER_CHANNEL: GROUP,
    Scope.PER_CHANNEL_PEER: telegram("3"),
}
NAME = "PALAVER_SESSIONS__RETENTION_DAYS"


@pytest.fixture
def ids(shell: Shell) -> dict[str, Scope]:
    """A conversation of 60 days ago in each scope, and one of 10 days ago where there can be two; scopes by id."""

    async def old(sessions: SessionManager) -> dict[str, Scope]:
        return {await _said(sessions, address, scope): scope for scope, address in WHERE.items()}

    async def newer(sessions: SessionManager) -> dict[str, Scope]:
        elsewhere = {scope: replace(one, chat_id=f"{one.chat_id}5", user_id="5") for scope, one in WHERE.items()}
        del elsewhere[Scope.MAIN]
        return {await _said(sessions, address, scope): scope for scope, address in elsewhere.items()}

    return within(shell, old, days_ago=60) | within(shell, newer, days_ago=10)


async def _said(sessions: SessionManager, address: Address, scope: Scope) -> str:
    await sessions.set_scope(address, scope)
    session = await sessions.new_session(address)
    await sessions.add_message(session.id, role="user", content="hello")
    return session.id


def gone(shell: Shell, ids: dict[str, Scope]) -> list[str]:
    """Give the scopes of those that are not there any more, one for each conversation."""
    there = listed(shell)
    return sorted(scope.value for ident, scope in ids.items() if ident not in there)


def test_clean_goes_by_the_scope(shell: Shell, quick: Quick, ids: dict[str, Scope]) -> None:
    """What is said of a scope goes before what is said of all; 0 keeps; the dry run tells of each scope."""
    days = {NAME: "30", f"{NAME}_PER_PEER": "0", f"{NAME}_PER_CHANNEL": "5", f"{NAME}_MAIN": "same"}
    dry = quick("sessions", "clean", "--dry-run", **days)
    assert dry.lines == [
        "Would delete 4 sessions with 4 stored messages past the time of their scope:",
        "  main              1 session with 1 stored message older than 30 days",
        "  per-peer          kept for ever",
        "  per-channel       2 sessions with 2 stored messages older than 5 days",
        "  per-channel-peer  1 session with 1 stored message older than 30 days",
    ]
    assert gone(shell, ids) == []
    asked = quick("sessions", "clean", **days)
    assert asked.code == 1
    assert "This erases 4 sessions with 4 stored messages past the time of their scope for good" in asked.err
    done = quick("sessions", "clean", "--yes", **days)
    assert done.out == "Deleted 4 sessions past the time of their scope.\n"
    assert gone(shell, ids) == ["main", "per-channel", "per-channel", "per-channel-peer"]
    again = quick("sessions", "clean", "--yes", **days)
    assert again.out == "No session is past the time of its scope; there is nothing to clean.\n"


def test_programs_are_told_of_each_scope(quick: Quick, ids: dict[str, Scope]) -> None:
    """As JSON; null stands for what is kept for ever."""
    said = json.loads(quick("sessions", "clean", "--dry-run", "--json", **{f"{NAME}_MAIN": "30"}).out)
    assert said == {
        "sessions": 1,
        "messages": 1,
        "scopes": [
            {"scope": "main", "days": 30, "sessions": 1, "messages": 1},
            {"scope": "per-peer", "days": None, "sessions": 0, "messages": 0},
            {"scope": "per-channel", "days": None, "sessions": 0, "messages": 0},
            {"scope": "per-channel-peer", "days": None, "sessions": 0, "messages": 0},
        ],
    }


def test_an_age_that_is_named_holds_for_all(shell: Shell, quick: Quick, ids: dict[str, Scope]) -> None:
    """Whoever says --older-than means every scope."""
    done = quick("sessions", "clean", "--older-than", "30d", "--yes", **{f"{NAME}_PER_PEER": "0"})
    assert done.out == "Deleted 4 sessions older than 30 days.\n"
    assert gone(shell, ids) == sorted(scope.value for scope in Scope)


def test_all_scopes_alike_are_told_as_one(quick: Quick, ids: dict[str, Scope]) -> None:
    """Also if that is said of each; and where all is kept, that is said with the settings' name."""
    each = {f"{NAME}_{scope.value.replace('-', '_').upper()}": "30" for scope in Scope}
    done = quick("sessions", "clean", "--dry-run", **each)
    assert done.out == "Would delete 4 sessions with 4 stored messages older than 30 days.\n"
    kept = quick("sessions", "clean", "--yes", **{NAME: "0", f"{NAME}_MAIN": "0"})
    assert "kept for ever: sessions.retention_days is 0" in kept.out


def test_it_goes_by_the_scope_beside_a_running_bot(shell: Shell, quick: Quick, ids: dict[str, Scope]) -> None:
    """The bot erases what was asked about, and nothing else."""
    with running(shell):
        done = quick("sessions", "clean", "--yes", **{f"{NAME}_PER_CHANNEL_PEER": "5"})
    assert done.out == "Deleted 2 sessions past the time of their scope.\n"
    assert gone(shell, ids) == ["per-channel-peer", "per-channel-peer"]


@pytest.mark.parametrize("junk", ["-1", "soon", "3.5", "36501", "true"])
def test_junk_is_refused_by_name(shell: Shell, quick: Quick, ids: dict[str, Scope], junk: str) -> None:
    """Nothing is erased with settings that say nothing clear."""
    done = quick("sessions", "clean", "--yes", **{NAME: "1", f"{NAME}_PER_CHANNEL": junk})
    assert (done.code, done.out) == (78, "")
    assert "sessions.retention_days_per_channel" in done.err
    assert gone(shell, ids) == []


def test_doctor_tells_how_long_what_is_kept(quick: Quick) -> None:
    """One line, whatever differs."""

    def told(**settings: str) -> str:
        (line,) = (one for one in quick("doctor", **settings).lines if "  Retention: " in one)
        return line.partition(": ")[2]

    assert told() == "conversations are kept for ever"
    assert told(**{NAME: "30"}) == "archived conversations are erased after 30 days"
    assert told(**{NAME: "30", f"{NAME}_MAIN": "0", f"{NAME}_PER_PEER": "1"}) == (
        "archived conversations are erased after 1 day (per-peer), 30 days (per-channel, per-channel-peer); "
        "kept for ever: main"
    )


def test_same_is_what_holds_for_all() -> None:
    """A scope of which nothing is said has the days of all."""
    settings = load_settings(environ={NAME: "7", f"{NAME}_MAIN": "same", f"{NAME}_PER_PEER": "0"})
    assert Retention.of(settings.sessions).days == {
        Scope.MAIN: 7,
        Scope.PER_PEER: 0,
        Scope.PER_CHANNEL: 7,
        Scope.PER_CHANNEL_PEER: 7,
    }
