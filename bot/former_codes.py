"""FormerCodes: whose the pairing codes were that can not be used any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from sessions.manager import SessionManager
from sessions.message import JsonValue

KEPT = 24 * 3600  # seconds since somebody asked: so long the buttons with their code count
MOST_KEPT = 300

NOTE = "pairing/over"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerCode:
    """A code that somebody had; `used` says that it let them in."""

    code: str
    person: str
    since: int
    used: bool

    def to_json(self) -> JsonValue:
        """Give it as it is noted under its code."""
        return {"person": self.person, "since": self.since, "used": self.used}

    @classmethod
    def from_json(cls, code: str, said: object) -> Self:
        """Read what `to_json` gave."""
        match said:
            case {"person": str(person), "since": int(since), "used": bool(used)}:
                return cls(code=code, person=person, since=since, used=used)
        raise ValueError("not a former code")


class FormerCodes:
    """Keeps the newest for a day, sealed in the store."""

    def __init__(self, sessions: SessionManager) -> None:
        self._sessions = sessions

    async def add(self, codes: Iterable[FormerCode], now: int) -> None:
        """Remember some."""
        added = {one.code: one for one in codes if now < one.since + KEPT}

        def add(noted: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            known = _kept(noted, now) | added
            newest = sorted(known.values(), key=lambda one: one.since, reverse=True)[:MOST_KEPT]
            return {one.code: one.to_json() for one in newest}

        await self._sessions.change_note(NOTE, add)

    async def find(self, code: str, now: int) -> FormerCode | None:
        """Give the one that is remembered by this code."""
        return _kept(await self._sessions.note(NOTE), now).get(code)


def _kept(noted: Mapping[str, JsonValue], now: int) -> dict[str, FormerCode]:
    codes = [FormerCode.from_json(code, said) for code, said in noted.items()]
    return {one.code: one for one in codes if now < one.since + KEPT}
