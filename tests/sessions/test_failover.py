"""Two database servers: whichever dies, is stopped or comes back, no acknowledged message is lost or stored twice."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from sessions.errors import StoreError
from sessions.manager import SessionManager
from sessions.postgres.place import rivals_of
from sessions.postgres.store import PostgresStore
from sessions.records import Change, record_id
from tests.conftest import ManualClock
from tests.postgres_pair import Pair, postgres_pair
from tests.postgres_server import database_of
from tests.sessions.conftest import KEY, person, texts
from tests.sessions.test_postgres import KILL, one_more
from tests.sessions.test_postgres_owner import until
from tests.sessions.test_store import add, entry, head, message, opened, positions, row

RECOVERY_SECONDS = 30
TALKERS = 12
# Who waits for the standby.
_WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
_OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'palaver%' AND datname = current_database()"
_BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'palaver' AND state = 'active'"
_CANCEL = f"SELECT pg_cancel_backend(pid) FROM ({_WAITING}) AS waiting"  # noqa: S608  # two constants


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    """Two servers for the tests of this module."""
    with postgres_pair() as made:
        yield made


@pytest.fixture
def pair(servers: Pair) -> Pair:
    """A primary and its standby, both well."""
    servers.mend()
    return servers


class Load:
    """Sessions that take messages one after the other, and new sessions, until told to stop."""

    def __init__(self, store: PostgresStore) -> None:
        self._store, self._stopped = store, asyncio.Event()
        self.said = [0] * (TALKERS + 1)
        self.begun = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await add(self._store, *(row(number) for number in range(1, TALKERS + 1)))
        self._tasks = [asyncio.ensure_future(self._talk(number)) for number in range(1, TALKERS + 1)]
        self._tasks.append(asyncio.ensure_future(self._begin()))
        await self.goes_on()

    async def goes_on(self) -> None:
        """Wait until every session has got another message."""
        before, begun = list(self.said), self.begun
        async with asyncio.timeout(RECOVERY_SECONDS):
            while self.begun == begun or any(self.said[at] == before[at] for at in range(1, TALKERS + 1)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._stopped.set()
        await asyncio.gather(*self._tasks)

    async def check(self) -> None:
        """See that all that was acknowledged is there once, in order, and nothing else."""
        for number in range(1, TALKERS + 1):
            count = self.said[number]
            assert await positions(self._store, number, last=100_000) == list(range(1, count + 1))
            found = await self._store.messages(record_id(number, 1), record_id(number, count), count, newest=False)
            assert [one[6] for one in found] == [b"%d says %d" % (number, at) for at in range(1, count + 1)]
        assert (await self._store.census()).sessions == self.begun
        assert (await self._store.count_rows()).sessions == self.begun + TALKERS

    async def _talk(self, number: int) -> None:
        while not self._stopped.is_set():
            position = self.said[number] + 1
            said = message(number, position, body=b"%d says %d" % (number, position))
            entries = [entry(number, position)] if position % 5 == 0 else []  # in a transaction of several statements
            await self._store.append(head(number, position, expected=position), said, entries)
            self.said[number] = position

    async def _begin(self) -> None:
        while not self._stopped.is_set():
            await self._store.commit([Change(row=row(1000 + self.begun), expected=None)], one_more)
            self.begun += 1


@asynccontextmanager
async def loaded(store: PostgresStore) -> AsyncIterator[Load]:
    """Put a store under load."""
    async with opened(store):
        load = Load(store)
        await load.start()
        yield load
        await load.stop()
        await load.check()


async def killed(pair: Pair) -> None:
    """Kill the primary, and let the standby take over a moment later."""
    await asyncio.to_thread(pair.primary.kill)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(pair.take_over)


async def switched(pair: Pair) -> None:
    """End the primary in order, and let the standby take over."""
    await asyncio.to_thread(pair.primary.end)
    await asyncio.to_thread(pair.take_over)


async def restarted(pair: Pair) -> None:
    """Kill the primary, and start it again."""
    await asyncio.to_thread(pair.primary.kill)
    await asyncio.to_thread(pair.primary.start)


@pytest.mark.parametrize("fault", [killed, switched, restarted])
async def test_a_primary_that_goes_under_load_costs_nothing(
    pair: Pair, fault: Callable[[Pair], Awaitable[None]]
) -> None:
    """What was acknowledged is on the next one, once and in order, and writing goes on by itself."""
    async with loaded(PostgresStore(pair.make_database(), sole=True)) as load:
        await fault(pair)
        await load.goes_on()


@pytest.mark.soak
async def test_many_takeovers_in_a_row_cost_nothing(pair: Pair) -> None:
    """The servers take turns at dying and following, twenty times, and the load never stops for long."""
    async with loaded(PostgresStore(pair.make_database(), sole=True)) as load:
        for turn in range(20):
            await (killed, switched)[turn % 2](pair)
            await load.goes_on()
            await asyncio.to_thread(pair.rejoin)
            await load.goes_on()


async def test_a_manager_goes_on_with_the_next_server(pair: Pair) -> None:
    """Conversations that are held while the primary is killed are whole afterwards, and verify."""
    store = PostgresStore(pair.make_database(), sole=True)
    async with SessionManager.open(store=store, encryption_key=KEY, clock=ManualClock()) as sessions:
        stop = asyncio.Event()
        said = dict.fromkeys(range(8), 0)

        async def talk(number: int) -> str:
            session = await sessions.get_or_create_session(person(f"user-{number}"))
            while not stop.is_set():
                turn = await sessions.begin_turn(session.id, content=f"{number} {said[number]}")
                await sessions.finish_turn(turn, content=f"re: {number} {said[number]}")
                said[number] += 1
            return session.id

        talking = [asyncio.ensure_future(talk(number)) for number in said]
        await until(lambda: min(said.values()) > 1)
        await killed(pair)
        before = dict(said)
        await until(lambda: all(said[number] > before[number] for number in said))
        stop.set()
        for number, session_id in enumerate(await asyncio.gather(*talking)):
            lines = [f"{start}{number} {turn}" for turn in range(said[number]) for start in ("", "re: ")]
            assert await texts(sessions, session_id) == lines
        assert await sessions.verify() == []


# -- the standby does not confirm --------------------------------------------------------------------


async def two_writes(store: PostgresStore) -> None:
    """Store a message in one statement, and begin a session in several."""
    await asyncio.gather(
        store.append(head(1, 1, expected=1), message(1, 1, body=b"this very message")),
        store.commit([Change(row=row(2), expected=None)], one_more),
    )


async def check_two_writes(store: PostgresStore) -> None:
    """See that both have happened once."""
    assert await positions(store, 1) == [1]
    assert (await store.census()).sessions == 1
    assert len(await store.sessions_after(0, 9)) == 2


def waiting(pair: Pair) -> int:
    """Count who waits for the standby."""
    return len(pair.primary.server.fetch(_WAITING, address=pair.primary.server.address))


async def test_a_standby_that_is_away_is_waited_for(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is acknowledged that only one server has, also beyond the time limits; reading goes on meanwhile."""
    async with opened(PostgresStore(pair.make_database())) as store:
        await add(store, row(1))
        store._connected.servers.command_seconds = 0.5
        pair.primary.server.execute(KILL, address=pair.on_primary(store._options.dsn))
        store._units.patience = 0.2  # seconds that an error would take, if there was one to give
        await asyncio.to_thread(pair.standby.kill)
        writing = asyncio.ensure_future(two_writes(store))
        done, _ = await asyncio.wait({writing}, timeout=1.5)
        assert not done
        assert (await store.sessions_by_number([1])) != []
        busy = pair.primary.server.fetch(_BUSY, address=pair.on_primary(store._options.dsn))
        assert busy[0][0] <= 2  # those that were given up hold nothing and nobody up
        await asyncio.to_thread(pair.rejoin)
        async with asyncio.timeout(5):
            await writing
        await check_two_writes(store)
    assert caplog.text.count("wait for a standby") == 1


