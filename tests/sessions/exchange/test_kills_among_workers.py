"""kill -9 of a push or a pull at any moment, beside workers that go on with the same conversations."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sessions.exchange.folder import FolderPlace
from sessions.exchange.place import Place
from sessions.exchange.pull import Pulled
from sessions.manager import SessionManager
from sessions.postgres.exchange_place import DatabasePlace
from sessions.postgres.store import PostgresStore
from tests.conftest import ManualClock
from tests.postgres_server import PostgresServer
from tests.sessions.exchange.conftest import ANN, Machine, introduce
from tests.sessions.exchange.dying import KEY
from tests.sessions.exchange.test_kills import dying

SESSIONS, ROUNDS = 4, 6


class Town:
    """Two databases that workers share, each with a worker that somebody talks to, and a place between them."""

    def __init__(self, program: subprocess.Popen[str], place: str) -> None:
        self.program, self.place = program, place
        self.said: dict[str, Counter[str]] = {}
        self.machines: dict[str, tuple[str, Machine]] = {}

    async def talk(self, name: str, ident: str, stop: asyncio.Event) -> None:
        """Say one thing after the other in a conversation, wherever it has been led meanwhile."""
        machine = self.machines[name][1].sessions
        while not stop.is_set():
            word = f"{name} {len(self.said[ident])} {random.random()}"  # no secret
            await machine.add_message(ident, role="user", content=word)
            self.said[ident][word] += 1
            await asyncio.sleep(0.02)

    async def do(self, name: str, verb: str, step: str) -> bool:
        """Push or pull with a program that is killed at a step or after some seconds; tell whether it was."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(f"{self.machines[name][0]} {self.place} {verb} {step}\n")
        self.program.stdin.flush()
        code = int(await asyncio.to_thread(self.program.stdout.readline))
        assert code in (0, -signal.SIGKILL, -signal.SIGALRM)
        return code != 0

    async def check(self) -> None:
        """Compare what is stored with what was said: each word once, at both ends."""
        for _, machine in self.machines.values():
            assert await machine.sessions.verify() == []
            for ident, words in self.said.items():
                stored = (await machine.sessions.transcript(ident)).stored
                assert Counter(one.message.content for one in stored) == words


@asynccontextmanager
async def town(addresses: list[str], place: str) -> AsyncIterator[Town]:
    """Open both stores as a worker, and have them know each other."""
    clock = ManualClock(time.time())
    with dying() as program:
        made = Town(program, place)
        there: Place = DatabasePlace(place) if place.startswith("postgresql:") else FolderPlace(Path(place))
        stores = [PostgresStore(address, many=True, size=4) for address in addresses]
        described = [SessionManager.open(store=store, encryption_key=KEY, clock=time.time) for store in stores]
        async with described[0] as first, described[1] as second:
            for name, address, sessions in zip(("desk", "laptop"), addresses, (first, second), strict=True):
                await sessions.join(shares=True)
                made.machines[name] = address, Machine(name, sessions, there, clock)
            await introduce([machine for _, machine in made.machines.values()])
            yield made
            await there.close()


async def settled(made: Town) -> list[Pulled]:
    """Push and pull until there is nothing more to tell."""
    pulls: list[Pulled] = []
    for _ in range(6):
        for _, machine in made.machines.values():
            assert (await machine.sessions.exchange.push(machine.place)).troubles == []
        for _, machine in made.machines.values():
            pulls.append(await machine.sessions.exchange.pull(machine.place))
            assert pulls[-1].troubles == []
        if not any(one.any for one in pulls[-2:]):
            return pulls
    raise AssertionError("they do not come to an end")


@pytest.mark.parametrize("kind", ["folder", "database"])
async def test_a_push_and_a_pull_that_are_killed_at_any_moment(
    database: str, postgres: PostgresServer, tmp_path: Path, kind: str
) -> None:
    """Nothing that was said is lost or doubled at either end, and what both went on with has branches of both."""
    other, between = postgres.make_database(), postgres.make_database()
    place = between if kind == "database" else f"{tmp_path}"
    try:
        async with town([database, other], place) as made:
            desk = made.machines["desk"][1]
            for number in range(SESSIONS):
                session = await desk.sessions.create_session(ANN, title=f"number {number}")
                made.said[session.id] = Counter()
            await settled(made)
            began = time.monotonic()
            assert not await made.do("desk", "push", "9.0")
            longest, killed = 2 * (time.monotonic() - began), 0
            stop = asyncio.Event()
            talking = [
                asyncio.create_task(made.talk(name, ident, stop)) for ident in made.said for name in made.machines
            ]
            try:
                for _ in range(ROUNDS):
                    for name, verb in (("desk", "push"), ("laptop", "pull"), ("laptop", "push"), ("desk", "pull")):
                        killed += await made.do(name, verb, f"{random.uniform(0.02, longest):.3f}")
            finally:
                stop.set()
                await asyncio.gather(*talking)
            assert killed > ROUNDS
            await settled(made)
            await made.check()
            assert sum(map(len, made.said.values())) > 50
    finally:
        postgres.drop_database(other)
        postgres.drop_database(between)
