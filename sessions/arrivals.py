"""Arrivals: the conversations of one import, stored piece by piece until they are let in together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sessions.address import Address
from sessions.arrival_sealer import ArrivalSealer, Identity, Sealed
from sessions.errors import InvalidValue
from sessions.export.transcript import Transcript
from sessions.records import ArrivalRow, EntryRow, MessageRow
from sessions.scope import Scope
from sessions.session import new_id
from sessions.store import Store

UNIT: Final = 500  # records in one unit of work
MOST_NAMED = 100  # sessions that are named by their ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came in: how many sessions and messages, and the ids of the first hundred."""

    sessions: int
    messages: int
    ids: tuple[str, ...]


class Arrivals:
    """The conversations of one import, on their way in."""

    def __init__(self, *, store: Store, sealer: ArrivalSealer, new_ids: bool, unit: int) -> None:
        self._store, self._sealer, self._new_ids, self._unit = store, sealer, new_ids, unit
        self.numbers: list[int] = []
        self.ids: dict[str, str] = {}  # what they had, and what they have here
        self._total = 0
        self._messages: list[MessageRow] = []
        self._entries: list[EntryRow] = []
        self._arrivals: list[ArrivalRow] = []
        self._storing: asyncio.Task[None] | None = None

    def done(self) -> Imported:
        """Tell what was added."""
        ids = tuple(list(self.ids.values())[:MOST_NAMED])
        return Imported(sessions=len(self.numbers), messages=self._total, ids=ids)

    async def add(
        self,
        transcript: Transcript,
        address: Address,
        *,
        scope: Scope | None = None,
        title: str | None = None,
        where: str = "",
    ) -> str:
        """Add a conversation to those of `address`; give its id here.

        `scope` and `title` take the place of those in the transcript. `where` names it in errors. Raises
        `InvalidValue`.
        """
        claimed = transcript.session.id
        self._check_new(claimed, where)
        (number,) = await self.numbers_for(1)
        identity = Identity(number, new_id() if self._new_ids else claimed, self.ids)
        begun = await self._sealer.begin(transcript, address, identity, scope=scope, title=title, where=where)
        for part in begun.parts():
            await self.take(part, where=where)
        return identity.id

    async def numbers_for(self, count: int) -> Sequence[int]:
        """Give numbers for as many conversations that others seal."""
        return await self._store.next_numbers(count)

    async def take(self, part: Sealed, *, where: str = "") -> None:
        """Take in a part that was sealed by whoever; those of one conversation follow each other."""
        if not self.numbers or self.numbers[-1] != part.number:
            self._check_new(part.claimed, where)
            self.ids[part.claimed] = part.id
            self.numbers.append(part.number)
        self._total += len(part.messages)
        self._messages += part.messages
        self._entries += part.entries
        if part.arrival is not None:
            self._arrivals.append(part.arrival)
        if len(self._messages) + len(self._entries) + len(self._arrivals) >= self._unit:
            await self.flush()

    def _check_new(self, claimed: str, where: str) -> None:
        if claimed in self.ids:
            raise InvalidValue(f"{where}session.id: {claimed} stands in there twice")

    async def flush(self) -> None:
        """Hand over what has come in so far; while it is stored more can come in."""
        await self.settle()
        messages, entries, arrivals = self._messages, self._entries, self._arrivals
        self._messages, self._entries, self._arrivals = [], [], []
        if messages or entries or arrivals:
            storing = self._store.stage(messages, entries, arrivals)
            self._storing = asyncio.create_task(storing)
            for _ in range(3):  # rounds of the event loop, in which it begins, is queued and is handed to its thread
                await asyncio.sleep(0)

    async def settle(self) -> None:
        """Wait until what was handed over is stored."""
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing
