"""Handling: what the work on one letter still has to write, carried along by whatever is written next.

So a letter is handled exactly once: what it brings about and the note that it was brought about are one unit of
work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from sessions.errors import Fenced
from sessions.letter import Letter, LetterState
from sessions.memo import Memo
from sessions.message import JsonValue
from sessions.parcel import Parcel
from sessions.passengers import Passenger, aboard, riding
from sessions.records import Mail
from sessions.store import Store

_current: ContextVar[Handling | None] = ContextVar("palaver_handling", default=None)
Sealer = Callable[[Letter, Letter, list[Parcel]], Mail]
"""Makes rows of a letter, from how it stands and how it is to stand, and of new parcels."""


class Handling(Passenger):
    """One letter while it is worked on."""

    def __init__(self, store: Store, letter: Letter, seal: Sealer) -> None:
        self._store, self._seal = store, seal
        self.letter = letter
        self._next = letter
        self._parcels: list[Parcel] = []
        self.memo = Memo()
        self.arrived: asyncio.Event = asyncio.Event()
        self.arrived.set()
        self.noting = False
        """Whether any write says that the letter has begun to take effect; for commands, which are not run twice."""
        self.abandoned = False
        """Whether another worker goes on with it: then it is left as it is, without a word."""
        self.told = False
        """Whether the person knows that the store takes nothing; they are told once, however often it is tried."""

    @property
    def progress(self) -> Mapping[str, JsonValue] | None:
        """What an earlier attempt came to; None if it had no effect."""
        return self.letter.progress

    def begin(self, progress: Mapping[str, JsonValue]) -> None:
        """Have the next write note how far it has come."""
        self._next = self._next._replace(state=LetterState.begun, progress=progress)

    async def tried(self) -> None:
        """Note at once that it is tried once more: if it ends the program before it writes anything, that shows."""
        self._next = self._next._replace(attempts=self._next.attempts + 1)
        await self.flush()

    def post(self, parcel: Parcel) -> None:
        """Have the next write put a parcel into the post."""
        self._parcels.append(parcel)

    def withdraw(self, parcel: Parcel | None = None) -> None:
        """Take back a parcel that no write has carried yet; all of them, if none is named."""
        self._parcels = [one for one in self._parcels if parcel is not None and one.id != parcel.id]

    def revert(self) -> None:
        """Take back all that no write has carried yet: it stands as it is stored."""
        self._next = self.letter
        self._parcels = []

    def finish(self) -> None:
        """Have the next write note that nothing is left to do."""
        self._next = self._next._replace(state=LetterState.finished, progress=None)

    async def flush(self) -> None:
        """Write what no other write has carried."""
        async with riding(self._store, (self,), noting=False) as ride:
            if ride.mail is not None:
                await ride.write(self._store.post(ride.mail))

    @contextmanager
    def board(self, store: Store, *, noting: bool) -> Iterator[Mail | None]:
        """Go with a write: how far the letter has come, and what is to go out."""
        try:
            with self._boarded(store, noting=noting) as mail:
                yield mail
        finally:
            self.memo.clear()

    @contextmanager
    def _boarded(self, store: Store, *, noting: bool) -> Iterator[Mail | None]:
        if store is not self._store:  # another store could not do both as one unit of work
            yield None
            return
        if noting and self.noting and self._next.state is LetterState.waiting:
            self.begin({})
        before, parcels = self.letter, self._parcels
        if self._next == before and not parcels:
            try:
                yield None
            except Fenced:
                self.abandoned = True
                raise asyncio.CancelledError from None
            return
        self.letter, self._parcels = self._next, []
        self.arrived.clear()
        try:
            yield self._seal(before, self.letter, parcels)
        except Fenced:
            self.letter, self._parcels = before, parcels + self._parcels
            self.abandoned = True
            raise asyncio.CancelledError from None
        except BaseException:
            self.letter, self._parcels = before, parcels + self._parcels
            raise
        finally:
            self.arrived.set()


def current() -> Handling | None:
    """Give the handling that this task is part of."""
    return _current.get()


def current_memo() -> Memo | None:
    """Give what this task's handling has read just now."""
    handling = _current.get()
    return None if handling is None else handling.memo


@asynccontextmanager
async def handled(handling: Handling) -> AsyncGenerator[Handling, None]:
    """Work on a letter; when the work ends by itself the letter is finished."""
    token = _current.set(handling)
    try:
        with aboard(handling):
            yield handling
        handling.finish()
        await handling.flush()
    finally:
        _current.reset(token)
