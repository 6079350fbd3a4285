"""Deletion: erasing conversations for good, by id, by condition or by age, and never more than was said yes to.

Conditions hold for what was counted when it was asked about, and are looked at again where the erasing is done: what
was used meanwhile stays, and what came since is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.control import Answer
from bot.operations import Request, text_of, texts_of
from bot.pending_answers import take_back
from sessions.account import Account
from sessions.catalogue import Listed, Wanted
from sessions.errors import InvalidValue, NotFound
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.session import Status

ERASE, CLEAN = "erase sessions", "clean sessions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """Which conversations are to be erased: those that are named, or those that fit every condition that is set."""

    named: tuple[str, ...] = ()
    everything: bool = False
    status: Status | None = None
    person: str | None = None
    until: datetime | None = None  # last used before this

    def __post_init__(self) -> None:
        conditions = self.status is not None or self.person is not None or self.until is not None
        if bool(self.named) + conditions + self.everything != 1:
            raise InvalidValue(
                "say which sessions to erase: ids, or conditions (--before, --older-than, --status, --person), or --all"
            )

    def fits(self, found: Listed) -> bool:
        """Tell whether a conversation fits; of what does not open, time and status may be just what was changed."""
        return self.everything or (
            found.address is not None
            and self.status in (None, found.session.status)
            and self.person in (None, found.person)
            and (self.until is None or found.session.last_activity_at < self.until)
        )

    def encode(self) -> dict[str, JsonValue]:
        """Give it as JSON."""
        return {
            "sessions": list(self.named),
            "all": self.everything,
            "status": None if self.status is None else self.status.value,
            "person": self.person,
            "until": None if self.until is None else self.until.timestamp(),
        }

    @classmethod
    def decode(cls, request: Request) -> Doomed:
        """Read what `encode` wrote. Raises `InvalidValue` for anything else: nothing is erased by mistake."""
        status, person, until = (request.get(name) for name in ("status", "person", "until"))
        if until is not None and (isinstance(until, bool) or not isinstance(until, int | float)):
            raise InvalidValue("the request needs a time as until")
        return cls(
            named=tuple(texts_of(request, "sessions")),
            everything=request.get("all") is True,
            status=None if status is None else parse_status(text_of(request, "status")),
            person=None if person is None else text_of(request, "person"),
            until=None if until is None else _moment(until),
        )


async def erase(sessions: SessionManager, request: Request) -> Answer:
    """Erase what is named, all of it or nothing; or, of the sessions given as `among`, those that fit by now."""
    doomed = Doomed.decode(request)
    if doomed.named:
        return await _erased(sessions, await find_doomed(sessions, doomed))
    while True:
        fitting = await _still_fitting(sessions, texts_of(request, "among"), doomed)
        with suppress(NotFound):  # one was erased since we looked
            return await _erased(sessions, fitting)


async def _erased(sessions: SessionManager, idents: Sequence[str]) -> Answer:
    for ident in idents:
        sessions.lanes.stop(ident)  # nobody waits for a reply there any more
    listed = [await sessions.catalogue.find(ident) for ident in idents]
    await take_back(sessions, {Account.of(one.address) for one in listed if one.address is not None})
    receipt = await sessions.erase_sessions(idents)
    return {"sessions": receipt.sessions, "messages": receipt.messages}


async def _still_fitting(sessions: SessionManager, idents: Sequence[str], doomed: Doomed) -> list[str]:
    fitting = []
    for ident in idents:
        with suppress(NotFound):
            found = await sessions.catalogue.find(ident)
            if found.session.id == ident and doomed.fits(found):
                fitting.append(ident)
    return fitting


async def clean(sessions: SessionManager, request: Request) -> Answer:
    """Erase what nothing happened in for so many seconds."""
    erased = await sessions.cleanup(older_than=_age(request), keep_checkpoints=request.get("keep") is not False)
    return {"sessions": erased}


async def find_doomed(sessions: SessionManager, doomed: Doomed) -> list[str]:
    """Give the ids of what is to be erased. Raises `NotFound` or `Ambiguous` if one that is named is not."""
    if doomed.named:
        return list(dict.fromkeys([(await sessions.catalogue.find(one)).session.id for one in doomed.named]))
    wanted = Wanted(status=doomed.status, person=doomed.person, until=doomed.until)
    return [one.session.id async for one in sessions.catalogue.each(wanted) if doomed.fits(one)]


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidValue("there is no such time; nothing was erased") from None


def parse_status(name: str) -> Status:
    """Read a status. Raises `InvalidValue` with those there are."""
    try:
        return Status(name.strip().lower())
    except ValueError:
        raise InvalidValue(f"{name!r} is no status; there are {', '.join(one.value for one in Status)}") from None


def _age(request: Request) -> timedelta:
    seconds = request.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1:
        raise InvalidValue("the age must be more than 0, or everything would be erased")
    return timedelta(seconds=seconds)
