"""Forks share what was said before, and survive the erasure of what they were forked from."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

import pytest

from sessions.errors import NotFound, StoreError
from sessions.manager import SessionManager
from sessions.records import Mail
from sessions.session import Session
from sessions.sqlite.store import SqliteStore
from sessions.store import Recount
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts

ANN = person("ann")
SHARED = ["one", "re: one", "two", "re: two"]


def found(path: Path, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    """Read the file beside the library."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


async def begun(sessions: SessionManager) -> Session:
    """Begin a conversation of two turns."""
    session = await sessions.get_or_create_session(ANN)
    await say(sessions, session.id, "one", "two")
    return session


async def test_a_fork_shares_the_past_and_not_the_future(open_memory: Callable[[], SessionManager]) -> None:
    """Both go on from the same words; what is said in one is not in the other."""
    async with open_memory() as sessions:
        original = await begun(sessions)
        fork = await sessions.fork(original.id, title="other way")
        assert (fork.forked_from, fork.title, fork.message_count) == (original.id, "other way", 4)
        await say(sessions, fork.id, "three")
        await say(sessions, original.id, "trois")
        assert await texts(sessions, fork.id) == [*SHARED, "three", "re: three"]
        assert await texts(sessions, original.id) == [*SHARED, "trois", "re: trois"]
        assert [m.seq for m in await sessions.get_history(fork.id, limit=3)] == [4, 5, 6]
        assert await sessions.verify() == []


@pytest.mark.parametrize("hot_messages", [0, 1, 64])
async def test_forks_survive_the_erasure_of_the_original(open_store: Opener, db_path: Path, hot_messages: int) -> None:
    """A fork, a fork of it, an untouched one and one that went back into the shared part all keep every word."""
    async with open_store(hot_messages=hot_messages) as sessions:
        original = await begun(sessions)
        fork = await sessions.fork(original.id)
        await say(sessions, fork.id, "three")
        second = await sessions.fork(fork.id)
        await say(sessions, second.id, "four")
        untouched = await sessions.fork(original.id)
        back = await sessions.fork(original.id)
        await sessions.undo(ANN, steps=1)
        await say(sessions, back.id, "zwei")
        expected = {s.id: await texts(sessions, s.id) for s in (fork, second, untouched, back)}
        assert expected[back.id] == ["one", "re: one", "zwei", "re: zwei"]
        ((number,),) = found(db_path, "SELECT number FROM session WHERE id = ?", original.id)
        wrapped = found(db_path, "SELECT wrapped FROM session WHERE id = ?", original.id)

        assert await sessions.delete_session(original.id) == 4
        for session_id, words in expected.items():
            assert await texts(sessions, session_id) == words
        assert await sessions.verify() == []
        assert found(db_path, "SELECT 1 FROM message WHERE id >> 24 = ?", number) == []
        assert found(db_path, "SELECT 1 FROM journal WHERE id >> 24 = ?", number) == []
        assert found(db_path, "SELECT 1 FROM lineage WHERE ? IN (source, reader)", number) == []
        assert found(db_path, "SELECT 1 FROM session WHERE id = ?", original.id) == []
        assert isinstance(wrapped[0][0], bytes)
        left = b"".join(file.read_bytes() for file in db_path.parent.iterdir() if file.suffix != ".lock")
        assert wrapped[0][0] not in left
    async with open_store(hot_messages=hot_messages) as sessions:
        for session_id, words in expected.items():
            assert await texts(sessions, session_id) == words
            assert [m.content for m in await sessions.get_history(session_id, limit=3)] == words[-3:]
        await sessions.switch_session(ANN, untouched.id)
        await sessions.undo(ANN)
        assert await texts(sessions, untouched.id) == ["one", "re: one"]
        assert await sessions.verify() == []


async def test_the_middle_of_a_line_of_forks_can_go(open_store: Opener) -> None:
    """Whichever of three generations is erased, and in whatever order, the others keep every word."""
    for order in ((0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)):
        async with open_store() as sessions:
            first = await begun(sessions)
            second = await sessions.fork(first.id)
            await say(sessions, second.id, "three")
            third = await sessions.fork(second.id)
            await sessions.undo(ANN, steps=3)  # the fork, then a turn of each generation
            await sessions.switch_session(ANN, third.id)
            await say(sessions, third.id, "four")
            line = [first.id, second.id, third.id]
            words = {session_id: await texts(sessions, session_id) for session_id in line}
            for gone in order:
                await sessions.delete_session(line[gone])
                del words[line[gone]]
                assert {session_id: await texts(sessions, session_id) for session_id in words} == words
                assert await sessions.verify() == []
            await sessions.erase_person(ANN)


async def test_two_generations_can_go_at_once(open_store: Opener, clock: ManualClock) -> None:
    """Cleaning up the original and its fork together leaves the fork of the fork whole."""
    async with open_store() as sessions:
        first = await begun(sessions)
        second = await sessions.fork(first.id)
        await say(sessions, second.id, "three")
        third = await sessions.fork(second.id)
        clock.advance(86_400 * 40)
        await say(sessions, third.id, "four")
        words = await texts(sessions, third.id)
        assert await sessions.cleanup(older_than="30d") == 2
        assert await texts(sessions, third.id) == words
        assert await sessions.verify() == []


