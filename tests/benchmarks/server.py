"""Server: turns on a PostgreSQL server that waits for its disk: Palaver's, and the same by hand.

By hand a message is one statement that checks and moves the head of its session and stores what was sealed, and the
newest messages are read and opened anew each time: what a careful programmer would write for `asyncpg`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessions import SessionManager
from sessions.postgres.store import PostgresStore
from tests.benchmarks.measures import BASE
from tests.benchmarks.own import KEY, PalaverStore
from tests.benchmarks.samples import at
from tests.benchmarks.stopwatch import Values
from tests.benchmarks.store import Store, Usage
from tests.benchmarks.workload import USAGE, Record, drive, history
from tests.postgres_server import postgres_server

CONNECTIONS = 10  # as many as Palaver opens
DURABLE = ("fsync=on", "synchronous_commit=on", "shared_buffers=128MB", "max_connections=50")
_TABLES = """
CREATE TABLE head (session text PRIMARY KEY, newest bigint NOT NULL);
CREATE TABLE message (
    session text, number bigint, role text NOT NULL, sealed bytea NOT NULL, tokens_in integer, tokens_out integer,
    PRIMARY KEY (session, number)
)
"""
_PUT = (
    "WITH moved AS (UPDATE head SET newest = $2 WHERE session = $1 AND newest = $2 - 1 RETURNING newest)"
    " INSERT INTO message SELECT $1, newest, $3, $4, $5, $6 FROM moved"
)
_TAIL = "SELECT number, role, sealed FROM message WHERE session = $1 ORDER BY number DESC LIMIT $2"


class PalaverServerStore(PalaverStore):
    """Palaver on a server."""

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        self._address = address

    async def open(self) -> None:
        self.sessions = SessionManager.open(store=PostgresStore(self._address), encryption_key=KEY)
        await self.sessions.__aenter__()


class HandStore(Store):
    """The same by hand."""

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        self._address, self._cipher = address, AESGCM(bytes(32))
        self._newest: dict[str, int] = {}

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(self._address, min_size=CONNECTIONS, max_size=CONNECTIONS)
        await self._pool.execute(_TABLES)

    async def close(self) -> None:
        await self._pool.close()

    async def append(self, session: str, role: str, text: str, usage: Usage | None = None) -> None:
        number = self._newest.get(session, 0) + 1
        if number == 1:
            await self._pool.execute("INSERT INTO head VALUES ($1, 0)", session)
        nonce = os.urandom(12)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), f"{session} {number}".encode())
        done = await self._pool.execute(_PUT, session, number, role, sealed, *(usage or (None, None)))
        if done != "INSERT 0 1":
            raise AssertionError("the head has moved")
        self._newest[session] = number

    async def last(self, session: str, count: int) -> Sequence[tuple[str, str]]:
        rows = await self._pool.fetch(_TAIL, session, count)
        decrypt = self._cipher.decrypt
        return [
            (role, decrypt(sealed[:12], sealed[12:], f"{session} {number}".encode()).decode())
            for number, role, sealed in reversed(rows)
        ]

    async def all(self, session: str) -> Sequence[tuple[str, str]]:
        return await self.last(session, self._newest[session])

    def text(self, message: object) -> str:
        return str(message[1]) if isinstance(message, tuple) else ""


async def server(work: Path, seconds: float) -> Values:
    """Give turns per second with 128 conversations at once, and the latency of one after the other, of both."""
    values: Values = {}
    with tempfile.TemporaryDirectory(dir=work) as folder, postgres_server(*DURABLE) as running:
        for name, kind in (("own", PalaverServerStore), ("hand", HandStore)):
            store: Store = kind(Path(folder), running.make_database())
            await store.open()
            await _fill(store)
            together = await _driven(store, BASE.names(), seconds)
            alone = await _driven(store, BASE.names()[:1], seconds)
            await store.close()
            values |= {
                f"{name}_tps": len(together.latencies) / together.seconds,
                f"{name}_p99_ms": at(sorted(together.latencies), 0.99) * 1e3,
                f"{name}_one_tps": len(alone.latencies) / alone.seconds,
                f"{name}_one_ms": at(sorted(alone.latencies), 0.5) * 1e3,
            }
    return values


async def _fill(store: Store) -> None:
    for name in BASE.names():
        for role, text in history(2):
            await store.append(name, role, text, USAGE if role == "assistant" else None)
    await drive(store, BASE.names(), seconds=120, turns=BASE.messages // 2 - 1)


async def _driven(store: Store, names: list[str], seconds: float) -> Record:
    record = await drive(store, names, seconds=seconds)
    if record.errors:
        raise AssertionError(f"a turn failed: {next(iter(record.errors))}")
    newest = [store.text(message) for message in await store.last(names[0], 1)]
    if newest != [record.newest[names[0]]]:
        raise AssertionError("the newest message is not the one that was stored last")
    return record
