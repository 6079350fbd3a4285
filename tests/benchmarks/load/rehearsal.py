"""Rehearsal: plays the scenes of a plan one after the other and gathers what was seen."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.benchmarks.load.ceiling import ceiling
from tests.benchmarks.load.crew import Seen
from tests.benchmarks.load.database import census_by_itself
from tests.benchmarks.load.habits import MOST_IN_A_ROW, PEAK
from tests.benchmarks.load.ledger import spread
from tests.benchmarks.load.plan import Plan
from tests.benchmarks.load.scene import Scene, scene
from tests.benchmarks.load.turns import turns_of
from tests.postgres_server import PostgresServer, postgres_server

SETTINGS = ("fsync=on", "synchronous_commit=on", "shared_buffers=256MB", "max_connections=120", "max_wal_size=2GB")
HOURS = 24
LATE = 1.0  # seconds beyond the streaming of as much as one says in a row: who waits longer was kept waiting


@dataclass(slots=True)
class Rehearsal:
    """A run: the plan, where it works, and what was found by now."""

    plan: Plan
    work: Path
    began: float = field(default_factory=time.monotonic)
    results: Seen = field(default_factory=dict)

    async def play(self) -> Seen:
        """Play everything; the machine's state at the beginning and the end is part of what is found."""
        self.results |= {"plan": asdict(self.plan), "machine": _machine(), "load_before": _load()}
        with self._part("ceiling"):
            self.results["ceiling"] = await ceiling(self.work, self.plan)
        with postgres_server(*SETTINGS) as server:
            with self._part("the census row by itself"):
                self.results["census_alone"] = await census_by_itself(server.make_database(), self.plan.alone)
            with self._part("the store without a bot"):
                self.results["store"] = await turns_of(server, self.plan)
            with self._part("one program that shares with nobody"):
                self.results["alone"] = await self._alone(server)
            self.results["by_workers"] = {}
            for workers in self.plan.workers:
                with self._part(f"{workers} workers"):
                    self.results["by_workers"][str(workers)] = await self._workers(server, workers)
            with self._part("a day"):
                self.results["day"] = await self._day(server)
            with self._part("streaming"):
                self.results["streaming"] = await self._streaming(server)
            with self._part("a worker that is killed"):
                self.results["killed"] = await self._killed(server)
        self.results |= {"load_after": _load(), "seconds": time.monotonic() - self.began}
        return self.results

    async def _alone(self, server: PostgresServer) -> Seen:
        """Measure the saturation of a bot that has the database to itself."""
        plan = self.plan
        async with scene(server, self.work, plan.people, workers=0) as stage:
            await stage.measure(talkers=plan.talkers, seconds=plan.warm_up)
            full = await stage.measure(talkers=plan.talkers, seconds=plan.seconds)
            return {"saturated": _without_course(full), "checked": await _checked(stage)}

    async def _workers(self, server: PostgresServer, workers: int) -> Seen:
        """Measure the saturation, and latency at shares of it."""
        plan = self.plan
        async with scene(server, self.work, plan.people, workers=workers, lease=plan.lease) as stage:
            await stage.measure(talkers=plan.talkers, seconds=plan.warm_up)
            full = await stage.measure(talkers=plan.talkers, seconds=plan.seconds)
            found: Seen = {"saturated": _without_course(full), "at": {}}
            for share in plan.shares:
                seen = await stage.measure(rate=share * full["per_second"], seconds=plan.seconds, seed=workers)
                found["at"][f"{share:g}"] = _without_course(seen)
            return {**found, "checked": await _checked(stage)}

    async def _day(self, server: PostgresServer) -> Seen:
        """Have a whole day pass whose busiest hour is a share of the saturation."""
        plan = self.plan
        saturated = self.results["by_workers"][str(plan.day_workers)]["saturated"]["per_second"]
        rate = plan.day_share * saturated / PEAK
        async with scene(server, self.work, plan.people, workers=plan.day_workers, lease=plan.lease) as stage:
            await stage.measure(talkers=plan.talkers, seconds=plan.warm_up)
            seen = await stage.measure(rate=rate, seconds=plan.day_seconds, day=1)
            hours = _hours(seen["course"], plan.day_seconds)
            return {**_without_course(seen), "rate": rate, "hours": hours, "checked": await _checked(stage)}

    async def _streaming(self, server: PostgresServer) -> Seen:
        """Have answers stream for some seconds, to as many people as there are."""
        plan = self.plan
        async with scene(
            server, self.work, plan.people, workers=2, answer_seconds=plan.streamed_seconds, lease=plan.lease
        ) as stage:
            seen = await stage.measure(talkers=plan.people, seconds=plan.streaming)
            return {**_without_course(seen), "checked": await _checked(stage)}

    async def _killed(self, server: PostgresServer) -> Seen:
        """Kill the worker that polls while others wait for their answers, and see when all are answered again."""
        plan = self.plan
        async with scene(
            server, self.work, plan.people, workers=2, answer_seconds=plan.killed_answer, lease=plan.lease
        ) as stage:
            asking = asyncio.ensure_future(
                stage.measure(faulty=True, rate=plan.killed_rate, seconds=plan.killing, seed=7)
            )
            await asyncio.sleep(plan.killed_after)
            stage.crew.kill(stage.crew.members[0])
            seen = await asking
            late = [
                [said, taken] for said, taken in seen["course"] if taken > plan.killed_answer * MOST_IN_A_ROW + LATE
            ]
            answered = max((said + taken for said, taken in late), default=plan.killed_after)
            before = [taken for said, taken in seen["course"] if said + taken < plan.killed_after]
            return {
                **_without_course(seen),
                "unanswered": seen["unanswered"],
                "recovered_after": answered - plan.killed_after,
                "longest_wait": max((taken for _, taken in late), default=0.0),
                "kept_waiting": len(late),
                "before": spread(before),
                "seconds_by_second": _by_second(seen["course"]),
                "checked": await _checked(stage),
            }

    @contextmanager
    def _part(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        now = time.monotonic()
        print(f"[{now - self.began:4.0f} s] {what}: {now - began:.0f} s", file=sys.stderr, flush=True)


async def rehearse(plan: Plan) -> Seen:
    """Play a plan in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="palaver-load-") as folder:
        return await Rehearsal(plan, Path(folder)).play()


def _without_course(seen: Seen) -> Seen:
    return {name: value for name, value in seen.items() if name != "course"}


async def _checked(stage: Scene) -> Seen:
    """Check what is stored; whatever is lost or handled twice ends the run."""
    checked = await stage.check()
    if checked["stored_wrongly"] or checked["unfinished"] or checked["damaged"]:
        raise AssertionError(f"not everything was kept as it was said: {checked}")
    if checked["messages"] != 2 * checked["said"]:
        raise AssertionError(f"not everything was answered once: {checked}")
    return checked


def _hours(course: list[list[float]], seconds: float) -> list[Seen]:
    """Give each hour of the day: messages a second, and how long their answers took."""
    parts: list[list[float]] = [[] for _ in range(HOURS)]
    for said, taken in course:
        parts[min(HOURS - 1, int(said / seconds * HOURS))].append(taken)
    return [{"per_second": len(part) / (seconds / HOURS), **spread(part)} for part in parts]


def _by_second(course: list[list[float]]) -> list[list[float]]:
    """Give the longest wait of what was said in each second."""
    longest: dict[int, float] = {}
    for said, taken in course:
        longest[int(said)] = max(longest.get(int(said), 0.0), taken)
    return [[float(second), wait] for second, wait in sorted(longest.items())]


def _machine() -> Seen:
    import os
    import platform

    from tests.benchmarks.load.processors import model

    return {"cores": os.cpu_count(), "processor": model(), "python": platform.python_version()}


def _load() -> float:
    import os

    return os.getloadavg()[0]
