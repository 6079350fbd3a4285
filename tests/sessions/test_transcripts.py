"""Reading along a branch: always the right messages, and never more of the file than they take."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sessions.errors import InvalidValue
from sessions.manager import SessionManager
from sessions.records import record_id
from sessions.sqlite import changes as sqlite_changes
from sessions.sqlite.readers import Reader, Row, Value
from sessions.sqlite.store import SqliteStore
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts

ANN = person("ann")


async def branched(sessions: SessionManager) -> tuple[str, list[str]]:
    """Make a conversation with branches in a fork of a fork; give its id and what one reads there."""
    first = await sessions.get_or_create_session(ANN)
    await say(sessions, first.id, *(f"a{n}" for n in range(40)))
    saved = await sessions.save_checkpoint(first.id, name="here")
    await say(sessions, first.id, *(f"left{n}" for n in range(3)))
    await sessions.restore_checkpoint(saved.id)
    await say(sessions, first.id, "b")
    second = await sessions.fork(first.id)
    await say(sessions, second.id, "c", "left")
    await sessions.undo(ANN)
    await say(sessions, second.id, "d")
    third = await sessions.fork(second.id)
    await say(sessions, third.id, "e")
    turns = [*(f"a{n}" for n in range(40)), "b", "c", "d", "e"]
    return third.id, [text for turn in turns for text in (turn, f"re: {turn}")]


@pytest.mark.parametrize("hot_messages", [0, 1, 2, 64])
async def test_the_last_messages_are_right_at_every_limit(open_store: Opener, hot_messages: int) -> None:
    """From 1 to more than there are, across branches and forks, cold and warm, before and after one more."""
    async with open_store(hot_messages=hot_messages) as sessions:
        session_id, words = await branched(sessions)
    limits = [1, 2, 3, 5, 8, 9, 63, 64, 65, len(words) - 1, len(words), len(words) + 1, 10**9, None]
    for limit in limits:
        async with open_store(hot_messages=hot_messages) as sessions:
            for asked in (limit, 1, limit, 7):
                found = await sessions.get_history(session_id, limit=asked)
                assert [m.content for m in found] == (words if asked is None else words[-asked:])
                assert [m.seq for m in found] == [*range(len(words) - len(found) + 1, len(words) + 1)]
    async with open_store(hot_messages=hot_messages) as sessions:
        for n in range(5):
            words.append(f"more {n}")
            await sessions.add_message(session_id, role="user", content=words[-1])
            for limit in (1, 2, n + 1, n + 2, 200):
                assert [m.content for m in await sessions.get_history(session_id, limit=limit)] == words[-limit:]


async def test_what_is_in_memory_follows_every_move_of_the_head(open_memory: Callable[[], SessionManager]) -> None:
    """A restore, an undo and a clear are seen by the very next read, and by the message after it."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        saved = await sessions.save_checkpoint(session.id, name="here")
        await say(sessions, session.id, "two", "three")
        assert [m.content for m in await sessions.get_history(session.id, limit=2)] == ["three", "re: three"]
        await sessions.restore_checkpoint(saved.id)
        assert [m.content for m in await sessions.get_history(session.id, limit=2)] == ["one", "re: one"]
        await sessions.add_message(session.id, role="user", content="four")
        assert [m.content for m in await sessions.get_history(session.id, limit=2)] == ["re: one", "four"]
        await sessions.clear_history(session.id)
        assert await sessions.get_history(session.id) == []
        stored = await sessions.add_message(session.id, role="user", content="five")
        assert (stored.seq, await texts(sessions, session.id)) == (1, ["five"])


@pytest.mark.parametrize("page", [1, 7, 499, 500, 501])
async def test_pages_meet_without_a_gap(open_memory: Callable[[], SessionManager], page: int) -> None:
    """Going through the whole conversation gives each message once, whatever the size of a page."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await asyncio.gather(*(sessions.add_message(session.id, role="user", content=f"{n}") for n in range(1_001)))
        found = [message async for message in sessions.iter_history(session.id, page=page)]
        assert [m.content for m in found] == [f"{n}" for n in range(1_001)]
        assert found == await sessions.get_history(session.id, limit=None)


async def test_a_limit_below_one_is_refused(open_memory: Callable[[], SessionManager]) -> None:
    """No messages, or less than none, is not something to ask for."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        for limit in (0, -1):
            with pytest.raises(InvalidValue, match="limit must be at least 1"):
                await sessions.get_history(session.id, limit=limit)


