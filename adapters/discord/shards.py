"""Shards: which of the connections to the gateway are made here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from adapters.tasks import first_of
from sessions.division import Division
from sessions.manager import SessionManager


class Shards(NamedTuple):
    """Some of so many shards; `ids` None are all there are."""

    ids: tuple[int, ...] | None
    total: int | None


ALL = Shards(None, None)


class ShardTable:
    """Tells which shards are this program's: those of the settings, its part among several workers, or all."""

    def __init__(self, sessions: SessionManager, chosen: Shards | None) -> None:
        self._sessions, self._chosen = sessions, chosen
        self._division: Division | None = None
        self._count = 0

    async def settle(self, account: str, ask: Callable[[], Awaitable[int]], stopped: asyncio.Event) -> Shards | None:
        """Give the shards to connect, once there are any; None when told to stop before.

        `ask` gives how many there are to be in all.
        """
        worker = self._sessions.worker
        if self._chosen is not None or worker is None:
            return self._chosen or ALL
        if self._division is None:
            self._count = count = await ask()
            # Workers that were told other numbers of shards share none: each number has its own.
            name = self._sessions.key_for(f"shards {account}").hex()
            self._division = worker.divide([f"shard/{name}/{number}of{count}" for number in range(count)])
        while not stopped.is_set():
            self._division.changed.clear()
            if surplus := self._division.surplus():
                await worker.give_back(self._division, surplus)
            if self._division.held:
                return Shards(tuple(sorted(self._division.held)), self._count)
            await first_of(self._division.changed, stopped)
        return None

    async def changed(self) -> None:
        """Wait until the shards are others, or are to be."""
        if self._division is None:
            await asyncio.Event().wait()
        else:
            await self._division.changed.wait()