async def test_reading_goes_on_however_many_writes_wait(pair: Pair) -> None:
    """More writes than there are connections wait for the standby, and who reads gets an answer at once."""
    async with opened(PostgresStore(pair.make_database())) as store:
        await add(store, row(1))
        await asyncio.to_thread(pair.standby.stop_following)
        writing = asyncio.gather(*(add(store, row(number)) for number in range(2, 22)))
        await until(lambda: waiting(pair) >= 5)
        async with asyncio.timeout(2):
            assert await store.session_by_number(1) is not None
        await asyncio.to_thread(pair.rejoin)
        await writing
        assert len(await store.sessions_after(0, 99)) == 21


@pytest.mark.parametrize("lost", [False, True], ids=["and comes back", "and takes over without them"])
async def test_a_wait_that_is_broken_off_is_neither_yes_nor_no(pair: Pair, lost: bool) -> None:
    """An administrator ends the wait for a standby that hears nothing: writes are acknowledged when both have them."""
    async with opened(PostgresStore(pair.make_database())) as store:
        await add(store, row(1))
        store._units.patience = 0.2
        await asyncio.to_thread(pair.standby.stop_following)
        writing = asyncio.ensure_future(two_writes(store))
        await until(lambda: waiting(pair) == 2)
        pair.primary.server.execute(_CANCEL)
        await until(lambda: waiting(pair) == 2)  # they wait for it anew
        assert not writing.done()
        if lost:
            await asyncio.to_thread(pair.primary.kill)
            await asyncio.to_thread(pair.take_over)
        else:
            await asyncio.to_thread(pair.rejoin)
        async with asyncio.timeout(5):
            await writing
        await check_two_writes(store)


