"""Totals: what all conversations come to, per provider, per person and per day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from bot.operator.session_json import total, usage_json
from sessions.catalogue import Listed, Wanted
from sessions.manager import SessionManager
from sessions.message import JsonValue, Usage

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
    roles: Counter[str] = field(default_factory=Counter)  # of all stored messages
    days: dict[date, Counter[str]] = field(default_factory=dict)  # of all stored messages, by role
    timeless: int = 0  # messages whose time is damaged; they are on no day

    async def count(self, sessions: SessionManager) -> None:
        """Go through all conversations."""
        async for listed in sessions.catalogue.each(Wanted()):
            self.whole.add(listed)
            self.statuses[listed.session.status.value] += 1
            self.providers.setdefault(listed.session.backend or UNKNOWN, Sum()).add(listed)
            self.people.setdefault(listed.person or UNKNOWN, Sum()).add(listed)
        for one in await sessions.catalogue.counts():
            self.roles[one.role] += one.messages
            if one.day is None:
                self.timeless += one.messages
            else:
                self.days.setdefault(day_of(one.day), Counter())[one.role] += one.messages

    def per_day(self) -> dict[date, int]:
        """Give the messages of each day."""
        return {day: roles.total() for day, roles in self.days.items()}

    def as_json(self) -> dict[str, JsonValue]:
        """Give everything under stable names."""
        return {
            **self.whole.as_json(),
            "by_status": dict(self.statuses),
            "by_role": dict(self.roles),
            "by_provider": [{"provider": name, **sum_.as_json()} for name, sum_ in largest(self.providers)],
            "by_person": [{"person": name, **sum_.as_json()} for name, sum_ in largest(self.people)],
            "by_day": [day_json(day, self.days[day]) for day in sorted(self.days)],
        }


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
