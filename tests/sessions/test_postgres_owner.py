"""One program writes to a database; a second one is told who does, and is let in when that has ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from sessions.errors import StoreHeld
from sessions.postgres.owner import KEY
from sessions.postgres.store import PostgresStore
from tests.postgres_server import PostgresServer
from tests.sessions.test_postgres import refusal
from tests.sessions.test_store import add, head, message, opened, row

_HELD = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_BREAK = f"SELECT pg_terminate_backend(pid, 5000) FROM ({_HELD}) AS holder"  # noqa: S608  # two constants
_WAIT_FOR_IT = "SELECT pg_advisory_lock($1::int, $2::int)"
_WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something, for ten seconds at most."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.01)


async def test_a_second_program_is_kept_away_until_the_first_has_ended(database: str) -> None:
    """It is told which one has the database; reading goes on beside, and afterwards the next one is let in."""
    async with opened(PostgresStore(database, sole=True)):
        error = await refusal(PostgresStore(database, sole=True))
        assert isinstance(error, StoreHeld)
        assert f"process {os.getpid()}" in str(error)
        async with opened(PostgresStore(database, read_only=True)) as reader:
            assert (await reader.census()).sessions == 0
    async with opened(PostgresStore(database, sole=True)):
        pass


async def test_the_lock_is_taken_again_when_its_connection_broke(postgres: PostgresServer, database: str) -> None:
    """Then a second program is kept away as before, and the first one goes on."""
    async with opened(PostgresStore(database, sole=True)) as store:
        before = postgres.fetch(_HELD, address=database)
        postgres.execute(_BREAK, address=database)
        await until(lambda: postgres.fetch(_HELD, address=database) not in ([], before))
        assert isinstance(await refusal(PostgresStore(database, sole=True)), StoreHeld)
        assert await store.next_number() > 0


async def test_who_lost_the_lock_to_another_program_writes_no_more(postgres: PostgresServer, database: str) -> None:
    """It came in while the connection was broken; reading goes on."""
    import asyncpg  # type: ignore[import-untyped]  # it ships no types

    async with opened(PostgresStore(database, sole=True)) as store:
        other = await asyncpg.connect(database)
        waiting = asyncio.ensure_future(other.fetch(_WAIT_FOR_IT, *KEY))
        await until(lambda: postgres.fetch(_WAITING, address=database) != [])
        postgres.execute(_BREAK, address=database)
        await waiting
        await until(lambda: store._connected.refusal is not None)
        with pytest.raises(StoreHeld):
            await store.next_number()
        assert (await store.census()).sessions == 0
        await other.close()


async def test_nothing_is_written_while_another_program_may_have_come_in(
    postgres: PostgresServer, database: str
) -> None:
    """A write that begins between the end of the lock and the next look at it waits, and is refused with the rest."""
    import asyncpg

    async with opened(PostgresStore(database, sole=True)) as store:
        other = await asyncpg.connect(database)
        waiting = asyncio.ensure_future(other.fetch(_WAIT_FOR_IT, *KEY))
        await until(lambda: postgres.fetch(_WAITING, address=database) != [])
        owner = store._owner
        assert owner is not None
        assert owner._connection is not None
        owner._connection.terminate()
        await waiting
        assert store._connected.refusal is None
        for write in (add(store, row(1)), store.append(head(1, 1, expected=1), message(1, 1))):
            with pytest.raises(StoreHeld):
                await write
        assert await store.sessions_after(0, 9) == []
        await other.close()


@pytest.mark.parametrize("other", [{"read_only": True}, {"pooler": True}])
def test_a_lock_that_can_not_be_is_not_promised(other: dict[str, bool]) -> None:
    """A pooler gives every statement to another connection, and who only reads needs none."""
    with pytest.raises(ValueError, match="no lock"):
        PostgresStore("postgresql://host/db", sole=True, **other)
