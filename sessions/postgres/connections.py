"""Connections: a few connections to one database, opened when needed and used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress

from sessions.errors import StoreError
from sessions.postgres.connection import Connection, Row, Value
from sessions.postgres.servers import CONNECT_SECONDS, SETTINGS, Options, Servers
from sessions.postgres.trouble import Unreachable

__all__ = ["SETTINGS", "Connection", "Connections", "Options", "Row", "Value", "good_bye"]

CLOSE_SECONDS = 5
TO_READ = 3  # connections


class Connections:
    """Up to `size` connections. One that broke is not used again."""

    def __init__(self, options: Options) -> None:
        self.servers = Servers(options)
        self.place = self.servers.place
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(options.size)
        self._committing = asyncio.Semaphore(max(1, options.size - TO_READ))
        self._closed = False
        self.admitted = asyncio.Event()
        """Is not set while it is not known whether another program has the lock."""
        self.admitted.set()
        self.refusal: StoreError | None = None
        """Is why nothing may be written any more."""

    @asynccontextmanager
    async def one(self, *, commits: bool = False, writes: bool = False) -> AsyncIterator[Connection]:
        """Lend a connection; wait for one if all are in use. Raises `refusal` to who writes.

        What commits may wait long for a standby: some connections are left to those who only read.
        """
        async with self._committing if commits else nullcontext(), self._slots:
            if self._closed:
                raise StoreError("the store is closed")
            connection = self._take() or await self.connect()
            try:
                await self._admission(writes=writes)
                yield connection
            except Exception:
                raise
            except BaseException:  # broken off in the middle of a statement
                connection.terminate()
                raise
            finally:
                if not connection.is_closed():
                    self._idle.append(connection)

    async def connect(self, **other: str) -> Connection:
        """Open a connection with the settings of the store, some of them changed."""
        return await self.servers.connect(other)

    async def close(self) -> None:
        """Close what is idle; the caller sees to it that nothing else is in use."""
        self._closed = True
        while self._idle:
            await good_bye(self._idle.pop())

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _admission(self, *, writes: bool) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self.admitted.wait()
        except TimeoutError:
            raise Unreachable(f"the lock of {self.place} could not be taken again yet") from None
        if writes and self.refusal is not None:
            raise self.refusal


async def good_bye(connection: Connection) -> None:
    """Close a connection in order if that is soon done; who is cancelled meanwhile leaves none behind either."""
    try:
        with suppress(Exception):
            await connection.close(timeout=CLOSE_SECONDS)
    finally:
        if not connection.is_closed():
            connection.terminate()
