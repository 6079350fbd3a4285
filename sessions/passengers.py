"""Passengers: what the next write must carry besides its own, so that both are one unit of work.

Nothing passes them from hand to hand; they go with the task, and with the tasks that this one starts.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from sessions.records import AuditRow, Census, Mail
from sessions.store import Recount, Store

T = TypeVar("T")
Follow = Callable[[AuditRow | None], Sequence[AuditRow]]
_aboard: ContextVar[tuple[Passenger, ...]] = ContextVar("palaver_passengers", default=())


class Passenger(ABC):
    """Something that goes with a write."""

    arrived: asyncio.Event | None = None
    """Not set while a write carries something of it, and then the next one waits; None where nothing builds on it."""

    @abstractmethod
    def board(self, store: Store, *, noting: bool) -> AbstractContextManager[Mail | None]:
        """Give what a write to `store` must carry; an error within the block says that it was not written."""


@contextmanager
def aboard(passenger: Passenger) -> Iterator[None]:
    """Have it go with what is written meanwhile."""
    token = _aboard.set((*_aboard.get(), passenger))
    try:
        yield
    finally:
        _aboard.reset(token)


def nobody_aboard() -> bool:
    """Tell whether the next write carries nothing besides its own, so that `riding` would only take time."""
    return not _aboard.get()


class Carried(asyncio.CancelledError):
    """The caller was cancelled, and what the write carried is stored all the same. Never leaves `riding`."""


@dataclass(frozen=True, slots=True)
class Ride:
    """What a write carries besides its own."""

    mail: Mail | None

    async def write(self, write: Awaitable[T]) -> T:
        """Wait for the write itself. Raises `Carried` if it has happened although the caller was cancelled."""
        if self.mail is None:
            return await write
        ending = asyncio.ensure_future(write)
        try:
            return await asyncio.shield(ending)
        except asyncio.CancelledError:
            while not ending.done():  # a store finishes what it has begun
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([ending])
            if ending.cancelled() or ending.exception() is not None:
                raise
            raise Carried from None


_ALONE = Ride(None)


@asynccontextmanager
async def riding(
    store: Store, passengers: Sequence[Passenger] | None = None, *, noting: bool = True
) -> AsyncIterator[Ride]:
    """Give what a write to `store` must carry of these, or of all that are aboard; if it fails that stays for the next.

    The write itself goes through `Ride.write`. Writes that carry the same passenger happen one after the other, also
    where a store does many at once: a later one builds on what an earlier one carries.
    """
    passengers = _aboard.get() if passengers is None else passengers
    if not passengers:
        yield _ALONE
        return
    events = [passenger.arrived for passenger in passengers if passenger.arrived is not None]
    while under_way := next((event for event in events if not event.is_set()), None):
        await under_way.wait()
    carried = False
    with ExitStack() as stack:
        mails = [stack.enter_context(passenger.board(store, noting=noting)) for passenger in passengers]
        try:
            yield Ride(_together([mail for mail in mails if mail is not None]))
        except Carried:
            carried = True  # for them the write went well
    if carried:
        raise asyncio.CancelledError


def _together(mails: list[Mail]) -> Mail | None:
    if len(mails) < 2:
        return mails[0] if mails else None
    recounts = [mail.recount for mail in mails if mail.recount is not None]
    audits = [mail.audit for mail in mails if mail.audit is not None]
    return Mail(
        letters=tuple(row for mail in mails for row in mail.letters),
        parcels=tuple(row for mail in mails for row in mail.parcels),
        recount=_in_turn(recounts) if recounts else None,
        audit=_one_after_the_other(audits) if audits else None,
    )


def _in_turn(recounts: list[Recount]) -> Recount:
    def recount(census: Census) -> Census:
        for each in recounts:
            census = each(census)
        return census

    return recount


def _one_after_the_other(audits: list[Follow]) -> Follow:
    def follow(newest: AuditRow | None) -> Sequence[AuditRow]:
        rows: list[AuditRow] = []
        for each in audits:
            rows += each(rows[-1] if rows else newest)
        return rows

    return follow