async def test_erasing_a_fork_leaves_the_original_untouched(open_store: Opener, db_path: Path) -> None:
    """Not one row of the original changes, and only the fork's own messages go."""
    async with open_store() as sessions:
        original = await begun(sessions)
        fork = await sessions.fork(original.id)
        await say(sessions, fork.id, "three")
        before = found(db_path, "SELECT * FROM session WHERE id = ?", original.id)
        messages = found(db_path, "SELECT * FROM message WHERE id >> 24 = 1")
        assert await sessions.delete_session(fork.id) == 2
        assert found(db_path, "SELECT * FROM session WHERE id = ?", original.id) == before
        assert found(db_path, "SELECT * FROM message") == messages
        assert await texts(sessions, original.id) == SHARED
        assert await sessions.verify() == []


async def test_what_is_handed_over_is_handed_over_once(open_store: Opener, db_path: Path) -> None:
    """A fork that went back to many places of the shared part still gets each message of it only once."""
    async with open_store() as sessions:
        original = await sessions.get_or_create_session(ANN)
        await say(sessions, original.id, *(f"{n}" for n in range(20)))
        await sessions.new_session(ANN)
        fork = await sessions.fork(original.id)
        for _ in range(15):
            await sessions.undo(ANN)
        words = await texts(sessions, fork.id)
        await sessions.delete_session(original.id)
        assert found(db_path, "SELECT count(*) FROM message") == [(40,)]
        assert await texts(sessions, fork.id) == words
        await sessions.redo(ANN, steps=15)
        assert len(await texts(sessions, fork.id)) == 40
        assert await sessions.verify() == []


async def test_checkpoints_of_a_fork_survive_the_original(open_store: Opener) -> None:
    """A checkpoint in the shared part, and the automatic ones, lead to the same words as before."""
    async with open_store() as sessions:
        original = await begun(sessions)
        fork = await sessions.fork(original.id)
        saved = await sessions.save_checkpoint(fork.id, name="here")
        await say(sessions, fork.id, "three")
        await sessions.undo(ANN, steps=2)
        await sessions.delete_session(original.id)
        await sessions.restore_checkpoint(saved.id)
        assert await texts(sessions, fork.id) == SHARED
        await sessions.restore_checkpoint(f"{fork.id}-a1")
        assert await texts(sessions, fork.id) == [*SHARED, "three", "re: three"]
        assert await sessions.verify() == []


class BreaksOff(SqliteStore):
    """Fails when a session is to be erased, as a crash does, after everything was handed over."""

    async def erase_sessions(
        self,
        numbers: Sequence[int],
        recount: Recount,
        mail: Mail | None = None,
        *,
        readers: Collection[int] | None = None,
        versions: Mapping[int, int] | None = None,
    ) -> None:
        raise StoreError("the lights went out")


async def test_a_crash_between_hand_over_and_erasure_loses_nothing(db_path: Path, clock: ManualClock) -> None:
    """The original is still whole, the fork reads its own copy, and erasing again finishes the work."""
    store = BreaksOff(db_path)
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock) as sessions:
        original = await begun(sessions)
        fork = await sessions.fork(original.id)
        await say(sessions, fork.id, "three")
        with pytest.raises(StoreError, match="lights"):
            await sessions.delete_session(original.id)
    async with SessionManager.open(db_path=db_path, encryption_key=KEY, clock=clock) as sessions:
        assert await texts(sessions, original.id) == SHARED
        assert await texts(sessions, fork.id) == [*SHARED, "three", "re: three"]
        assert await sessions.verify() == []
        stored = found(db_path, "SELECT count(*) FROM message")
        await sessions.delete_session(original.id)
        assert found(db_path, "SELECT count(*) FROM message") == [(int(str(stored[0][0])) - 4,)]
        assert await texts(sessions, fork.id) == [*SHARED, "three", "re: three"]
        assert await sessions.verify() == []


async def test_a_fork_of_nothing_and_a_fork_of_what_was_cleared_are_empty(
    open_memory: Callable[[], SessionManager],
) -> None:
    """A fork goes on from where its original stands, also when that is the beginning."""
    async with open_memory() as sessions:
        empty = await sessions.get_or_create_session(ANN)
        assert (await sessions.fork(empty.id)).message_count == 0
        original = await begun(sessions)
        await sessions.clear_history(original.id)
        fork = await sessions.fork(original.id)
        await sessions.delete_session(original.id)
        await say(sessions, fork.id, "new")
        assert await texts(sessions, fork.id) == ["new", "re: new"]
        assert await sessions.verify() == []


