"""Scene: a database, a town and its workers; each order to the town is measured from all sides."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sessions import SessionManager
from sessions.catalogue import Wanted
from sessions.postgres.store import PostgresStore
from tests.benchmarks.load.crew import Crew, Seen, TownProcess, crew, town
from tests.benchmarks.load.database import Watcher, lanes_held, rows_held, watching
from tests.benchmarks.load.processors import seconds_of
from tests.benchmarks.own import KEY
from tests.benchmarks.process import memory_mib
from tests.postgres_server import PostgresServer

FAULTS = ("unanswered", "doubled", "disordered")
SETTLING = 60.0  # seconds until every worker has its lanes
MARK = re.compile(r"#(\d+)\.(\d+) ")


@dataclass(slots=True)
class Scene:
    """What a measurement needs."""

    database: str
    town: TownProcess
    crew: Crew
    watcher: Watcher

    async def gather(self, workers: int) -> None:
        """Start workers, the first of which polls, and wait until each has its part of the lanes; 0 for one alone."""
        await self.crew.add()
        await self.town.order(polled=1)
        if not workers:
            return
        await asyncio.gather(*(self.crew.add() for _ in range(workers - 1)))
        async with asyncio.timeout(SETTLING):
            while sorted(await lanes_held(self.watcher)) != sorted(64 // workers for _ in range(workers)):  # noqa: ASYNC110  # it is in a database
                await asyncio.sleep(0.1)

    async def measure(self, *, faulty: bool = False, **order: float) -> Seen:
        """Have the town do something; give what it saw, what everybody's work cost, and what was waited for.

        Unless something is made to go `faulty`, every answer must come once and in its order.
        """
        before, spent = await self._spent()
        async with self.watcher.looking():
            seen = await self.town.order(**order)
        after, then = await self._spent()
        if any(seen[fault] for fault in FAULTS) and not faulty:
            raise AssertionError(f"not everything was answered once and in order: {[seen[fault] for fault in FAULTS]}")
        return {**seen, **_costs(seen, before, after, spent, then), "waits": self.watcher.waited(), **self._memory()}

    async def check(self) -> Seen:
        """End the workers and see that everything said was stored once, in its order, and answered once."""
        said = (await self.town.order(tell=1))["said"]
        await self.crew.end()
        held = await rows_held(self.watcher)
        found, damaged = await _stored(self.database)
        wanted = {person: list(range(count)) for person, count in enumerate(said) if count}
        return {
            "said": sum(said),
            "stored_wrongly": sum(found.get(person) != numbers for person, numbers in wanted.items()),
            "unfinished": held["unfinished"] + held["unsent"],
            "messages": held["messages"],
            "damaged": damaged,
            "kept_bytes_each": held["kept"] / max(1, sum(said)),
            "passing_bytes_each": held["passing"] / max(1, sum(said)),
        }

    async def _spent(self) -> tuple[dict[str, float], dict[str, float]]:
        counts = await self.watcher.counts()
        workers = [seconds_of(member.pid) for member in self.crew.members]
        return counts, {"workers": sum(workers), "town": seconds_of(self.town.process.pid)}

    def _memory(self) -> Seen:
        return {"worker_mib": max((memory_mib(member.pid).now for member in self.crew.members), default=0.0)}


def _costs(
    seen: Seen, before: dict[str, float], after: dict[str, float], spent: dict[str, float], then: dict[str, float]
) -> Seen:
    gone = {name: after[name] - before[name] for name in before}
    answered = max(1, int(seen["answered"]))
    return {
        "worker_ms": (then["workers"] - spent["workers"]) / answered * 1e3,
        "town_ms": (then["town"] - spent["town"]) / answered * 1e3,
        "database_ms": gone["cpu"] / answered * 1e3,
        "commits_each": gone["commits"] / answered,
        "syncs_each": gone["syncs"] / answered,
        "census_each": gone["census"] / answered,
        "wal_bytes_each": gone["wal_bytes"] / answered,
        "disk_bytes_each": gone["bytes"] / answered,
        "commits_per_second": gone["commits"] / gone["at"],
        "wal_bytes_per_second": gone["wal_bytes"] / gone["at"],
    }


async def _stored(database: str) -> tuple[dict[int, list[int]], int]:
    """Give the numbers of what each person said as the store has it, and how much of it is damaged."""
    found: dict[int, list[int]] = {}
    async with SessionManager.open(
        store=PostgresStore(database, read_only=True), encryption_key=KEY, read_only=True
    ) as sessions:
        async for one in sessions.catalogue.each(Wanted()):
            for message in await sessions.get_history(one.session.id, limit=None):
                if message.role == "user" and (mark := MARK.search(message.content)):
                    found.setdefault(int(mark[1]), []).append(int(mark[2]))
        return found, len(await sessions.verify())


@asynccontextmanager
async def scene(
    server: PostgresServer, work: Path, people: int, *, workers: int, answer_seconds: float = 0.0, lease: int = 15
) -> AsyncIterator[Scene]:
    """Set everything up; the workers have begun and share the lanes. 0 is one that shares with nobody."""
    home = Path(tempfile.mkdtemp(dir=work, prefix="scene-"))
    database = server.make_database()
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(town(people, home / "town.log"))
        watcher = await stack.enter_async_context(watching(database))
        members = crew(home, database, opened.url, answer_seconds=answer_seconds, lease=lease if workers else 0)
        ready = Scene(database, opened, await stack.enter_async_context(members), watcher)
        await ready.gather(workers)
        yield ready
    server.drop_database(database)
