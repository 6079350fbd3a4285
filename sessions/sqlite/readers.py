"""Readers: a few read-only connections beside the writer, opened when needed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import aiosqlite

from sessions.errors import StoreError
from sessions.sqlite.writer import Writer, translate
from sessions.undisturbed import undisturbed

POOL_SIZE = 2  # a long export must not make a short read wait; Python runs one of them at a time anyway
SOON = 0.05  # seconds after opening a store; a first answer needs a tenth of it
Value = int | str | bytes | None
Row = tuple[Any, ...]


class Reader(Protocol):
    """Runs one SELECT and gives all its rows."""

    async def fetch(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run the statement in a transaction of its own."""

    async def close(self) -> None:
        """Let the connections go."""


class _ReadConnection(sqlite3.Connection):
    """A connection that is set up while it is made, to save the hops of doing it afterwards."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # sqlite3's own arguments
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA query_only = ON")
        self.execute("PRAGMA trusted_schema = OFF")


class PooledReader:
    """Reads the file of a store that somebody else may be writing."""

    def __init__(self, path: Path) -> None:
        self._uri = f"file:{quote(str(path))}?mode=ro"
        self._idle: list[aiosqlite.Connection] = []
        self._slots = asyncio.Semaphore(POOL_SIZE)
        self._closed = False

    async def fetch(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run the statement on an idle connection, or wait for one."""
        async with self._connection() as connection:
            try:
                rows = await connection.execute_fetchall(sql, parameters)
            except sqlite3.Error as error:
                raise translate(error) from None
        return rows  # type: ignore[return-value]  # aiosqlite says Iterable[sqlite3.Row]; they are tuples

    async def prepare(self) -> None:
        """Open a connection before it is needed."""
        async with self._connection():
            pass

    async def close(self) -> None:
        """Close the connections when those who read have ended."""
        self._closed = True
        async with AsyncExitStack() as stack:  # the thread of one left open would keep Python from exiting
            for _ in range(POOL_SIZE):
                await stack.enter_async_context(self._slots)
            while self._idle:
                await self._idle.pop().close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._slots:
            if self._closed:
                raise StoreError("the store is closed")
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            finally:
                self._idle.append(connection)

    async def _connect(self) -> aiosqlite.Connection:
        """Open one. Who is cancelled meanwhile leaves it to the next: its thread must not outlive the event loop."""
        try:
            connection, cancelled = await undisturbed(self._open())
        except sqlite3.Error as error:
            raise translate(error) from None
        if cancelled:
            self._idle.append(connection)
            raise asyncio.CancelledError
        return connection

    async def _open(self) -> aiosqlite.Connection:
        return await aiosqlite.connect(
            self._uri, uri=True, isolation_level=None, factory=_ReadConnection, cached_statements=64
        )


class WriterReader:
    """Reads through the writer's connection: a store in memory has no second one."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def fetch(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run the statement between two groups of writes."""
        return await self._writer.run(lambda connection: connection.execute(sql, tuple(parameters)).fetchall())

    async def close(self) -> None:
        """Nothing of its own to let go."""


class EarlyReader:
    """Reads through the writer's connection while a store has only just been opened, then through the pool.

    Opening a second connection takes longer than the few reads whose answer somebody is waiting for then.
    """

    def __init__(self, early: WriterReader, pool: PooledReader) -> None:
        self._early: WriterReader | None = early
        self._pool = pool
        self._opening: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(SOON, self._begin)

    async def fetch(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run the statement where it can be run at once."""
        return await (self._early or self._pool).fetch(sql, parameters)

    async def close(self) -> None:
        """Close the pool."""
        self._timer.cancel()
        self._early = None
        if self._opening is not None:
            await self._opening
        await self._pool.close()

    def _begin(self) -> None:
        self._opening = asyncio.ensure_future(self._change_over())

    async def _change_over(self) -> None:
        with suppress(StoreError):  # whoever reads next is told
            await self._pool.prepare()
        self._early = None
