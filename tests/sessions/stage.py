"""A stage for faults: a store with some history, as often as wanted, and everything that can be done to it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from sessions.manager import SessionManager
from sessions.postgres.store import PostgresStore
from sessions.session import Status
from sessions.sqlite.store import SqliteStore
from sessions.store import Store
from tests.conftest import ManualClock
from tests.postgres_server import PUT_BACK, PostgresServer, database_of
from tests.sessions.conftest import KEY, person, say, texts

ANN, BOB = person("ann"), person("bob")


@dataclass
class Scene:
    """A manager on a store in which Ann has an archived session, a current one with a checkpoint, and a turn begun."""

    sessions: SessionManager

    async def current(self) -> str:
        session = await self.sessions.current_session(ANN)
        assert session is not None
        return session.id

    async def archived(self) -> str:
        *_, oldest = await self.sessions.own_sessions(ANN)
        return oldest.id

    async def mark(self) -> str:
        (mark,) = await self.sessions.list_checkpoints(await self.current())
        return mark.id


async def build(sessions: SessionManager) -> None:
    """Build the scene."""
    first = await sessions.get_or_create_session(ANN)
    await say(sessions, first.id, "long ago")
    second = await sessions.new_session(ANN, title="Plans")
    await say(sessions, second.id, "one", "two")
    await sessions.save_checkpoint(second.id, name="here")
    await say(sessions, second.id, "three")
    await sessions.clear_history(second.id)
    await sessions.undo(ANN)  # so that there is something to redo


async def finish_in_error(scene: Scene) -> object:
    turn = await scene.sessions.begin_turn(await scene.current(), content="why?")
    return await scene.sessions.finish_turn(turn, content="becau", failed=True)


Act = Callable[[Scene], Awaitable[object]]

# Each of these is one unit of work: it happens whole or not at all.
WHOLE: dict[str, Act] = {
    "add_message": lambda s: then(s.current, lambda i: s.sessions.add_message(i, role="user", content="new")),
    "begin_turn": lambda s: then(s.current, lambda i: s.sessions.begin_turn(i, content="why?")),
    "save": lambda s: then(s.current, lambda i: s.sessions.save_checkpoint(i, name="there")),
    "restore": lambda s: then(s.mark, s.sessions.restore_checkpoint),
    "delete_checkpoint": lambda s: then(s.mark, s.sessions.delete_checkpoint),
    "clear": lambda s: then(s.current, s.sessions.clear_history),
    "undo": lambda s: s.sessions.undo(ANN),
    "redo": lambda s: s.sessions.redo(ANN),
    "retry": lambda s: then(s.current, s.sessions.retry_turn),
    "reset": lambda s: s.sessions.reset(ANN),
    "new": lambda s: s.sessions.new_session(ANN, title="fresh"),
    "create": lambda s: s.sessions.get_or_create_session(person("ann", chat="another chat")),
    "fork": lambda s: then(s.current, s.sessions.fork),
    "switch": lambda s: then(s.archived, lambda i: s.sessions.switch_session(ANN, i)),
    "update": lambda s: then(s.current, lambda i: s.sessions.update_session(i, title="else", tags=["a"])),
    "set_status": lambda s: then(s.current, lambda i: s.sessions.set_status(i, Status.ERROR)),
    "set_scope": lambda s: s.sessions.set_scope(ANN, "peer"),
    "delete": lambda s: then(s.archived, s.sessions.delete_session),
    "delete current": lambda s: then(s.current, s.sessions.delete_session),
}
# These take several steps, each of which happens whole or not at all.
IN_STEPS: dict[str, Act] = {
    "finish_turn": finish_in_error,
    "undo several": lambda s: s.sessions.undo(ANN, steps=3),
    "set_chat_resets": lambda s: s.sessions.set_chat_resets(ANN, idle=timedelta(hours=1)),
    "erase_person": lambda s: s.sessions.erase_person(ANN),
}


async def then(find: Callable[[], Awaitable[str]], act: Callable[[str], Awaitable[object]]) -> object:
    """Act on what was found."""
    return await act(await find())


Portrait = list[tuple[object, ...]]


async def portrait(sessions: SessionManager) -> Portrait:
    """Say what Ann has, without the ids and times that are other ones each time."""
    drawn: Portrait = [(await sessions.scope_of(ANN), (await sessions.own_sessions(BOB)) == [])]
    for session in await sessions.own_sessions(ANN):
        marks = await sessions.list_checkpoints(session.id, automatic=True)
        drawn.append(
            (
                session.status,
                session.title,
                session.tags,
                await texts(sessions, session.id),
                [(mark.name, mark.message_count) for mark in marks],
                (await sessions.reset_rule(session.id)).source,
            )
        )
    return drawn


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store with the scene in it, to be copied."""
    folder = tmp_path_factory.mktemp("built")

    async def make() -> None:
        async with SessionManager.open(db_path=folder / "palaver.db", encryption_key=KEY, clock=ManualClock()) as s:
            await build(s)

    asyncio.run(make())
    return folder


