"""Turns: what the store does on a server without a bot, from one process and from several."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks.load.crew import Seen
from tests.benchmarks.load.database import watching
from tests.benchmarks.load.plan import Plan
from tests.benchmarks.server import HAND, OWN, SOLE, WORKER
from tests.benchmarks.turners import Kind, turners
from tests.postgres_server import PostgresServer


async def turns_of(server: PostgresServer, plan: Plan) -> Seen:
    """Measure one process alone, as the only one, as a worker, by hand, and several workers."""
    kinds = (("plain", OWN, 1), ("sole", SOLE, 1), ("hand", HAND, 1))
    workers = tuple((f"workers_{count}", WORKER, count) for count in plan.workers)
    return {name: await _measured(server, plan, kind, count) for name, kind, count in (*kinds, *workers)}


async def _measured(server: PostgresServer, plan: Plan, kind: Kind, count: int) -> Seen:
    database = server.make_database()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            turners(kind, Path(folder), database, count, plan.store_clients) as ready,
            watching(database) as seen,
        ):
            before = await seen.counts()
            async with seen.looking():
                done = await ready.turns(plan.alone)
            after = await seen.counts()
    server.drop_database(database)
    gone = {name: after[name] - before[name] for name in after}
    return {
        **done,
        "database_ms": gone["cpu"] / done["turns"] * 1e3,
        "commits_each": gone["commits"] / done["turns"],
        "wal_bytes_each": gone["wal_bytes"] / done["turns"],
        "waits": seen.waited(),
    }