async def test_what_is_not_known_is_asked_for_as_long_as_it_takes(pair: Pair) -> None:
    """Writes whose answers are lost with the primary get no error meanwhile, however long the next one takes."""
    async with opened(PostgresStore(pair.make_database())) as store:
        await add(store, row(1))
        store._units.patience = 0.2
        await asyncio.to_thread(pair.standby.stop_following)
        writing = asyncio.ensure_future(two_writes(store))
        await until(lambda: waiting(pair) == 2)
        await asyncio.to_thread(pair.primary.kill)
        done, _ = await asyncio.wait({writing}, timeout=0.8)
        assert not done
        await asyncio.to_thread(pair.take_over)
        async with asyncio.timeout(5):
            await writing
        await check_two_writes(store)


async def test_a_store_is_closed_although_something_is_not_known(pair: Pair) -> None:
    """When the database stays away the program can end; who waits is told that it is not known."""
    store = PostgresStore(pair.make_database())
    async with opened(store):
        await add(store, row(1))
        await asyncio.to_thread(pair.standby.stop_following)
        said = asyncio.ensure_future(store.append(head(1, 1, expected=1), message(1, 1)))
        behind = asyncio.ensure_future(store.append(head(1, 2, expected=2), message(1, 2)))
        begun = asyncio.ensure_future(add(store, row(2)))
        await until(lambda: waiting(pair) == 2)
        store._units.patience = 0.3
        await asyncio.to_thread(pair.primary.kill)
        await asyncio.sleep(0.5)
        async with asyncio.timeout(5):
            await store.close()
        for write in (said, begun):
            with pytest.raises(StoreError, match="before it was known"):
                await write
        with pytest.raises(StoreError):
            await behind


