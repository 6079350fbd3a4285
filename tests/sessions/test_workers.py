"""Workers of one database: what each has, what it may write, and what becomes of that when it is given up."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.coordination import LANE_NAMES, LANES, Beat
from sessions.errors import Fenced, SessionError, StoreHeld
from sessions.keys import RawKey
from sessions.lanes import Lanes
from sessions.letter import Letter, Update
from sessions.mail_ids import MailIds
from sessions.manager import SessionManager
from sessions.postgres.store import PostgresStore
from sessions.postgres.workers import Workers
from sessions.worker import Worker
from tests.conftest import ManualClock
from tests.postgres_server import PostgresServer
from tests.sessions.conftest import KEY, person, say, texts
from tests.sessions.stage import IN_STEPS, WHOLE, Scene, build, portrait

HERE = "telegram:1"
HOST = socket.gethostname()[:24]
DIVIDED = [LANE_NAMES]


@asynccontextmanager
async def manager(
    database: str, *, lifetime: float = 60.0, joins: bool = True, clock: ManualClock | None = None
) -> AsyncIterator[SessionManager]:
    """Open a store that is shared, as one of the workers."""
    store = PostgresStore(database, many=True, lifetime=lifetime, size=4)
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock or ManualClock()) as sessions:
        if joins:
            await sessions.join(shares=True)
        yield sessions


def workers_of(sessions: SessionManager) -> Workers:
    """Give the part of the store where workers meet."""
    coordinator = sessions._store.coordinator
    assert isinstance(coordinator, Workers)
    return coordinator


def silence(postgres: PostgresServer, database: str, worker: Workers) -> None:
    """Have nothing been heard of a worker for too long."""
    postgres.execute(f"UPDATE palaver.worker SET until = now() WHERE id = {worker.id}", address=database)  # noqa: S608


async def beats(*coordinators: Workers) -> list[Beat]:
    """Have workers say that they are alive, in turn."""
    found = [await coordinator.beat([], DIVIDED) for coordinator in coordinators]
    assert None not in found
    return [beat for beat in found if beat is not None]


@asynccontextmanager
async def coordinators(database: str, number: int, *, lifetime: float = 60.0) -> AsyncIterator[list[Workers]]:
    """Enlist some workers that do nothing by themselves."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(number):
            sessions = await stack.enter_async_context(manager(database, lifetime=lifetime, joins=False))
            found.append(workers_of(sessions))
            await found[-1].enlist(shares=True)
        yield found


# -- who has what ------------------------------------------------------------------------------------