class Files:
    """Copies of a store in a folder."""

    def __init__(self, built: Path, folder: Path) -> None:
        self._built, self._folder, self._count = built, folder, 0

    def copy(self) -> None:
        """Make a copy; the one before stays."""
        self._count += 1
        shutil.copytree(self._built, self._folder / f"{self._count}")

    def store(self, *, read_only: bool = False) -> Store:
        """Describe the newest copy."""
        return SqliteStore(self._folder / f"{self._count}" / "palaver.db", read_only=read_only)

    def close(self) -> None:
        """Leave the folder to whoever gave it."""


class Databases:
    """Copies of a store in PostgreSQL, one at a time."""

    def __init__(self, built: str, server: PostgresServer) -> None:
        self._server, self._address = server, server.make_database(database_of(built))
        self._fresh = True

    def copy(self) -> None:
        """Put everything back, which takes less time than another database."""
        if not self._fresh:
            self._server.execute(PUT_BACK, address=self._address)
        self._fresh = False

    def store(self, *, read_only: bool = False) -> Store:
        """Describe the copy."""
        return PostgresStore(self._address, read_only=read_only)

    def close(self) -> None:
        """Remove the database."""
        self._server.drop_database(self._address)


class Stage:
    """Makes copies of the scene, as many as wanted."""

    def __init__(self, copies: Files | Databases) -> None:
        self._copies = copies

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Scene]:
        """Open a copy. When it is left, what was in memory must be what is on disk, all of it in order."""
        self._copies.copy()
        async with self._open() as sessions:
            yield Scene(sessions)
            in_memory = await portrait(sessions)
        async with self._open() as sessions:
            assert await portrait(sessions) == in_memory
            assert await sessions.verify() == []

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[Scene]:
        """Open the newest copy once more, to read it beside its owner."""
        async with self._open(read_only=True) as sessions:
            yield Scene(sessions)

    def _open(self, *, read_only: bool = False) -> SessionManager:
        return SessionManager.open(
            store=self._copies.store(read_only=read_only),
            encryption_key=KEY,
            clock=ManualClock(),
            hot_sessions=1,  # so little memory that sessions are read again all the time
            hot_messages=2,
            read_only=read_only,
        )


@pytest.fixture
def stage(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> Iterator[Stage]:
    copies: Files | Databases
    if backend == "postgres":
        copies = Databases(request.getfixturevalue("scene_database"), request.getfixturevalue("postgres"))
    else:
        copies = Files(request.getfixturevalue("built"), tmp_path)
    yield Stage(copies)
    copies.close()


async def outcome_of(stage: Stage, act: Act) -> tuple[Portrait, Portrait]:
    """Give what there is before and after an act that nothing disturbs."""
    async with stage() as scene:
        before = await portrait(scene.sessions)
        await act(scene)
        return before, await portrait(scene.sessions)
