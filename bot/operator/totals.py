"""Totals: what all conversations come to, per provider, per person and per day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from bot.operator.session_json import total, usage_json
from sessions.catalogue import Count, Listed, Wanted
from sessions.errors import NotFound, VaultError
from sessions.manager import SessionManager
from sessions.message import JsonValue, Usage
from sessions.operator_search import Tally

UNKNOWN = "-"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()


@dataclass(slots=True)
class Sum:
    """Some conversations, their messages as one reads them, and tokens."""

    sessions: int = 0
    messages: int = 0
    usage: Usage = field(default_factory=Usage)

    def add(self, listed: Listed) -> None:
        """Count one conversation."""
        self.sessions += 1
        self.messages += listed.session.message_count
        self.usage += listed.session.usage

    def as_json(self) -> dict[str, JsonValue]:
        """Give it as JSON."""
        return {"sessions": self.sessions, "messages": self.messages, "token_usage": usage_json(self.usage)}


@dataclass(slots=True)
class Totals:
    """All conversations together."""

    whole: Sum = field(default_factory=Sum)
    statuses: Counter[str] = field(default_factory=Counter)
    providers: dict[str, Sum] = field(default_factory=dict)
    people: dict[str, Sum] = field(default_factory=dict)
    roles: Counter[str] = field(default_factory=Counter)  # of the messages one reads
    days: dict[date, Counter[str]] = field(default_factory=dict)  # the same, by role
    stored: int = 0  # messages on all branches, those that forks share once
    timeless: int = 0  # of those messages whose time is damaged; they are on no day

    async def count(self, sessions: SessionManager) -> None:
        """Go through all conversations, and count one by one where something else is stored than what one reads."""
        stored = _BySession(await sessions.catalogue.counts())
        self.stored, self.timeless = stored.total, stored.timeless
        async for listed in sessions.catalogue.each(Wanted()):
            self.whole.add(listed)
            self.statuses[listed.session.status.value] += 1
            self.providers.setdefault(listed.session.backend or UNKNOWN, Sum()).add(listed)
            self.people.setdefault(listed.person or UNKNOWN, Sum()).add(listed)
            if stored.is_read(listed):
                continue
            with suppress(NotFound, VaultError):  # of one that does not open all that is stored has to stand for it
                self._add_tally(await sessions.everywhere.tally(listed))
                stored.leave_out(listed)
        for one in stored.counts():
            self.roles[one.role] += one.messages
            if one.day is not None:
                self._on(one.day, one.role, one.messages)

    def _add_tally(self, tally: Tally) -> None:
        self.roles.update(tally.roles)
        for (day, role), count in tally.days.items():
            self._on(day, role, count)

    def _on(self, day: int, role: str, count: int) -> None:
        self.days.setdefault(day_of(day), Counter())[role] += count

    def per_day(self) -> dict[date, int]:
        """Give the messages of each day."""
        return {day: roles.total() for day, roles in self.days.items()}

    def as_json(self) -> dict[str, JsonValue]:
        """Give everything under stable names."""
        return {
            **self.whole.as_json(),
            "stored_messages": self.stored,
            "by_status": dict(self.statuses),
            "by_role": dict(self.roles),
            "by_provider": [{"provider": name, **sum_.as_json()} for name, sum_ in largest(self.providers)],
            "by_person": [{"person": name, **sum_.as_json()} for name, sum_ in largest(self.people)],
            "by_day": [day_json(day, self.days[day]) for day in sorted(self.days)],
        }


class _BySession:
    """What is stored of each conversation, and of which of them one reads just that."""

    def __init__(self, counts: Sequence[Count]) -> None:
        self._counts, self._left_out = counts, set[int]()
        self._stored: Counter[int] = Counter()
        for one in counts:
            self._stored[one.session] += one.messages
        self.total = self._stored.total()
        self.timeless = sum(one.messages for one in counts if one.day is None)

    def is_read(self, listed: Listed) -> bool:
        """Tell whether one reads all that is stored there, and nothing else."""
        return listed.session.forked_from is None and self._stored[listed.number] == listed.session.message_count

    def leave_out(self, listed: Listed) -> None:
        """Have it not among the counts."""
        self._left_out.add(listed.number)

    def counts(self) -> Iterator[Count]:
        """Give the counts of those that were not left out."""
        return (one for one in self._counts if one.session not in self._left_out)


def largest(sums: dict[str, Sum]) -> Iterator[tuple[str, Sum]]:
    """Give names and sums, the most tokens first."""
    order = sorted(sums.items(), key=lambda one: (-total(one[1].usage), -one[1].messages, one[0]))
    yield from order


def day_json(day: date, roles: Counter[str]) -> dict[str, JsonValue]:
    """Give the messages of a day."""
    return {"day": day.isoformat(), "messages": roles.total(), **roles}


def day_of(number: int) -> date:
    """Give a day since 1970 in UTC."""
    return _EPOCH + timedelta(days=number)
