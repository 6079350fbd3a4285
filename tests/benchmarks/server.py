"""Server: turns on a PostgreSQL server that waits for its disk: Palaver's, a peer's, and the same by hand.

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
from tests.benchmarks.own import KEY, PalaverStore
from tests.benchmarks.stopwatch import Values
from tests.benchmarks.store import Store, Usage
from tests.benchmarks.turners import Kind, turners
from tests.postgres_server import postgres_server

CONNECTIONS = 10  # as many as Palaver opens
FEW = 8  # conversations, where nobody says how many
DURABLE = ("fsync=on", "synchronous_commit=on", "shared_buffers=128MB", "max_connections=60")
PEERS = Path(__file__).resolve().parents[2] / ".bench-venv" / "bin" / "python"
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
    """Palaver on a server, with nobody else to reckon with."""

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        self._address = address

    async def open(self) -> None:
        self.sessions = SessionManager.open(store=self.store(self._address), encryption_key=KEY)
        await self.sessions.__aenter__()

    def store(self, address: str) -> PostgresStore:
        """Give the store at an address."""
        return PostgresStore(address)


class PalaverSoleStore(PalaverServerStore):
    """Palaver as the one program that may write there, which is what the settings say unless they say otherwise."""

    def store(self, address: str) -> PostgresStore:
        return PostgresStore(address, sole=True)


class PalaverWorkerStore(PalaverServerStore):
    """Palaver as one of several workers."""

    async def open(self) -> None:
        await super().open()
        await self.sessions.join(shares=True)

    def store(self, address: str) -> PostgresStore:
        return PostgresStore(address, many=True)


class HandStore(Store):
    """The same by hand."""

    at_once = 128

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


OWN, SOLE, WORKER, HAND = (
    Kind("tests.benchmarks.server", name)
    for name in ("PalaverServerStore", "PalaverSoleStore", "PalaverWorkerStore", "HandStore")
)
GRAPH, AGENTS = (
    Kind("tests.benchmarks.server_peers", name, PEERS) for name in ("LangGraphServerStore", "AgentsServerStore")
)
ALL_KINDS = {"own": OWN, "worker": WORKER, "hand": HAND, "graph": GRAPH, "agents": AGENTS}


async def server(work: Path, clients: int, seconds: float) -> Values:
    """Give turns per second and latency of each kind, with many conversations at once and with one, and of two workers.

    A peer that is not installed has no figures.
    """
    values: Values = {}
    with tempfile.TemporaryDirectory(dir=work) as made, postgres_server(*DURABLE) as running:
        folder = Path(made)
        for name, kind in ALL_KINDS.items():
            if kind.python is not None and not kind.is_there():
                continue
            async with turners(kind, folder, running.make_database(), 1, clients) as ready:
                together = await ready.turns(seconds)
                alone = await ready.turns(seconds, clients=1)
            values |= {
                f"{name}_tps": together["tps"],
                f"{name}_p99_ms": together["p99_ms"],
                f"{name}_one_tps": alone["tps"],
                f"{name}_one_ms": alone["p50_ms"],
            }
        async with turners(WORKER, folder, running.make_database(), 2, clients) as ready:
            both = await ready.turns(seconds)
        values |= {"two_tps": both["tps"], "two_p99_ms": both["p99_ms"]}
    for name in ("tps", "one_tps"):
        peers = [values[f"{peer}_{name}"] for peer in ("graph", "agents") if f"{peer}_{name}" in values]
        if peers:
            values[f"peer_{name}"] = max(peers)
    return values