async def test_a_store_that_went_back_is_told_of(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """A server that takes over without what was acknowledged, because nobody waited for it, is named as that."""
    async with opened(PostgresStore(pair.make_database())) as store:
        await add(store, row(1))
        pair.primary.set("synchronous_standby_names", "")
        await asyncio.to_thread(pair.standby.stop_following)
        await store.commit([Change(row=row(2), expected=None)], one_more)
        await killed(pair)
        await store.commit([Change(row=row(3), expected=None)], one_more)
        assert [row.number for row in await store.sessions_after(0, 9)] == [1, 3]
    assert "lacks what was stored last" in caplog.text


async def test_a_number_that_was_given_before_a_takeover_is_not_given_again(pair: Pair) -> None:
    """Also when the standby has not heard of it: the program may still be about to use it."""
    async with opened(PostgresStore(pair.make_database())) as store:
        await add(store, row(1))
        pair.primary.set("synchronous_standby_names", "")
        await asyncio.to_thread(pair.standby.stop_following)
        given = [await store.next_number() for _ in range(40)]
        await killed(pair)
        await add(store, row(max(given)))
        assert await store.next_number() > max(given)


async def test_a_server_that_has_everything_is_not_told_of(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """A takeover that loses nothing is a warning, and no error."""
    async with opened(PostgresStore(pair.make_database())) as store:
        await add(store, row(1))
        await killed(pair)
        await add(store, row(2))
    assert "another server has taken over" in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


# -- two that take writes ----------------------------------------------------------------------------


def sessions_on(pair: Pair, dsn: str, *, old: bool) -> int:
    """Count the sessions on one of the servers."""
    server = pair.standby.server if old else pair.primary.server
    address = server.address_of(database_of(dsn))
    return int(server.fetch("SELECT count(*) FROM palaver.session", address=address)[0][0])


async def test_a_server_that_was_replaced_is_written_to_by_nobody(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """It comes back and takes writes: who was there goes on with the newer one, and so does who comes in."""
    dsn = pair.make_database()
    async with opened(PostgresStore(dsn)) as store:
        await add(store, row(1))
        await killed(pair)
        await add(store, row(2))
        await asyncio.to_thread(pair.standby.start)  # as if nothing had happened
        pair.primary.server.execute(KILL, address=pair.on_primary(dsn))
        for number in range(3, 9):
            await add(store, row(number))
        async with opened(PostgresStore(dsn)) as another:
            await add(another, row(9))
        assert (sessions_on(pair, dsn, old=True), sessions_on(pair, dsn, old=False)) == (1, 9)
        assert "was replaced takes writes" in caplog.text
        await asyncio.to_thread(pair.primary.end)
        store._units.patience = 0.5
        with pytest.raises(StoreError, match="was replaced; start the newer one"):
            await add(store, row(10))
        assert sessions_on(pair, dsn, old=True) == 1
        await asyncio.to_thread(pair.primary.start)
        await add(store, row(10))
        assert sessions_on(pair, dsn, old=False) == 10


@pytest.mark.parametrize(
    ("dsn", "each"),
    [
        ("//u:p@a,b:7/c?target_session_attrs=read-write", ["//u:p@a/c", "//u:p@b:7/c"]),
        ("//[::1]:7,b/c?target_session_attrs=primary", ["//[::1]:7/c", "//b/c"]),
        ("//a/c?target_session_attrs=read-write", ["//a/c"]),
        ("/c?host=/x&port=7&target_session_attrs=read-write", ["/c?host=/x&port=7"]),
        ("//a,b/c", ["//a,b/c"]),
        ("//a,b/c?target_session_attrs=any", ["//a,b/c"]),
    ],
)
def test_each_server_of_an_address_has_its_own(dsn: str, each: list[str]) -> None:
    """Servers of which the one that takes writes is wanted are asked one by one, others are left to the driver."""
    found = [re.sub(r"[?&]target_session_attrs=.*", "", one) for one in rivals_of(f"postgresql:{dsn}")]
    assert found == [f"postgresql:{one}" for one in each]


async def test_connections_to_a_server_that_was_replaced_are_left(pair: Pair) -> None:
    """The standby takes over while the primary lives: no write is acknowledged by the old one, which has no standby."""
    dsn = pair.make_database()
    async with opened(PostgresStore(dsn, sole=True)) as store:
        await add(store, row(1))
        store._connected.servers.command_seconds = 0.5
        pair.primary.server.execute(KILL, address=pair.on_primary(dsn))
        await asyncio.gather(*(add(store, row(number)) for number in range(20, 26)))  # over several connections
        await asyncio.to_thread(pair.take_over)
        async with asyncio.timeout(10):
            await two_writes_more(store)
        await until(lambda: sessions_on(pair, dsn, old=False) == 9)
        old = pair.standby.server
        await until(lambda: old.fetch(_OURS, address=old.address_of(database_of(dsn))) == [])
        await store.append(head(1, 1, expected=1), message(1, 1))
        assert await positions(store, 1) == [1]


async def two_writes_more(store: PostgresStore) -> None:
    """Begin two sessions, one after the other."""
    for number in (3, 4):
        await store.commit([Change(row=row(number), expected=None)], one_more)


async def test_who_starts_beside_a_server_that_was_replaced_is_told_nothing_is_stored(pair: Pair) -> None:
    """A program that knows only the old server, which waits for its standby, is never told that something is stored."""
    dsn = pair.make_database()
    async with opened(PostgresStore(dsn)) as store:
        await add(store, row(1))
    await killed(pair)
    await asyncio.to_thread(pair.standby.start)
    old = PostgresStore(f"{pair.on_standby(dsn)}?target_session_attrs=read-write")
    assert await old.open() is not None
    writing = asyncio.ensure_future(add(old, row(2)))
    done, _ = await asyncio.wait({writing}, timeout=1.0)
    assert not done
    old._units.patience = 0.2
    await asyncio.to_thread(pair.standby.kill)
    await old.close()
    with pytest.raises(StoreError, match="before it was known"):
        await writing
