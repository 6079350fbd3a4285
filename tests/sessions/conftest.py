"""What the tests of the library share: addresses, a key, a store on disk, and managers opened on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Protocol

import pytest

from sessions.address import Address, ChatKind
from sessions.keys import KeyProvider
from sessions.manager import SessionManager
from sessions.message import Message
from sessions.postgres.store import PostgresStore
from sessions.sqlite.store import SqliteStore
from sessions.store import Store
from tests.conftest import ManualClock
from tests.postgres_server import KEEP, PostgresServer

KEY = bytes(range(32))
OTHER_KEY = bytes(range(100, 132))


def person(
    user: str = "ann",
    *,
    chat: str = "chat-1",
    platform: str = "telegram",
    account: str = "bot-1",
    thread: str | None = None,
    kind: ChatKind = ChatKind.PRIVATE,
) -> Address:
    """Give the address of somebody in a chat."""
    return Address(platform=platform, account=account, chat_id=chat, user_id=user, thread_id=thread, chat_kind=kind)


async def say(sessions: SessionManager, session_id: str, *turns: str) -> list[Message]:
    """Store turns: each text as the person's, followed by `re: <text>` as the reply; give all messages stored."""
    stored: list[Message] = []
    for text in turns:
        stored.append(await sessions.add_message(session_id, role="user", content=text))
        stored.append(await sessions.add_message(session_id, role="assistant", content=f"re: {text}"))
    return stored


async def texts(sessions: SessionManager, session_id: str) -> list[str]:
    """Read the whole conversation as plain texts, oldest first."""
    return [message.content for message in await sessions.get_history(session_id, limit=None)]


class Opener(Protocol):
    """Describes a manager on the test's store and clock; `async with` opens it."""

    def __call__(
        self,
        *,
        path: Path | None = ...,
        key: bytes | KeyProvider | list[KeyProvider] = ...,
        hot_sessions: int = ...,
        hot_messages: int = ...,
        read_only: bool = ...,
    ) -> SessionManager: ...


# These are run on PostgreSQL as well: what they promise depends on what a database does. Tests that look into the file
# of a store are left out, and so are the others of the library, which would only take time.
ON_POSTGRES = {
    "test_cancelled",
    "test_fork_and_erase",
    "test_importer",
    "test_links",
    "test_mailbox",
    "test_manager",
    "test_preferences",
    "test_races",
    "test_revising",
    "test_rotation",
    "test_sweep",
    "test_turns",
}
IN_FILES = {"db_path", "tmp_path"}  # who asks for these looks into files


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some tests on both databases, and those of `test_postgres` on that alone."""
    if "backend" in metafunc.fixturenames:
        module = metafunc.module.__name__.rpartition(".")[2]
        slow = "stage" in metafunc.fixturenames  # dozens of stores for one test; `test_postgres` has some of them
        in_files = IN_FILES & set(signature(metafunc.function).parameters)
        both = module in ON_POSTGRES and not slow and not in_files
        backends = ["sqlite", "postgres"] if both else ["postgres" if module == "test_postgres" else "sqlite"]
        metafunc.parametrize("backend", backends)


@pytest.fixture
def db_path(tmp_path: Path) -> Path:
    """Where the test's store lies; its folder is made when it is first opened."""
    return tmp_path / "home" / "palaver.db"


@pytest.fixture
def open_store(request: pytest.FixtureRequest, backend: str, db_path: Path, clock: ManualClock) -> Opener:
    """Open the test's store, again and again if need be; what is said elsewhere goes through `SessionManager.open`."""
    database: str | None = request.getfixturevalue("database") if backend == "postgres" else None

    def store_at(path: Path, *, read_only: bool) -> Store:
        if database is None:
            return SqliteStore(path, read_only=read_only)
        return PostgresStore(database, read_only=read_only)

    def describe(
        *,
        path: Path | None = None,
        key: bytes | KeyProvider | list[KeyProvider] = KEY,
        hot_sessions: int = 256,
        hot_messages: int = 64,
        read_only: bool = False,
    ) -> SessionManager:
        return SessionManager.open(
            store=store_at(path or db_path, read_only=read_only),
            encryption_key=key,
            clock=clock,
            hot_sessions=hot_sessions,
            hot_messages=hot_messages,
            read_only=read_only,
        )

    return describe


@pytest.fixture(scope="session")
def scene_database(postgres: PostgresServer) -> Iterator[str]:
    """The address of a database with the scene of `stage` in it, to be copied."""
    from tests.sessions.stage import build

    address = postgres.make_database()

    async def make() -> None:
        async with SessionManager.open(store=PostgresStore(address), encryption_key=KEY, clock=ManualClock()) as made:
            await build(made)

    asyncio.run(make())
    postgres.execute(KEEP, address=address)
    yield address
    postgres.drop_database(address)


@pytest.fixture
def open_memory(clock: ManualClock) -> Callable[[], SessionManager]:
    """Open a store that lies in memory only."""
    return lambda: SessionManager.open(encryption_key=KEY, clock=clock)
