"""Several at once: what one does while another one erases, checks, closes or writes the same."""

from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path

import pytest

from sessions.errors import NotFound, SessionError
from sessions.manager import SessionManager
from sessions.records import Foundation
from sessions.sqlite.store import SqliteStore
from tests.sessions.conftest import KEY, Opener, person, say, texts
from tests.sessions.crash_writer import Ledger, Note, Talker

ANN, BOB = person("ann"), person("bob")


@pytest.mark.parametrize("head_start", range(10))
async def test_of_an_erased_session_nothing_stays_in_memory(open_store: Opener, head_start: int) -> None:
    """Who reads while a session is being erased sees it or not; afterwards nobody does."""
    async with open_store(hot_sessions=1) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "hello")
        await sessions.save_checkpoint(session.id, name="here")
        await sessions.get_or_create_session(BOB)  # so that Ann's is not in memory any more
        erasing = asyncio.ensure_future(sessions.delete_session(session.id))
        for _ in range(head_start):
            await asyncio.sleep(0)
        reads = (sessions.get_history(session.id), sessions.current_session(ANN), sessions.get_session(session.id))
        await asyncio.gather(*reads, return_exceptions=True)
        await erasing
        with pytest.raises(NotFound):
            await sessions.get_history(session.id)
        assert await sessions.current_session(ANN) is None
        assert await sessions.list_sessions(ANN) == []


async def test_erasing_twice_at_once_is_erasing_once(open_store: Opener) -> None:
    """Two that erase the same sessions leave the counts in order."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "hello")
        erasures = (sessions.delete_session(session.id) for _ in range(3))
        results = await asyncio.gather(*erasures, sessions.erase_person(ANN), return_exceptions=True)
        assert not [result for result in results if isinstance(result, Exception) and not isinstance(result, NotFound)]
        assert await sessions.verify() == []


@pytest.mark.parametrize("head_start", range(12))
async def test_a_fork_made_while_its_source_is_erased_is_whole(open_store: Opener, head_start: int) -> None:
    """Either there is no fork, or it can be read; the same for going back in one."""
    async with open_store(hot_sessions=1) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
        fork = await sessions.fork(session.id)
        erasing = asyncio.ensure_future(sessions.delete_session(session.id))
        for _ in range(head_start):
            await asyncio.sleep(0)
        acts = (sessions.fork(session.id), sessions.retry_turn(fork.id))
        await asyncio.gather(*acts, return_exceptions=True)
        await erasing
        assert await sessions.verify() == []
        for left in await sessions.own_sessions(ANN):
            assert (await texts(sessions, left.id))[0] == "one"


async def test_looking_everything_over_disturbs_nobody_and_finds_nothing(open_store: Opener) -> None:
    """While many talk, a check of the whole store gives no false alarm, in this program and in one that reads."""
    notes: list[Note] = []
    async with open_store() as sessions, open_store(read_only=True) as reader:
        people = [Talker(sessions, f"{who}", random.Random(who), notes.append) for who in range(8)]
        talks = [asyncio.ensure_future(one.talk(60)) for one in people]
        while not all(talk.done() for talk in talks):
            assert await reader.verify() == []
            assert await sessions.verify() == []
        await asyncio.gather(*talks)
        ledger = Ledger()
        ledger.feed(notes)
        await ledger.check(sessions)


class SecondProgram(SqliteStore):
    """A store on the connections of another one, as a second program has with a database server."""

    def __init__(self, first: SqliteStore) -> None:
        super().__init__(None)
        self._first = first

    async def open(self) -> Foundation | None:
        self._written = self._first._written
        self._read_through(self._first._reader)
        return await self._writer.run(self._opening)

    async def close(self) -> None:
        """Leave the connections to the first."""


async def test_who_saw_an_older_session_tries_again(tmp_path: Path) -> None:
    """A write on top of what another program changed is refused whole, and done anew on what is there by then."""
    store = SqliteStore(tmp_path / "palaver.db")
    async with SessionManager.open(store=store, encryption_key=KEY) as one:
        session = await one.get_or_create_session(ANN)
        await say(one, session.id, "hello")
        async with SessionManager.open(store=SecondProgram(store), encryption_key=KEY) as other:
            assert await texts(other, session.id) == ["hello", "re: hello"]
            await one.add_message(session.id, role="user", content="from one")
            await other.add_message(session.id, role="user", content="from the other")
            assert (await texts(other, session.id))[2:] == ["from one", "from the other"]
            fresh = await one.reset(ANN)
            assert (await texts(one, session.id))[2:] == ["from one", "from the other"]
            await other.save_checkpoint(session.id, name="here")
            assert (await other.get_or_create_session(ANN)).id == fresh.id
        assert await one.verify() == []


@pytest.mark.parametrize("head_start", [0, 1, 2, 3, 5, 8, 13, 21])
async def test_closing_lets_reads_end(open_store: Opener, head_start: int) -> None:
    """Who closes a manager while others read leaves no connection and no thread behind."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, *(f"{number}" for number in range(50)))
    threads = threading.active_count()
    async with open_store(hot_messages=0) as sessions:
        reads = [asyncio.ensure_future(_read_everything(sessions, session.id)) for _ in range(10)]
        for _ in range(head_start):
            await asyncio.sleep(0)
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert all(isinstance(result, int | SessionError) for result in results)
    assert threading.active_count() == threads


async def _read_everything(sessions: SessionManager, session_id: str) -> int:
    return sum([1 async for _ in sessions.iter_history(session_id, page=3)])
