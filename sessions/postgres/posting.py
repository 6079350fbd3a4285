"""Posting: mail that goes by itself. What waits while a unit of work is under way goes together as the next one.

All of it changes the one row that counts what there is, so one unit of work for many waits in line for that row once.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from sessions.errors import StoreError
from sessions.outcome import Outcome, unattended
from sessions.postgres.post import put, put_all
from sessions.postgres.units import Units
from sessions.records import Mail

TOGETHER: Final = 64


class _Waiting(NamedTuple):
    mail: Mail
    outcome: Outcome[None]


class Posting:
    """Stores mail in the order in which it was given, one unit of work at a time."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._waiting: list[_Waiting] = []
        self._busy = self._closed = False

    def put(self, mail: Mail) -> Outcome[None]:
        """Queue mail."""
        if self._closed:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        outcome: Outcome[None] = Outcome(loop=loop)
        self._waiting.append(_Waiting(mail, outcome))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin)
        return outcome

    async def close(self) -> None:
        """Have everything that waits begin and end."""
        self._closed = True
        while self._waiting:
            await asyncio.wait([waiting.outcome for waiting in self._waiting])

    def _begin(self) -> None:
        group, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        if not group:
            self._busy = False
            return
        unattended(self._units.start(self._store(group)))

    async def _store(self, group: list[_Waiting]) -> None:
        try:
            await self._store_together(group)
        finally:
            for waiting in group:
                if not waiting.outcome.done():  # the event loop is ending
                    waiting.outcome.set_exception(StoreError("the program ended before the end of this was known"))
            self._begin()

    async def _store_together(self, group: list[_Waiting]) -> None:
        mails = [waiting.mail for waiting in group]
        try:
            await self._units.write(lambda connection: put_all(mails, connection))
        except Exception as error:  # noqa: BLE001  # each is told by itself
            if len(group) == 1:
                group[0].outcome.set_exception(error)
                return
            for waiting in group:
                await self._store_alone(waiting)
            return
        for waiting in group:
            waiting.outcome.set_result(None)

    async def _store_alone(self, waiting: _Waiting) -> None:
        """Store one of several that could not be stored together, so that only the cause fails."""
        try:
            await self._units.write(lambda connection: put(waiting.mail, connection))
        except Exception as error:  # noqa: BLE001  # passed on to whoever waits
            waiting.outcome.set_exception(error)
        else:
            waiting.outcome.set_result(None)
