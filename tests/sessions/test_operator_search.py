"""Searching every conversation of an installation, for those who run it."""

from __future__ import annotations

import sqlite3
from contextlib import aclosing, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessions.catalogue import Wanted
from sessions.manager import SessionManager
from sessions.operator_search import BATCH, PAGE, Look
from sessions.session import Status
from tests.conftest import ManualClock
from tests.sessions.conftest import person
from tests.sessions.meanwhile import Meanwhile, seal_anew

KEY = bytes(32)


async def hits(sessions: SessionManager, words: str, wanted: Wanted | None = None) -> list[str]:
    return [hit.message.content async for hit in sessions.everywhere.search(words, wanted=wanted)]


async def say(sessions: SessionManager, session_id: str, *words: str) -> None:
    for said in words:
        await sessions.add_message(session_id, role="user", content=said)


async def begin(sessions: SessionManager, name: str, *words: str) -> str:
    session = await sessions.new_session(person(name, chat=name))
    await say(sessions, session.id, *words)
    return session.id


async def test_what_does_not_open_is_counted_and_the_rest_is_found(tmp_path: Path) -> None:
    """Neither a changed row nor a changed message ends the search, and neither is taken for something that fits."""
    path = tmp_path / "sessions.db"
    async with SessionManager.open(encryption_key=KEY, db_path=path) as sessions:
        damaged = await begin(sessions, "ann", "teal one")
        await begin(sessions, "ben", "teal two", "teal three")
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE session SET head = 0 WHERE id = ?", (damaged,))
        raw.execute("UPDATE message SET at = at + 1 WHERE id = (SELECT min(id) FROM message WHERE id >> 24 = 2)")
    look = Look()
    async with SessionManager.open(encryption_key=KEY, db_path=path, read_only=True) as sessions:
        found = [hit async for hit in sessions.everywhere.search("teal", look=look)]
        every = await sessions.catalogue.select(Wanted())
        words = await sessions.everywhere.first_words(every)
    assert [(hit.message.content, hit.message.seq) for hit in found] == [("teal three", 2)]
    assert (look.sessions, look.seen, look.unopened) == (2, 2, 1)
    assert set(words.values()) == {""}


async def test_every_batch_is_looked_through(clock: ManualClock) -> None:
    """One conversation more than fit into a batch, the newest activity first; archived ones are there as well."""
    async with SessionManager.open(encryption_key=KEY, clock=clock) as sessions:
        for number in range(BATCH + 1):
            session_id = await begin(sessions, f"p{number}", f"needle {number}", "hay")
            clock.advance(1)
        await sessions.set_status(session_id, Status.COMPLETED)
        assert await hits(sessions, "NEEDLE") == [f"needle {number}" for number in reversed(range(BATCH + 1))]
        assert await hits(sessions, "needle", Wanted(person="telegram:p7")) == ["needle 7"]
        assert await hits(sessions, "needle", Wanted(status=Status.COMPLETED)) == [f"needle {BATCH}"]
        assert await hits(sessions, f"{BATCH} needle", Wanted(person="telegram:p7")) == []


async def test_parts_of_a_search_give_what_the_whole_does(clock: ManualClock) -> None:
    """Conversations by their numbers, some at a time; what is asked of them counts as well."""
    async with SessionManager.open(encryption_key=KEY, clock=clock) as sessions:
        for number in range(5):
            await begin(sessions, f"p{number % 2}", f"needle {number}", "hay", f"needle {number} again")
            clock.advance(seconds=1)
        everywhere = sessions.everywhere
        for wanted in (
            Wanted(),
            Wanted(person="telegram:p1"),
            Wanted(since=datetime.fromtimestamp(clock.now - 3, UTC)),
        ):
            whole = [hit async for hit in everywhere.search("needle", wanted=wanted)]
            numbers = await everywhere.numbers(wanted)
            parts = [
                hit
                for start in range(0, len(numbers), 2)
                async for hit in everywhere.search("needle", wanted=wanted, numbers=numbers[start : start + 2])
            ]
            assert parts == whole != []
        assert [hit async for hit in everywhere.search("needle", numbers=[])] == []