async def test_a_long_line_is_handed_over_in_order(open_store: Opener) -> None:
    """More messages than one batch holds keep their order, roles, marks and usage."""
    async with open_store() as sessions:
        original = await sessions.get_or_create_session(ANN)
        for n in range(2_101):
            role = "user" if n % 2 == 0 else "assistant"
            metadata = {"n": n} if n % 100 == 0 else None
            await sessions.add_message(
                original.id, role=role, content=f"{n}", important=n % 500 == 0, metadata=metadata
            )
        fork = await sessions.fork(original.id)
        before = await sessions.get_history(fork.id, limit=None)
        await sessions.delete_session(original.id)
        assert await sessions.get_history(fork.id, limit=None) == before
        context = await sessions.get_context_history(fork.id, max_tokens=1_000)
        assert any(message.important for message in context)


async def test_what_is_gone_is_not_found(open_memory: Callable[[], SessionManager]) -> None:
    """Every verb that takes an id answers for an erased session as for one that never was."""
    async with open_memory() as sessions:
        session = await begun(sessions)
        await sessions.delete_session(session.id)
        assert await sessions.current_session(ANN) is None
        acts: tuple[Callable[[str], Awaitable[object]], ...] = (
            sessions.get_session,
            sessions.get_history,
            sessions.fork,
            sessions.delete_session,
            sessions.clear_history,
            sessions.list_checkpoints,
            sessions.export,
            sessions.retry_turn,
        )
        for act in acts:
            with pytest.raises(NotFound, match=f"no such session: {session.id}"):
                await act(session.id)
        fresh = await sessions.get_or_create_session(ANN)
        assert (fresh.id != session.id, fresh.message_count) == (True, 0)


async def test_a_fork_made_while_the_original_is_erased_is_whole_or_not_made(open_store: Opener) -> None:
    """Forking and erasing at the same moment never leaves a fork that reads what is gone."""
    for _ in range(20):
        async with open_store() as sessions:
            original = await begun(sessions)
            fork, _ = await asyncio.gather(
                sessions.fork(original.id), sessions.delete_session(original.id), return_exceptions=True
            )
            if isinstance(fork, Session):
                assert await texts(sessions, fork.id) == SHARED
            assert await sessions.verify() == []
            await sessions.erase_person(ANN)


async def test_erasing_twice_at_the_same_moment_counts_once(open_memory: Callable[[], SessionManager]) -> None:
    """Two who erase the same session leave a store whose counts are right."""
    async with open_memory() as sessions:
        session = await begun(sessions)
        erased = await asyncio.gather(*(sessions.delete_session(session.id) for _ in range(3)))
        assert sorted(erased) == [0, 0, 4]
        assert await sessions.verify() == []


async def test_a_place_in_the_first_of_three_generations_survives_it(open_store: Opener) -> None:
    """A fork of a fork that went back to what the first one said finds it again in the second one."""
    async with open_store() as sessions:
        first = await begun(sessions)
        await sessions.new_session(ANN)
        second = await sessions.fork(first.id)
        await say(sessions, second.id, "three")
        await sessions.new_session(ANN)
        third = await sessions.fork(second.id)
        await sessions.undo(ANN, steps=2)
        await say(sessions, third.id, "zwei")
        await sessions.delete_session(first.id)
        assert await texts(sessions, third.id) == ["one", "re: one", "zwei", "re: zwei"]
        assert await sessions.verify() == []
        await sessions.delete_session(second.id)
        assert await texts(sessions, third.id) == ["one", "re: one", "zwei", "re: zwei"]
        assert await sessions.verify() == []


async def test_a_damaged_fork_does_not_keep_its_original_from_being_erased(open_store: Opener, db_path: Path) -> None:
    """What can not be opened can not be handed anything; the original goes all the same."""
    async with open_store() as sessions:
        original = await begun(sessions)
        fork = await sessions.fork(original.id)
    with sqlite3.connect(db_path) as database:
        database.execute("UPDATE session SET message_count = 9 WHERE id = ?", (fork.id,))
    database.close()
    async with open_store() as sessions:
        assert await sessions.delete_session(original.id) == 4
        with pytest.raises(NotFound):
            await sessions.get_session(original.id)


async def test_erasing_an_original_and_its_fork_at_once_counts_each_message_once(open_store: Opener) -> None:
    """Whichever goes first: what the fork was handed by then was stored under it."""
    async with open_store() as sessions:
        original = await sessions.get_or_create_session(ANN)
        await say(sessions, original.id, "one")
        fork = await sessions.fork(original.id)
        erased = await asyncio.gather(sessions.delete_session(original.id), sessions.delete_session(fork.id))
        assert list(erased) == [2, 2]


async def test_a_fork_that_reads_nothing_of_an_erased_session_any_more_is_handed_nothing(open_store: Opener) -> None:
    """A fork of a fork that went back into its grandparent's part stores nothing when only the grandparent goes."""
    async with open_store() as sessions:
        first = await sessions.get_or_create_session(ANN)
        await say(sessions, first.id, "one", "two")
        second = await sessions.fork(first.id)
        await say(sessions, second.id, "three")
        third = await sessions.fork(second.id)
        await sessions.undo(ANN, steps=1)
        await sessions.switch_session(ANN, third.id)
        await sessions.undo(ANN, steps=2)
        assert await sessions.delete_session(first.id) == 4
        assert await sessions.delete_session(third.id) == 0