async def test_everything_is_divided_evenly_and_nothing_twice(database: str) -> None:
    """Three get 22, 21 and 21 lanes; each learns its share; a lane has one holder."""
    async with coordinators(database, 3) as workers:
        found = await beats(*workers)
        assert [beat.shares for beat in found] == [(22,), (21,), (21,)]
        held = [name for beat in found for name in beat.leases]
        assert sorted(held) == sorted(LANE_NAMES)
        await workers[0].leave()
        left = await beats(*workers[1:])
        assert [len(beat.leases) for beat in left] == [LANES // 2] * 2


async def test_a_worker_that_says_nothing_is_given_up(database: str, postgres: PostgresServer) -> None:
    """Its lanes are free at once for the one that finds out, and it learns of it itself."""
    async with coordinators(database, 2) as (first, second):
        await beats(first, second)
        silence(postgres, database, first)
        (beat,) = await beats(second)
        assert len(beat.leases) == LANES
        assert await first.beat([], DIVIDED) is None


async def test_who_is_in_the_middle_of_a_write_is_not_given_up_before_its_end(
    database: str, postgres: PostgresServer
) -> None:
    """Nobody waits for it: it is looked at again with the next sign of life."""
    asyncpg = pytest.importorskip("asyncpg")
    async with coordinators(database, 2) as (first, second):
        await beats(first, second)
        writing = await asyncpg.connect(database)
        try:
            await writing.execute("BEGIN")
            await writing.fetch("SELECT id FROM palaver.worker WHERE id = $1 FOR KEY SHARE", first.id)
            silence(postgres, database, first)
            (beat,) = await beats(second)
            assert len(beat.leases) == LANES // 2
            await writing.execute("COMMIT")
        finally:
            await writing.close()
        (beat,) = await beats(second)
        assert len(beat.leases) == LANES


async def test_a_lease_is_one_workers(database: str) -> None:
    """Whoever asks first has it; the next one gets it when it is let go."""
    async with coordinators(database, 2) as (first, second):
        got = await first.beat(["poll/x"], DIVIDED)
        not_got = await second.beat(["poll/x"], DIVIDED)
        assert got is not None
        assert not_got is not None
        assert "poll/x" in got.leases
        assert "poll/x" not in not_got.leases
        await first.release(["poll/x"])
        then = await second.beat(["poll/x"], DIVIDED)
        assert then is not None
        assert "poll/x" in then.leases


async def test_a_program_for_itself_and_workers_keep_each_other_away(database: str) -> None:
    """Whichever came first has the database; the other one is told where that runs."""
    async with manager(database) as sessions:
        await asyncio.sleep(0.3)  # until it listens
        alone = PostgresStore(database, sole=True)
        with pytest.raises(StoreHeld) as refused:
            await alone.open()
        assert f"palaver on {HOST}, process {os.getpid()} (" in str(refused.value)
        await alone.close()
        assert await sessions.missing() == []
    async with SessionManager.open(store=PostgresStore(database, sole=True), encryption_key=KEY):
        with pytest.raises(StoreHeld) as refused:
            async with manager(database):
                pass
        assert f"palaver on {HOST}, process {os.getpid()} (" in str(refused.value)
        assert "which shares it with nobody (store.workers)" in str(refused.value)


async def test_two_that_make_the_store_at_once_both_have_it(database: str) -> None:
    """One founds it, the other opens what was founded."""

    async def begin() -> None:
        async with manager(database) as sessions:
            session = await sessions.get_or_create_session(person("ann"))
            await say(sessions, session.id, "hello")

    await asyncio.gather(*(begin() for _ in range(3)))
    async with manager(database) as sessions:
        session = await sessions.get_or_create_session(person("ann"))
        assert (await texts(sessions, session.id)).count("hello") == 3
        assert await sessions.verify() == []


# -- what it may write -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WHOLE, *IN_STEPS])
async def test_nothing_of_a_worker_that_was_given_up_is_written(
    database: str, postgres: PostgresServer, name: str
) -> None:
    """Whatever it still tries is refused whole; the same is done by one that is alive."""
    act = (WHOLE | IN_STEPS)[name]
    async with manager(database, joins=False) as sessions:
        await build(sessions)
        await workers_of(sessions).enlist(shares=True)
        before = await portrait(sessions)
        postgres.execute("DELETE FROM palaver.worker", address=database)
        with pytest.raises(Fenced):
            await act(Scene(sessions))
    async with manager(database, joins=False) as sessions:
        assert await portrait(sessions) == before
        await act(Scene(sessions))
        assert await sessions.verify() == []


async def test_what_a_platform_sent_to_one_that_was_given_up_is_not_stored(
    database: str, postgres: PostgresServer
) -> None:
    """So the platform keeps it for the one that goes on."""
    async with manager(database, joins=False) as sessions:
        await workers_of(sessions).enlist(shares=True)
        await sessions.mailbox.receive(HERE, [Update("1", b"before", "a chat")])
        postgres.execute("DELETE FROM palaver.worker", address=database)
        with pytest.raises(Fenced):
            await sessions.mailbox.receive(HERE, [Update("2", b"after", "a chat")])
        assert [letter.name for letter in await sessions.mailbox.unfinished(HERE)] == ["1"]


# -- letters, parcels, turns -------------------------------------------------------------------------


async def test_each_takes_the_letters_of_its_lanes_in_their_order(database: str) -> None:
    """Whoever took them in; what one has taken no other gets, and what it had is given on when it leaves."""
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(manager(database, clock=clock)) for _ in range(2)]
        await _divided(first, second)
        updates = [Update(str(number), b"said", f"chat {number % 10}") for number in range(200)]
        for start in range(0, 200, 20):
            clock.advance(0.002)
            await (first if start % 40 else second).mailbox.receive(HERE, updates[start : start + 20])
        taken = [await _all_claimed(sessions) for sessions in (first, second)]
        assert all(taken)
        assert sorted(int(name) for names in taken for name in names) == list(range(200))
        for names in taken:
            for chat in range(10):
                own = [int(name) for name in names if int(name) % 10 == chat]
                assert own in ([], list(range(chat, 200, 10)))
        assert first.worker is not None
        await first.worker.stop()
        assert second.worker is not None
        await second.worker.beat()
        assert sorted(await _all_claimed(second), key=int) == sorted(taken[0], key=int)


