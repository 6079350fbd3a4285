"""What palaver audit list says about each thing that was done."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bot.operator.audit_words import in_words
from sessions.audit import AuditEntry, AuditKind, acting
from sessions.manager import SessionManager
from sessions.message import JsonValue
from tests.bot.operator.conversations import ME, Quick, begin, telegram, within
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import Shell

WHOSE = {"aaaa": "telegram:1", "bbbb": "discord:2"}
SAID: tuple[tuple[AuditKind, Mapping[str, JsonValue], str], ...] = (
    (AuditKind.RESET, {"how": "reset", "session": "aaaa", "then": "c"}, "Reset session aaaa of telegram:1; c goes on"),
    (AuditKind.RESET, {"how": "new", "session": "c", "then": "d"}, "Archived session c for a new one; d goes on"),
    (AuditKind.RESET, {"how": "expire", "session": "c", "then": "d"}, "Reset session c, as it was due; d goes on"),
    (
        AuditKind.RESET,
        {"how": "archive", "session": "c", "before": "active", "after": "completed"},
        "Archived session c, which was active",
    ),
    (AuditKind.RESTORE, {"checkpoint": "k"}, "Went back to checkpoint k"),
    (AuditKind.RESTORE, {"database": True, "sessions": 1}, "Put a backup with 1 session in the place of the database"),
    (AuditKind.STATUS, {"session": "c", "before": "active", "after": "paused"}, "Set session c from active to paused"),
    (AuditKind.EXPORT, {"session": "bbbb", "format": "json"}, "Exported session bbbb of discord:2 as json"),
    (
        AuditKind.EXPORT,
        {"count": 2_000, "format": "html", "person": "telegram:1"},
        "Exported 2,000 sessions of telegram:1 as html",
    ),
    (
        AuditKind.EXPORT,
        {"sessions": ["aaaa"], "count": 1, "format": "person"},
        "Exported all there is of a person: session aaaa of telegram:1",
    ),
    (AuditKind.IMPORT, {"sessions": ["c"], "count": 1, "messages": 1}, "Imported session c with 1 stored message"),
    (
        AuditKind.ERASURE,
        {"sessions": ["a", "b", "c", "d"], "count": 4, "messages": 9},
        "Erased 4 sessions (a, b, c, ...) with 9 stored messages",
    ),
    (AuditKind.ERASURE, {"sessions": [], "count": 0, "messages": 0, "notes": 2}, "Erased 2 notes on a person"),
    (AuditKind.SCOPE, {"scope": "per-peer"}, "Chose the scope per-peer for a chat"),
    (AuditKind.LINK, {"joined": True}, "Linked two accounts"),
    (AuditKind.LINK, {"joined": False}, "Had an account stand alone again"),
    (AuditKind.KEY, {"done": "added", "key": "3f"}, "Added key 3f to the keyring"),
    (AuditKind.KEY, {"done": "retired", "key": "3f"}, "Let key 3f go"),
    (AuditKind.KEY, {"done": "rotation begun", "key": "3f", "deep": True}, "Began a deep rotation to key 3f"),
    (
        AuditKind.KEY,
        {"done": "rotation ended", "key": "3f", "deep": False, "left": 1},
        "Ended a rotation to key 3f, with 1 session left",
    ),
    (AuditKind.KEY, {"done": "written out for recovery", "key": "3f"}, "Wrote out key 3f for paper"),
    (AuditKind.REFUSED, {"session": "aaaa"}, "Was refused session aaaa of telegram:1, which is not theirs"),
    (AuditKind.READ, {"how": "show", "session": "aaaa"}, "Read session aaaa of telegram:1"),
    (AuditKind.READ, {"session": "aaaa"}, "Read session aaaa of telegram:1"),
    (AuditKind.READ, {"how": "search", "person": None}, "Searched all sessions"),
    (AuditKind.READ, {"how": "search", "person": "telegram:1"}, "Searched what telegram:1 began"),
    (
        AuditKind.READ,
        {"how": "list", "sessions": ["aaaa", "c"]},
        "Listed first words of 2 sessions (aaaa of telegram:1, c)",
    ),
    (
        AuditKind.PUSH,
        {"sessions": ["c"], "count": 1, "erased": 2},
        "Sent session c to other machines; 2 sessions erased",
    ),
    (
        AuditKind.PULL,
        {"sessions": ["c"], "count": 1, "messages": 3, "erased": 0},
        "Took in session c with 3 stored messages from other machines",
    ),
    (
        AuditKind.SHARE,
        {"session": "c", "to": ["x", "y"], "messages": 3},
        "Shared session c, 3 stored messages, with x, y",
    ),
    (AuditKind.SHARE, {"session": "c", "withdrawn": ["x"]}, "Took back session c from x"),
    (AuditKind.CLONE, {"session": "c", "shared": "d", "by": "x"}, "Made session c of what x shared"),
)


def entry_of(kind: str | None, about: Mapping[str, JsonValue]) -> AuditEntry:
    return AuditEntry(1, datetime(2026, 1, 31, tzinfo=UTC), kind, "shell:ann", about)


@pytest.mark.parametrize(("kind", "about", "words"), SAID, ids=[words for _, _, words in SAID])
def test_what_was_done_is_said_in_a_sentence(kind: AuditKind, about: Mapping[str, JsonValue], words: str) -> None:
    """With whose conversation it was, where that is still known, and only the first of many."""
    assert in_words(entry_of(kind.value, about), WHOSE) == words


def test_there_are_words_for_everything_that_is_told_of() -> None:
    """A new kind of entry needs words as well."""
    assert {kind for kind, _, _ in SAID} == set(AuditKind)


def test_what_there_are_no_words_for_is_given_as_it_stands() -> None:
    """An entry of another version, or with other fields, loses nothing; one that does not open says so."""
    assert in_words(entry_of("dance", {"to": "music", "steps": [1, 2]}), {}) == "dance to=music steps=1, 2"
    for kind in AuditKind:
        assert in_words(entry_of(kind.value, {"odd": 1}), {}) == f"{kind.value} odd=1"
    assert "does not open" in in_words(entry_of(None, {}), {})


def test_the_list_tells_whose_it_was_and_when_here(shell: Shell, quick: Quick) -> None:
    """The person stands beside the session, the time is that of the zone in the settings, one line for each entry."""
    ident = begin(shell, telegram("42"), "hello")
    quick("sessions", "show", ident)
    (entry,) = json.loads(quick("audit", "list", "--json").out)
    head, line = quick("audit", "list", PALAVER_SESSIONS__TIMEZONE="Pacific/Kiritimati").lines
    assert line.endswith(f"{entry['by']}  Read session {ident} of telegram:42")
    (here,) = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", line)
    at = datetime.fromisoformat(entry["at"]).timestamp()
    assert 14 * 3600 - 60 < datetime.fromisoformat(f"{here}+00:00").timestamp() - at <= 14 * 3600
    assert head.index("WHAT") == line.index("Read")


def test_at_a_terminal_nothing_is_cut_off(shell: Shell) -> None:
    """Words that do not fit go on below where they begin."""
    ids = [begin(shell, telegram(f"{number}"), "hello") for number in range(3)]

    async def work(sessions: SessionManager) -> None:
        with acting("shell:ann"):
            await sessions.audit.note(AuditKind.READ, how="list", sessions=[*ids])

    within(shell, work)
    begin(shell, ME, "hello")
    with at_terminal(shell, "audit", "list") as terminal:
        terminal.shows(f"Listed first words of 3 sessions ({ids[0]} of telegram:0,")
        terminal.shows(f"\n{' ' * len('NUMBER  2026-01-31 10:00  shell:ann  ')}")
        terminal.shows(f"{ids[2]} of telegram:2)")
        assert terminal.ends() == 0
