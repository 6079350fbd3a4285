"""Posting: mail that goes by itself. What waits while a unit of work is under way goes together as the next one.

All of it changes the one row that counts what there is, so one unit of work for many waits in line for that row once.
"""

from __future__ import annotations

from typing import Final

from sessions.errors import StoreError
from sessions.outcome import unattended
from sessions.postgres.post import put, put_all
from sessions.postgres.queue import Queue, Waiting
from sessions.postgres.units import Units
from sessions.records import Mail

TOGETHER: Final = 64


class Posting(Queue[Mail]):
    """Stores mail in the order in which it was given, one unit of work at a time."""

    def __init__(self, units: Units) -> None:
        super().__init__()
        self._units = units

    def _begin(self) -> None:
        group, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        self._called = bool(group)  # the next ones go when these have ended
        if group:
            unattended(self._units.start(self._store(group)))

    async def _store(self, group: list[Waiting[Mail]]) -> None:
        try:
            await self._store_together(group)
        finally:
            for waiting in group:
                if not waiting.outcome.done():  # the event loop is ending
                    waiting.tell(StoreError("the program ended before the end of this was known"))
            self._begin()

    async def _store_together(self, group: list[Waiting[Mail]]) -> None:
        mails = [waiting.wanted for waiting in group]
        try:
            await self._units.write(lambda connection: put_all(mails, connection))
        except Exception as error:  # noqa: BLE001  # each is told by itself
            if len(group) == 1:
                group[0].tell(error)
                return
            for waiting in group:
                await self._store_alone(waiting)
            return
        for waiting in group:
            waiting.tell(None)

    async def _store_alone(self, waiting: Waiting[Mail]) -> None:
        """Store one of several that could not be stored together, so that only the cause fails."""
        try:
            await self._units.write(lambda connection: put(waiting.wanted, connection))
        except Exception as error:  # noqa: BLE001  # passed on to whoever waits
            waiting.tell(error)
        else:
            waiting.tell(None)
