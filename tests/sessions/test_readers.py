"""Reading a store on disk: through the writer's connection while it has just been opened, then beside it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessions.errors import StoreError
from sessions.manager import SessionManager
from sessions.sqlite import readers
from sessions.sqlite.store import SqliteStore
from tests.sessions.conftest import KEY, person, say, texts

ANN = person("ann")
PATIENCE = 10


@contextmanager
def failing_threads() -> Iterator[list[str]]:
    """Note what threads end with that are not there to be asked."""
    hook, failed = threading.excepthook, list[str]()
    threading.excepthook = lambda said: failed.append(repr(said.exc_value))
    try:
        yield failed
    finally:
        threading.excepthook = hook


def threads_left(before: int) -> int:
    """Give how many threads there are more than before; one that has given its last answer may still be ending."""
    until = time.monotonic() + PATIENCE
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    return max(threading.active_count() - before, 0)


async def until_changed_over(store: SqliteStore) -> None:
    """Wait until reads have a connection of their own."""
    async with asyncio.timeout(PATIENCE):
        while not isinstance(store._reader, readers.EarlyReader) or store._reader._early is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_is_read_at_first_and_later_is_the_same(db_path: Path) -> None:
    """Nobody notices that another connection reads."""
    async with SessionManager.open(db_path=db_path, encryption_key=KEY) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
    store = SqliteStore(db_path)
    async with SessionManager.open(store=store, encryption_key=KEY, hot_messages=0) as sessions:
        early = await texts(sessions, session.id)
        await until_changed_over(store)
        assert await texts(sessions, session.id) == early == ["one", "re: one", "two", "re: two"]
        await say(sessions, session.id, "three")
        assert (await texts(sessions, session.id))[-1] == "re: three"


async def test_a_write_that_takes_long_keeps_no_later_read_waiting(db_path: Path) -> None:
    """Reads have a connection of their own then."""
    store, go_on = SqliteStore(db_path), threading.Event()
    async with SessionManager.open(store=store, encryption_key=KEY, hot_messages=0) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        await until_changed_over(store)
        writing = store._writer.submit(lambda connection: go_on.wait(PATIENCE))
        try:
            async with asyncio.timeout(PATIENCE / 2):
                assert await texts(sessions, session.id) == ["one", "re: one"]
            assert not writing.done()
        finally:
            go_on.set()
            await writing


@pytest.mark.parametrize("after", [0.0, readers.SOON])
async def test_a_store_can_be_closed_at_any_moment(db_path: Path, after: float) -> None:
    """Before the second connection is opened, and while it is; afterwards nothing reads, and no thread is left."""
    before = threading.active_count()
    for _ in range(5):
        store = SqliteStore(db_path)
        async with SessionManager.open(store=store, encryption_key=KEY):
            await asyncio.sleep(after)
        with pytest.raises(StoreError):
            await store.census()
    assert threads_left(before) == 0


@pytest.mark.parametrize("again", [False, True])
def test_who_stops_waiting_for_a_connection_leaves_none_behind(db_path: Path, again: bool) -> None:
    """One that is being opened is there for the next, or is closed with the others, before the event loop is."""

    async def stop_waiting() -> None:
        pool = readers.PooledReader(db_path)
        reading = asyncio.create_task(pool.fetch("SELECT 1"))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        if again:
            assert await pool.fetch("SELECT 2") == [(2,)]
            assert len(pool._idle) == 1
        await pool.close()

    async def make() -> None:
        async with SessionManager.open(db_path=db_path, encryption_key=KEY):
            pass

    asyncio.run(make())
    with failing_threads() as failed:
        for _ in range(30):
            asyncio.run(stop_waiting())
    assert failed == []


def test_closing_goes_on_to_its_end(db_path: Path) -> None:
    """Who cancels it waits: what was asked of a connection is answered before the event loop is closed."""

    async def close_and_cancel() -> None:
        store = SqliteStore(db_path, read_only=True)
        await store.open()
        reading = [asyncio.create_task(store.ids()) for _ in range(2)]
        await asyncio.sleep(0.001)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        closing.cancel()
        ends = await asyncio.gather(closing, *reading, return_exceptions=True)
        assert isinstance(ends[0], asyncio.CancelledError)

    async def make() -> None:
        async with SessionManager.open(db_path=db_path, encryption_key=KEY):
            pass

    asyncio.run(make())
    threads = threading.active_count()
    with failing_threads() as failed:
        for _ in range(30):
            asyncio.run(close_and_cancel())
    assert (failed, threads_left(threads)) == ([], 0)
