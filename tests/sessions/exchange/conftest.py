"""Machines: stores of their own, with one clock and one place between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sessions.exchange.folder import FolderPlace
from sessions.exchange.place import Place
from sessions.exchange.pull import Pulled
from sessions.exchange.push import Pushed
from sessions.manager import SessionManager
from sessions.postgres.exchange_place import DatabasePlace
from sessions.postgres.store import PostgresStore
from sessions.session import Session
from sessions.sqlite.store import SqliteStore
from sessions.store import Store
from tests.conftest import ManualClock
from tests.postgres_server import PostgresServer
from tests.sessions.conftest import person, say, texts

ANN = person("ann")


@dataclass
class Machine:
    """One of my machines: its name, its store and the place it exchanges through."""

    name: str
    sessions: SessionManager
    place: Place
    clock: ManualClock

    async def push(self, *, force: bool = False) -> Pushed:
        self.clock.advance(1)
        pushed = await self.sessions.exchange.push(self.place, force=force)
        assert pushed.troubles == []
        return pushed

    async def pull(self, *, force: bool = False) -> Pulled:
        self.clock.advance(1)
        pulled = await self.sessions.exchange.pull(self.place, force=force)
        assert pulled.troubles == []
        return pulled

    async def begins(self, *turns: str, title: str | None = None) -> str:
        session = await self.sessions.new_session(ANN, title=title)
        await self.says(session.id, *turns)
        return session.id

    async def says(self, session_id: str, *turns: str) -> None:
        for turn in turns:
            self.clock.advance(1)
            await say(self.sessions, session_id, turn)

    async def reads(self, session_id: str) -> list[str]:
        """Give what was asked; each question was answered."""
        return (await texts(self.sessions, session_id))[::2]

    async def branches(self, session_id: str) -> list[list[str]]:
        """Give what can be read from each automatic checkpoint of another machine, without what else there is."""
        points = (await self.sessions.transcript(session_id)).checkpoints
        return [await self._read_at(session_id, point.id) for point in points if point.name.startswith("from ")]

    async def _read_at(self, session_id: str, checkpoint: str) -> list[str]:
        await self.sessions.restore_checkpoint(checkpoint)
        read = await self.reads(session_id)
        await self.sessions.undo(ANN)
        return read

    async def session(self, session_id: str) -> Session:
        return await self.sessions.get_session(session_id)


@dataclass
class Workshop:
    """Makes machines with stores of one kind and a place of one kind."""

    folder: Path
    clock: ManualClock
    server: PostgresServer | None = None
    lent: list[str] = field(default_factory=list)

    def store(self, name: str, *, read_only: bool = False) -> Store:
        """Give a new store of that name; with files also the one that was there before."""
        if self.server is None:
            return SqliteStore(self.folder / name / "palaver.db", read_only=read_only)
        self.lent.append(self.server.lend_database())
        return PostgresStore(self.lent[-1])

    def again(self, store: Store) -> Store:
        """Give a store anew that was closed."""
        if isinstance(store, SqliteStore):
            return SqliteStore(self.folder / "a" / "palaver.db")
        return PostgresStore(self.lent[-1])

    def place(self) -> Place:
        if self.server is not None:
            if not self.lent:
                self.lent.append(self.server.lend_database())
            return DatabasePlace(self.lent[0])
        (self.folder / "place").mkdir(exist_ok=True)
        return FolderPlace(self.folder / "place")

    @asynccontextmanager
    async def machines(self, *names: str) -> AsyncIterator[list[Machine]]:
        async with AsyncExitStack() as stack:
            made = []
            for name in names:
                place = self.place()
                stack.push_async_callback(place.close)
                sessions = SessionManager.open(
                    store=self.store(name), encryption_key=name.encode().ljust(32, b"."), clock=self.clock
                )
                made.append(Machine(name, await stack.enter_async_context(sessions), place, self.clock))
            await introduce(made)
            yield made


async def introduce(machines: Sequence[Machine]) -> None:
    """Have all machines know each other as those of one person."""
    for one in machines:
        for other in machines:
            if other is not one:
                line = (await other.sessions.exchange.identity()).line
                own = await one.sessions.exchange.identity()
                await one.sessions.exchange.contacts.add(other.name, line, mine=True, own=own)


@pytest.fixture
def workshop(tmp_path: Path, clock: ManualClock) -> Workshop:
    return Workshop(tmp_path, clock)


@pytest.fixture(params=["files", "servers"])
def each_workshop(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Workshop]:
    """Once with files and a folder, once with databases on a server for stores and place."""
    server: PostgresServer | None = None
    if request.param == "servers":
        server = request.getfixturevalue("postgres")
        assert server is not None
    made = Workshop(tmp_path, clock, server)
    yield made
    for address in made.lent:
        assert server is not None
        server.execute(
            "SET client_min_messages = warning; DROP SCHEMA IF EXISTS palaver_exchange CASCADE", address=address
        )
        server.take_back(address)
