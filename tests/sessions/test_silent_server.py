"""A database server that says nothing any more, and does not hang up: it is noticed, and what takes long is left to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sessions.errors import StoreError
from sessions.postgres.owner import BEAT
from sessions.postgres.servers import COMMAND_SECONDS
from sessions.postgres.store import PostgresStore
from sessions.postgres.units import GIVE_UP_SECONDS
from tests.postgres_pair import PASSWORD, Pair
from tests.postgres_server import database_of
from tests.sessions.test_failover import pair, servers
from tests.sessions.test_postgres_owner import _HELD, until
from tests.sessions.test_store import add, head, message, opened, positions, row

__all__ = ["pair", "servers"]  # fixtures

_END = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE '{}'"


class Line:
    """Stands between a store and a server; when it is dead it drops what both say, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._alive = asyncio.Event()
        self._alive.set()
        self._serving: list[asyncio.Task[None]] = []
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Line]:
        """Lay a line to a port of this machine."""
        line = cls(port)
        server = await asyncio.start_server(line._begin, "127.0.0.1", 0)
        line.port = server.sockets[0].getsockname()[1]
        try:
            yield line
        finally:
            server.close()
            for task in line._serving:
                task.cancel()
            await asyncio.gather(*line._serving, return_exceptions=True)

    def address(self, dsn: str) -> str:
        """Give the address of a database through this line."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database_of(dsn)}"

    def die(self) -> None:
        """Say nothing from now on."""
        self._alive.clear()

    def live(self) -> None:
        """Serve new connections again; the others stay dead."""
        self._alive.set()

    def _begin(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._serving.append(asyncio.ensure_future(self._serve(client, back)))

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        writers = [back]
        try:
            await self._alive.wait()
            answers, server = await asyncio.open_connection("127.0.0.1", self._port)
            writers.append(server)
            ways = [asyncio.ensure_future(self._pass_on(*way)) for way in ((client, server), (answers, back))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.wait(ways)
        finally:
            for writer in writers:
                writer.transport.abort()
            await asyncio.sleep(0)  # they close with the next round

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        dead = False
        while said := await source.read(1 << 16):
            dead = dead or not self._alive.is_set()
            if not dead:
                target.write(said)


def hasty(pair: Pair, store: PostgresStore, names: str) -> None:
    """Have a store be impatient on all connections of these names, which it makes anew."""
    store._connected.servers.command_seconds = 0.5
    pair.primary.server.execute(_END.format(names))


def test_silence_is_noticed_in_a_quarter_of_a_minute() -> None:
    """What a server is given to answer, and to take back what it did not, is fifteen seconds at most."""
    assert COMMAND_SECONDS + GIVE_UP_SECONDS <= 15
    assert COMMAND_SECONDS > 10  # in which a server that lives breaks off a statement by itself
    assert BEAT <= 5


async def test_a_write_to_a_silent_server_goes_another_way(pair: Pair) -> None:
    """The connection dies without a word, and a new one works: what was under way is looked up and stored once."""
    dsn = pair.make_database()
    async with Line.to(pair.primary.port) as line:
        store = PostgresStore(line.address(dsn), sole=True)
        async with opened(store):
            await add(store, row(1))
            hasty(pair, store, "palaver%")
            await add(store, row(2))  # on a connection with less patience
            line.die()
            writing = asyncio.ensure_future(store.append(head(1, 1, expected=1), message(1, 1)))
            await asyncio.sleep(0.7)
            assert not writing.done()
            line.live()
            async with asyncio.timeout(8):
                await writing
            assert await positions(store, 1) == [1]


async def test_a_silent_primary_holds_nobody_up_who_has_another_one(pair: Pair) -> None:
    """The machine of the primary is gone without a word, and the standby takes over: it is found at once."""
    dsn = pair.make_database()
    async with Line.to(pair.primary.port) as line:
        hosts = f"127.0.0.1:{line.port},127.0.0.1:{pair.standby.port}"
        both = f"postgresql://postgres:{PASSWORD}@{hosts}/{database_of(dsn)}?target_session_attrs=read-write"
        async with opened(PostgresStore(both)) as store:
            await add(store, row(1))
            hasty(pair, store, "palaver")
            await add(store, row(2))
            line.die()
            await asyncio.to_thread(pair.primary.kill)
            await asyncio.to_thread(pair.take_over)
            began = time.monotonic()
            await add(store, row(3))
            assert time.monotonic() - began < 4.0  # and not the five seconds that each server has to answer
            assert len(await store.sessions_after(0, 9)) == 3


async def test_what_takes_long_is_left_to_it_as_long_as_the_server_lives(pair: Pair) -> None:
    """A statement for everything there is may take longer than others may, and is given up when nothing answers."""
    dsn = pair.make_database()
    async with Line.to(pair.primary.port) as line, opened(PostgresStore(line.address(dsn))) as store:
        hasty(pair, store, "palaver")
        store._units.beat = 0.2
        assert await store._units.view(lambda one: one.fetch("SELECT 42 FROM pg_sleep(1.0)")) == [(42,)]
        store._units.patience = 0.1
        looking = store._units.view(lambda one: one.fetch("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.5)
        line.die()
        async with asyncio.timeout(9):
            with pytest.raises(StoreError, match="broke"):
                await looking


async def test_the_lock_follows_when_its_server_says_nothing(pair: Pair) -> None:
    """An idle program notices as well: it has its lock again through another connection."""
    dsn = pair.make_database()
    at = pair.primary.server.address_of(database_of(dsn))
    async with Line.to(pair.primary.port) as line:
        store = PostgresStore(line.address(dsn), sole=True)
        async with opened(store):
            owner = store._owner
            assert owner is not None
            owner.beat = 0.2
            first = pair.primary.server.fetch(_HELD, address=at)
            hasty(pair, store, "palaver on%")
            await until(lambda: pair.primary.server.fetch(_HELD, address=at) not in ([], first) and owner.is_held)
            before = pair.primary.server.fetch(_HELD, address=at)
            line.die()
            await until(lambda: not owner.is_held)
            line.live()
            await until(lambda: pair.primary.server.fetch(_HELD, address=at) not in ([], before))
            assert await store.next_number() > 0