async def test_two_hundred_messages_at_once_are_all_kept_in_order(open_store: Opener) -> None:
    """Messages that arrive at the same moment are numbered in the order of their calls and all stored."""
    async with open_store(hot_sessions=1, hot_messages=3) as sessions:
        session = await sessions.get_or_create_session(ANN)
        stored = await asyncio.gather(
            *(sessions.add_message(session.id, role="user", content=f"{n}") for n in range(200))
        )
        assert [m.seq for m in stored] == list(range(1, 201))
        assert await texts(sessions, session.id) == [f"{n}" for n in range(200)]
        assert await sessions.verify() == []


async def test_many_sessions_in_little_memory_lose_nothing(open_store: Opener) -> None:
    """With room for one session, sixty people who write at the same moment are all served."""
    async with open_store(hot_sessions=0, hot_messages=0) as sessions:

        async def write(n: int) -> list[str]:
            session = await sessions.get_or_create_session(person(f"user-{n}"))
            await say(sessions, session.id, f"{n}", f"{n} again")
            return await texts(sessions, session.id)

        for n, found in enumerate(await asyncio.gather(*map(write, range(60)))):
            assert found == [f"{n}", f"re: {n}", f"{n} again", f"re: {n} again"]


# -- what the database does ------------------------------------------------------------------------


LARGE = re.compile("SCAN (message|session|journal|lineage|preference)")


class Noting:
    """A reader that writes down what it is asked."""

    def __init__(self, reader: Reader, asked: list[tuple[str, tuple[Value, ...]]]) -> None:
        self._reader, self._asked = reader, asked

    async def fetch(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        self._asked.append((sql, tuple(parameters)))
        return await self._reader.fetch(sql, parameters)

    async def close(self) -> None:
        await self._reader.close()


class Watched(SqliteStore):
    """Writes down the statements it reads with."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read: list[tuple[str, tuple[Value, ...]]] = []

    def _read_through(self, reader: Reader) -> None:
        super()._read_through(Noting(reader, self.read))


async def test_no_read_on_the_way_of_a_message_scans_a_table(db_path: Path, clock: ManualClock) -> None:
    """SQLite's own plans: keyset searches alone, and no sorting into a temporary b-tree."""
    store = Watched(db_path)
    async with SessionManager.open(
        store=store, encryption_key=KEY, clock=clock, hot_sessions=1, hot_messages=0
    ) as sessions:
        session_id, _ = await branched(sessions)
        await sessions.get_or_create_session(person("bob"))
        await sessions.get_or_create_session(ANN)
        await sessions.get_history(session_id, limit=50)
        await sessions.get_context_history(session_id, max_tokens=200, strategy="smart")
        await sessions.list_sessions(ANN)
        await sessions.own_sessions(ANN)
        await sessions.search(ANN, "a1")
        await sessions.sweep()
        await sessions.delete_session(session_id)
    writes = [
        (f"{sqlite_changes._APPEND} {sqlite_changes._APPENDED}", (0,) * sqlite_changes._APPENDED.count("?")),
        (sqlite_changes._UPDATE_SESSION, (0,) * sqlite_changes._UPDATE_SESSION.count("?")),
    ]
    hot = [(sql, values) for sql, values in store.read if "message" in sql or "session" in sql or "journal" in sql]
    assert len({sql for sql, _ in hot}) >= 8
    connection = sqlite3.connect(db_path)
    for sql, values in dict([*hot, *writes]).items():
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert not [step for step in plan if "TEMP B-TREE" in step], (sql, plan)
        assert not [step for step in plan if LARGE.match(step)], (sql, plan)
    connection.close()


async def test_reading_the_newest_opens_only_those(db_path: Path, clock: ManualClock) -> None:
    """Of a long conversation only the rows that were asked for are read."""
    store = Watched(db_path)
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock, hot_messages=0) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await asyncio.gather(*(sessions.add_message(session.id, role="user", content=f"{n}") for n in range(3_000)))
        store.read.clear()
        await sessions.get_history(session.id, limit=10)
    ((sql, values),) = store.read
    assert "OFFSET" not in sql
    assert values == (record_id(1, 2_991), record_id(1, 3_000), 10)
