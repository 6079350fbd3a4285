"""Importer: takes in conversations that were exported, all of them or none.

They are stored piece by piece, many messages in one unit of work, and nobody sees them before the last one is whole.
Their keys come into the store with that last unit of work: what a crash leaves before is noise, and goes at the next
start.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sessions.arrival_sealer import ArrivalSealer
from sessions.arrivals import UNIT, Arrivals
from sessions.audit import Audit, AuditKind
from sessions.census import CensusKeeper
from sessions.directory import Directory
from sessions.errors import SessionError, StaleSession
from sessions.message import JsonValue
from sessions.passengers import riding
from sessions.present_keys import PresentKeys
from sessions.records import Census
from sessions.resets import Resets
from sessions.store import Store
from sessions.vault import Vault


class Importer:
    """Takes in conversations."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        keys: PresentKeys,
        census: CensusKeeper,
        directory: Directory,
        resets: Resets,
        audit: Audit,
        now: Callable[[], int],
    ) -> None:
        self._store, self._vault, self._directory, self._resets, self._now = store, vault, directory, resets, now
        self._census, self._audit, self._keys = census, audit, keys

    def sealer(self) -> ArrivalSealer:
        """Give what seals conversations that come in, here or in the process that stores them."""
        return ArrivalSealer(vault=self._vault, directory=self._directory, resets=self._resets, now=self._now)

    @asynccontextmanager
    async def arrivals(self, *, new_ids: bool, unit: int | None = None) -> AsyncIterator[Arrivals]:
        """Take in what is added within the block: all of it when it ends, nothing when it is left by an error.

        `unit` is how many records make a unit of work: while one is written everybody else waits.
        """
        await self._keys.follow()
        kid = self._vault.kid
        arrivals = Arrivals(store=self._store, sealer=self.sealer(), new_ids=new_ids, unit=unit or UNIT)
        try:
            yield arrivals
            await arrivals.flush()
            await arrivals.settle()
            if arrivals.numbers:
                await self._land(arrivals, kid)
        except BaseException:
            with contextlib.suppress(SessionError):  # then it goes at the next start
                await arrivals.settle()
            with contextlib.suppress(SessionError):
                await self._store.abandon(arrivals.numbers)
            raise

    async def _land(self, arrivals: Arrivals, kid: str) -> None:
        if kid != self._vault.kid:  # theirs are wrapped by one that may be retired by now
            raise StaleSession("the key of the store was changed meanwhile; nothing was imported, try again")
        done = arrivals.done()
        named: list[JsonValue] = list(done.ids)
        recount = self._census.change(Census(sessions=done.sessions))
        noting = self._audit.noting(AuditKind.IMPORT, sessions=named, count=done.sessions, messages=done.messages)
        with noting:
            async with riding(self._store) as ride:
                await ride.write(self._store.land(arrivals.numbers, recount, ride.mail))