async def test_what_is_said_during_a_search_does_no_harm(clock: ManualClock) -> None:
    """A search that waits while conversations go on ends with what was there, and loses nothing of that."""
    async with SessionManager.open(encryption_key=KEY, clock=clock) as sessions:
        ids = [await begin(sessions, name, f"word {name}") for name in ("ann", "ben", "cleo")]
        found = []
        async with aclosing(sessions.everywhere.search("word")) as search:
            async for hit in search:
                found.append(hit.message.content)
                await say(sessions, ids[0], "word later")
                await sessions.save_checkpoint(ids[1], name=f"at {len(found)}")
        assert sorted(found)[:3] == ["word ann", "word ben", "word cleo"]


async def test_a_tally_counts_what_one_reads(clock: ManualClock) -> None:
    """What a fork shares counts in both, what was taken back in neither; a reply is timed from its question."""
    async with SessionManager.open(encryption_key=KEY, clock=clock) as sessions:
        base = await begin(sessions, "ann", "one")
        clock.advance(4)
        await sessions.add_message(base, role="assistant", content="answer")
        fork = await sessions.fork(base)
        await say(sessions, fork.id, "two", "three")
        await sessions.undo(person("ann", chat="ann"))
        tally = await sessions.everywhere.tally(await sessions.catalogue.find(fork.id))
        kept = (await sessions.get_session(fork.id)).message_count
        words = await sessions.everywhere.first_words([await sessions.catalogue.find(fork.id)])
    assert (tally.roles.total(), tally.roles["user"]) == (kept, kept - 1)
    assert (tally.replies, tally.waited_ms) == (1, 4_000)
    assert words == {fork.id: "one"}


@pytest.mark.parametrize("wanted", [None, Wanted(platform="telegram")], ids=["lean", "whole"])
async def test_what_got_another_key_since_its_row_was_read_is_found(tmp_path: Path, wanted: Wanted | None) -> None:
    """Short conversations that lie side by side, a long one and a fork: each message once, as without a rotation."""
    store = Meanwhile(tmp_path / "sessions.db")
    async with SessionManager.open(store=store, encryption_key=KEY) as sessions:
        base = await begin(sessions, "ann", "teal one", "hay", "teal two")
        fork = await sessions.fork(base)
        await say(sessions, fork.id, "teal three")
        await begin(sessions, "ben", "teal four")
        await begin(sessions, "cleo", *(f"teal {number}" for number in range(PAGE + 10)))
        found = sorted(await hits(sessions, "teal", wanted))
        assert len(found) == PAGE + 10 + 6
        store.job = lambda: seal_anew(sessions)
        assert sorted(await hits(sessions, "teal", wanted)) == found
        every = await sessions.catalogue.select(Wanted())
        words = await sessions.everywhere.first_words(every)
        assert sorted(words.values()) == ["teal 0", "teal four", "teal one", "teal one"]
        store.job = lambda: seal_anew(sessions)
        assert await sessions.everywhere.first_words(every) == words
        assert store.job is None


async def test_a_rotation_that_goes_on_beside_a_search_hides_nothing(tmp_path: Path) -> None:
    """Each page is read with the key that it has by then, also by a program that only reads."""
    path = tmp_path / "sessions.db"
    async with SessionManager.open(db_path=path, encryption_key=KEY) as sessions:
        for name in ("ann", "ben"):
            await begin(sessions, name, *(f"teal {number}" for number in range(PAGE + 10)))
        async with SessionManager.open(db_path=path, encryption_key=KEY, read_only=True) as reading:
            found: list[tuple[str, int]] = []
            async with aclosing(reading.everywhere.search("teal")) as search:
                async for hit in search:
                    if len(found) in (5, PAGE, PAGE + 15):
                        await seal_anew(sessions)
                    found.append((hit.found.session.id, hit.message.seq))
        assert len(set(found)) == len(found) == 2 * (PAGE + 10)
