"""Deletion: erasing conversations for good, by id, by condition or by age, and never more than was said yes to.

Conditions hold for what was counted when it was asked about, and are looked at again where the erasing is done: what
was used meanwhile stays, and what came since is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.arguments import Request, count_of, flag_of, optional_text_of, texts_of
from bot.control import Answer
from bot.pending_answers import take_back
from sessions.account import Account
from sessions.catalogue import Listed, Wanted
from sessions.errors import InvalidValue, NotFound
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.session import Status

ERASE, CLEAN = "erase sessions", "clean sessions"
_OLDEST = 1_000 * 365 * 86_400  # seconds; with more no time could be worked out


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """Which conversations are to be erased: those that are named, or those that fit every condition that is set."""

    named: tuple[str, ...] = ()
    everything: bool = False
    status: Status | None = None
    person: str | None = None
    until: datetime | None = None  # last used before this
    shared: bool = False  # of a person, also what others share with them

    def __post_init__(self) -> None:
        conditions = self.status is not None or self.person is not None or self.until is not None
        if bool(self.named) + conditions + self.everything != 1:
            raise InvalidValue(
                "say which sessions to erase: ids, or conditions (--before, --older-than, --status, --person), or --all"
            )

    def fits(self, found: Listed) -> bool:
        """Tell whether a conversation goes: not what somebody shares with others, unless that is asked for."""
        keeps_shared = self.person is not None and not self.shared
        return self.is_meant(found) and not (keeps_shared and found.session.scope.is_shared)

    def is_meant(self, found: Listed) -> bool:
        """Tell whether every condition holds; of what does not open, time and status may be just what was changed."""
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
            "shared": self.shared,
        }

    @classmethod
    def decode(cls, request: Request) -> Doomed:
        """Read what `encode` wrote. Raises `InvalidValue` for anything else: nothing is erased by mistake."""
        status, until = optional_text_of(request, "status"), request.get("until")
        if until is not None and (isinstance(until, bool) or not isinstance(until, int | float)):
            raise InvalidValue("'until' has to be a number, seconds since 1970")
        return cls(
            named=tuple(texts_of(request, "sessions")),
            everything=flag_of(request, "all", default=False),
            status=None if status is None else parse_status(status),
            person=optional_text_of(request, "person"),
            until=None if until is None else _moment(until),
            shared=flag_of(request, "shared", default=False),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is to be erased: ids, how many of them others share, and how many stay because others do."""

    idents: Sequence[str] = ()
    shared: int = 0
    staying: int = 0


async def erase(sessions: SessionManager, request: Request) -> Answer:
    """Erase what is named, all of it or nothing; or, of the sessions given as `among`, those that fit by now."""
    doomed = Doomed.decode(request)
    if doomed.named:
        return await _erased(sessions, (await find_doomed(sessions, doomed)).idents)
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
    """Erase what nothing happened in for so many seconds; with `among`, of these ids alone."""
    among = texts_of(request, "among") if "among" in request else None
    keep = flag_of(request, "keep", default=True)
    erased = await sessions.cleanup(older_than=_age(request), keep_checkpoints=keep, among=among)
    return {"sessions": erased}


async def find_doomed(sessions: SessionManager, doomed: Doomed) -> Found:
    """Find what is to be erased. Raises `NotFound` or `Ambiguous` if one that is named is not."""
    if doomed.named:
        named = [(await sessions.catalogue.find(one)).session for one in doomed.named]
        going = {one.id: one.scope.is_shared for one in named}
        return Found(idents=list(going), shared=sum(going.values()))
    wanted = Wanted(status=doomed.status, person=doomed.person, until=doomed.until)
    idents, shared, staying = [], 0, 0
    async for one in sessions.catalogue.each(wanted):
        if doomed.fits(one):
            idents.append(one.session.id)
            shared += one.session.scope.is_shared
        elif doomed.is_meant(one):
            staying += 1
    return Found(idents=idents, shared=shared, staying=staying)


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
    seconds = count_of(request, "seconds")
    if not 1 <= seconds <= _OLDEST:
        raise InvalidValue(f"'seconds' has to be from 1, or everything would be erased, to {_OLDEST}")
    return timedelta(seconds=seconds)