async def test_an_answer_to_somebody_elsewhere_is_delivered_by_who_has_that_chat(database: str) -> None:
    """The one that made it does not deliver it, and it goes out once."""
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(manager(database)) for _ in range(2)]
        await _divided(first, second)
        for number in range(20):
            parcel = first.mailbox.parcel(HERE, b"an answer", f"chat {number}")
            await first.mailbox.post(parcel)
            here = [one.id for one in await first.mailbox.claim_parcels(HERE)]
            there = [one.id for one in await second.mailbox.claim_parcels(HERE)]
            if first.mailbox.delivers(parcel):
                assert (here, there) == ([], [])  # it has it already
            else:
                assert (here, there) == ([], [parcel.id])


async def test_one_turn_at_a_time_whoever_runs_it(database: str, postgres: PostgresServer) -> None:
    """Another worker waits; it goes on when the turn ends, and when the one that ran it is given up."""
    async with coordinators(database, 2) as (first, second):
        await beats(first, second)
        assert await first.take_turn("a session")
        assert not await second.take_turn("a session")
        assert await second.take_turn("another session")
        assert await second.is_running("a session")
        await first.end_turn("a session")
        assert await second.take_turn("a session")
        await second.end_turn("a session")
        assert await first.take_turn("a session")
        silence(postgres, database, first)
        assert not await second.take_turn("a session")  # nobody has given it up yet
        await beats(second)
        assert await second.take_turn("a session")
        assert not await first.take_turn("a third session")


async def test_a_stop_is_told_to_the_one_that_runs_the_turn(database: str) -> None:
    """It learns of it with a call and with its next sign of life; where nothing runs nobody is told."""
    async with coordinators(database, 2) as (first, second):
        calls: list[str] = []
        await first.listen(calls.append)
        await asyncio.sleep(0.3)
        assert not await second.stop_turn("a session")
        assert await first.take_turn("a session")
        assert not await first.stop_turn("a session")  # its own it can stop itself
        assert await second.stop_turn("a session")
        assert await first.stopping() == ["a session"]
        (beat,) = await beats(first)
        assert beat.stopping == ("a session",)
        await asyncio.sleep(0.1)
        assert f"stop {first.id}" in calls


async def test_a_reset_that_is_due_is_one_workers(database: str) -> None:
    """Two that look at once get different ones; where a turn runs it waits."""
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(
                SessionManager.open(
                    store=PostgresStore(database, many=True, lifetime=60.0, size=4),
                    encryption_key=KEY,
                    clock=clock,
                    idle_reset_minutes=30,
                )
            )
            for _ in range(2)
        ]
        for sessions in opened:
            await workers_of(sessions).enlist(shares=True)
        for number in range(40):
            session = await opened[0].get_or_create_session(person(f"p{number}"))
            await say(opened[0], session.id, "hello")
        busy = await opened[0].get_or_create_session(person("p7"))
        assert await workers_of(opened[1]).take_turn(busy.id)
        clock.advance(3600)
        found = await asyncio.gather(*(sessions.sweep() for sessions in opened))
        reset = [event.archived.id for events in found for event in events]
        assert len(reset) == len(set(reset)) == 39
        assert busy.id not in reset
        await workers_of(opened[1]).end_turn(busy.id)
        assert [event.archived.id for event in await opened[0].sweep()] == [busy.id]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=3_000))
def test_workers_never_give_an_id_twice(steps: list[tuple[int, int]]) -> None:
    """Whatever their clock does: every id is another one, and those of one worker rise, also more than a moment has."""
    now = 1_000_000
    ids = [MailIds(lambda: now, 0) for _ in range(3)]
    found: list[list[int]] = [[], [], []]
    for slot, passes in steps:
        now += passes - 1
        found[slot].append(ids[slot].next_in(slot))
    burst = [ids[0].next_in(0) for _ in range(3_000)]
    assert burst == sorted(set(burst))
    assert all(own == sorted(set(own)) for own in found)
    together = [identifier for own in found for identifier in own]
    assert len(together) == len(set(together))


