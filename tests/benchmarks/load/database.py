"""Database: what the server does meanwhile: transactions, its log, and what its processes wait for."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from tests.benchmarks.load.processors import parent_of, seconds_of_family

if TYPE_CHECKING:
    from tests.benchmarks.stopwatch import Values

LOOK = 0.05  # seconds between two looks at what is waited for
_COUNTS = """
SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())::float8 AS commits,
    (SELECT wal_bytes FROM pg_stat_wal)::float8 AS wal_bytes,
    (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')::float8 AS syncs,
    coalesce((SELECT n_tup_upd FROM pg_stat_user_tables WHERE schemaname = 'palaver' AND relname = 'census'), 0)::float8
        AS census,
    pg_database_size(current_database())::float8 AS bytes
"""
_WAITS = """
SELECT CASE WHEN wait_event_type = 'Lock' AND query LIKE '%palaver.census%' THEN 'the census row'
    WHEN wait_event_type = 'Client' THEN 'the program'
    WHEN wait_event_type IS NULL THEN 'a processor, or has it'
    ELSE wait_event_type || ' ' || wait_event END, state
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND state IN ('active', 'idle in transaction')
"""


@dataclass(slots=True)
class Watcher:
    """Looks on from a connection of its own, whose processor time is not counted."""

    connection: asyncpg.Connection
    pid: int
    server: int
    waits: Counter[str] = field(default_factory=Counter)
    looks: int = 0

    async def counts(self) -> Values:
        """Give what has been counted up to now, with the processor time of the whole server."""
        await self.connection.execute("SELECT pg_stat_force_next_flush()")
        row = await self.connection.fetchrow(_COUNTS)
        return {**dict(row), "cpu": seconds_of_family(self.server, without=self.pid), "at": time.perf_counter()}

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Note again and again what is waited for, until the block ends."""
        ended = asyncio.Event()
        task = asyncio.ensure_future(self._look(ended))
        try:
            yield
        finally:
            ended.set()
            await task

    async def _look(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            for said, state in await self.connection.fetch(_WAITS):
                self.waits["the program" if state != "active" else said] += 1
            self.looks += 1
            await asyncio.sleep(LOOK)

    def waited(self) -> Values:
        """Give how many processes waited for each thing in the mean, most first, and forget it."""
        found = {what: count / max(1, self.looks) for what, count in self.waits.most_common(8)}
        self.waits, self.looks = Counter(), 0
        return found


@asynccontextmanager
async def watching(address: str) -> AsyncIterator[Watcher]:
    """Look on at a database of a server on this machine."""
    connection = await asyncpg.connect(address)
    try:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        yield Watcher(connection, pid, parent_of(pid))
    finally:
        await connection.close()


async def lanes_held(watcher: Watcher) -> list[int]:
    """Give how many lanes each worker has."""
    rows = await watcher.connection.fetch(
        "SELECT count(*) FROM palaver.lease JOIN palaver.worker ON holder = id WHERE name LIKE 'lane/%' GROUP BY holder"
    )
    return [row[0] for row in rows]


async def rows_held(watcher: Watcher) -> dict[str, int]:
    """Count what must be there, what must not be there any more, and bytes: for good, and for some days."""
    row = await watcher.connection.fetchrow(
        "SELECT (SELECT count(*) FROM palaver.letter) AS letters,"
        " (SELECT count(*) FROM palaver.letter WHERE state < 3) AS unfinished,"
        " (SELECT count(*) FROM palaver.parcel WHERE sent < 1048576) AS unsent,"
        " (SELECT count(*) FROM palaver.message) AS messages,"
        " (SELECT sum(pg_total_relation_size('palaver.' || name)) FROM unnest($1::text[]) AS name)::bigint AS kept,"
        " (SELECT sum(pg_total_relation_size('palaver.' || name)) FROM unnest($2::text[]) AS name)::bigint AS passing",
        ["session", "message", "journal", "lineage"],
        ["letter", "parcel"],
    )
    return dict(row)


async def census_by_itself(address: str, seconds: float, clients: int = 8) -> float:
    """Give how often a second one row can be locked, changed and committed by several at once."""
    first = await asyncpg.connect(address)
    await first.execute("CREATE TABLE lone (one int PRIMARY KEY, n bigint) WITH (fillfactor = 10)")
    await first.execute("INSERT INTO lone VALUES (1, 0)")
    until = time.perf_counter() + seconds

    async def change() -> None:
        connection = await asyncpg.connect(address)
        while time.perf_counter() < until:
            async with connection.transaction():
                await connection.fetchrow("SELECT n FROM lone WHERE one = 1 FOR UPDATE")
                await connection.execute("UPDATE lone SET n = n + 1")
        await connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(change() for _ in range(clients)))
    done = await first.fetchval("SELECT n FROM lone")
    await first.close()
    return float(done / (time.perf_counter() - began))