async def _divided(*managers: SessionManager) -> None:
    async with asyncio.timeout(20):
        while True:
            for sessions in managers:
                assert sessions.worker is not None
                await sessions.worker.beat()
            if all(sessions.worker is not None and sessions.worker.is_settled for sessions in managers):
                return
            await asyncio.sleep(0.05)


async def _all_claimed(sessions: SessionManager) -> list[str]:
    names: list[str] = []
    while letters := await sessions.mailbox.claim(HERE):
        names += [letter.name for letter in letters]
    return names


async def test_a_store_that_is_not_shared_has_no_workers(database: str) -> None:
    """Joining is nothing there, and nothing waits for others."""
    async with SessionManager.open(store=PostgresStore(database), encryption_key=KEY) as sessions:
        assert await sessions.join(shares=True) is None
        assert sessions.worker is None
        with pytest.raises(SessionError):
            await sessions.get_session("nothing")


async def test_keys_are_rotated_under_workers_that_have_both(database: str) -> None:
    """Sessions that another worker has open are read and written on, deep or not, and new ones can be begun."""
    old, new = RawKey(KEY), RawKey(bytes(range(1, 33)))
    async with AsyncExitStack() as stack:

        def open_with(*keys: RawKey) -> SessionManager:
            return SessionManager.open(store=PostgresStore(database, many=True, size=4), encryption_key=list(keys))

        async with open_with(old) as sessions:
            session = await sessions.get_or_create_session(person("ann"))
            await say(sessions, session.id, "before")
            await sessions.keyring.add(new)
        first, second = [await stack.enter_async_context(open_with(new, old)) for _ in range(2)]
        await say(second, session.id, "between")
        for deep in (False, True):
            begun = await first.rotation.begin(await first.keyring.adopt(new), deep=deep)
            after, done = 0, False
            while not done:
                step = await first.rotation.step(after)
                after, done = step.after, step.done
                assert step.failed == ()
            assert begun.to == first.kid
            assert await first.rotation.end() == 0
            await say(second, session.id, f"after {deep}")
            begun_there = await second.get_or_create_session(person(f"ben {deep}"))
            await say(second, begun_there.id, "hello")
            assert (await texts(first, begun_there.id))[0] == "hello"
        said = await texts(first, session.id)
        assert [text for text in said if not text.startswith("re: ")] == [
            "before",
            "between",
            "after False",
            "after True",
        ]
        assert await second.verify() == []


async def test_a_claim_that_was_held_up_takes_nothing_of_lanes_that_have_moved(
    database: str, postgres: PostgresServer
) -> None:
    """It was begun with lanes that are another worker's by now; nor is a letter changed that another worker has."""
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(manager(database, joins=False)) for _ in range(2)]
        late, holder = workers_of(first), workers_of(second)
        await late.enlist(shares=True)
        await beats(late)
        await holder.enlist(shares=True)
        first.mailbox.join(worker_of(late))
        late.lanes = holder.lanes = tuple(range(1, LANES + 1))
        await first.mailbox.receive(HERE, [Update("1", b"said", "a chat"), Update("2", b"said", "a chat")])
        (letter,) = await first.mailbox.claim(HERE, 1)
        postgres.execute(f"UPDATE palaver.lease SET holder = {holder.id}", address=database)  # noqa: S608
        assert await first.mailbox.claim(HERE) == []
        assert [one.name for one in await second.mailbox.claim(HERE)] == ["1", "2"]
        with pytest.raises(Fenced):
            await late_change(first, letter)
        assert await second.missing() == []


def worker_of(coordinator: Workers) -> Worker:
    """Give a worker that does nothing by itself."""
    return Worker(coordinator, Lanes())


async def late_change(sessions: SessionManager, letter: Letter) -> None:
    """Note that a letter is done with."""
    try:
        async with sessions.mailbox.handling(letter):
            pass
    except asyncio.CancelledError:
        raise Fenced from None  # that is how whoever works on it learns of it
