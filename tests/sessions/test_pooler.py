"""A store behind a pooler that gives each transaction another server connection, and that is restarted under load.

Where PgBouncer itself is installed it is used as well.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from sessions.errors import StoreError
from sessions.manager import SessionManager
from sessions.postgres.store import PostgresStore
from tests.conftest import ManualClock
from tests.fakes.pooler import Pooler
from tests.postgres_server import PostgresServer, database_of, lasting_port, postgres_server
from tests.sessions.conftest import KEY, person, say, texts
from tests.sessions.test_failover import loaded
from tests.sessions.test_postgres import ours, refusal
from tests.sessions.test_store import add, fill, opened, positions, row

Restart = Callable[[], Awaitable[None]]
_SIZE = 3
_AWAY_SECONDS = 0.3
_CONFIG = """
[databases]
* = host={folder} port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
server_login_retry = 1
user = {user}
"""


class Behind:
    """A pooler in front of a database."""

    def __init__(self, address: str, restart: Restart) -> None:
        self.address, self.restart = address, restart


PutBehind = Callable[[str, PostgresServer, Path], AbstractAsyncContextManager[Behind]]


@asynccontextmanager
async def behind_fake(database: str, server: PostgresServer, folder: Path) -> AsyncIterator[Behind]:
    """Stand the stand-in in front."""
    async with Pooler.running(ours(server).socket, size=_SIZE) as pooler:

        async def restart() -> None:
            await pooler.stop()
            await asyncio.sleep(_AWAY_SECONDS)
            await pooler.start()

        yield Behind(f"postgresql://postgres@127.0.0.1:{pooler.port}/{database_of(database)}", restart)


@asynccontextmanager
async def behind_pgbouncer(database: str, server: PostgresServer, folder: Path) -> AsyncIterator[Behind]:
    """Stand PgBouncer itself in front, or skip the test."""
    program = os.environ.get("PALAVER_TEST_PGBOUNCER") or shutil.which(
        "pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"
    )
    if program is None:
        pytest.skip("PgBouncer is not installed, and no wheel has it")
    settings, port = folder / "pgbouncer.ini", lasting_port()
    at = Path(ours(server).socket).parent
    user = "nobody" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    settings.write_text(_CONFIG.format(folder=at, server=ours(server).port, port=port, size=_SIZE, user=user))
    for shown in (folder, *folder.parents[:2], settings):
        shown.chmod(0o755)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([program, f"{settings}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    running = start()

    async def restart() -> None:
        nonlocal running
        running.kill()
        running.wait()
        await asyncio.sleep(_AWAY_SECONDS)
        running = start()

    try:
        await _until_it_listens(port)
        yield Behind(f"postgresql://postgres@127.0.0.1:{port}/{database_of(database)}", restart)
    finally:
        running.kill()
        running.wait()


async def _until_it_listens(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, target = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            target.close()
            await target.wait_closed()
            return


@pytest.fixture(params=[behind_fake, behind_pgbouncer])
def put_behind(request: pytest.FixtureRequest) -> PutBehind:
    """Each kind of pooler."""
    made: PutBehind = request.param
    return made


@pytest.fixture
def pooled(
    put_behind: PutBehind, database: str, postgres: PostgresServer, tmp_path: Path
) -> AbstractAsyncContextManager[Behind]:
    """A pooler in front of the test's database."""
    return put_behind(database, postgres, tmp_path)


async def test_a_pooler_that_is_restarted_under_load_costs_nothing(pooled: AbstractAsyncContextManager[Behind]) -> None:
    """Everybody is thrown out in the middle of it, twice: what was acknowledged is there once, and writing goes on."""
    async with pooled as behind, loaded(PostgresStore(behind.address, pooler=True)) as load:
        for _ in range(2):
            await behind.restart()
            await load.goes_on()


async def test_a_database_that_dies_behind_a_pooler_is_waited_for(put_behind: PutBehind, tmp_path: Path) -> None:
    """The pooler stays, and its server is gone for a moment: nothing is lost or doubled, and writing goes on."""
    with postgres_server("fsync=off", "autovacuum=off") as server:
        program = ours(server)
        front = put_behind(server.make_database(), server, tmp_path)
        async with front as behind, loaded(PostgresStore(behind.address, pooler=True)) as load:
            await asyncio.to_thread(program.stop)
            await asyncio.sleep(_AWAY_SECONDS)
            await asyncio.to_thread(program.start)
            await load.goes_on()


async def test_statements_do_not_rely_on_one_connection(pooled: AbstractAsyncContextManager[Behind]) -> None:
    """Everything works although each transaction gets another connection, and none of them keeps a setting of ours."""
    async with pooled as behind:
        store = PostgresStore(behind.address, pooler=True)
        async with SessionManager.open(store=store, encryption_key=KEY, clock=ManualClock()) as sessions:
            for user in ("ann", "bob", "cleo"):
                session = await sessions.get_or_create_session(person(user))
                await say(sessions, session.id, "one", "two")
                assert await texts(sessions, session.id) == ["one", "re: one", "two", "re: two"]
            assert await sessions.verify() == []
            for _ in range(2 * _SIZE):
                for setting in ("lock_timeout", "statement_timeout"):
                    assert await store._units.fetch(f"SHOW {setting}") == [("0",)]
                assert await store._units.fetch("SELECT name FROM pg_prepared_statements") == []


async def test_a_pooler_that_has_no_connection_left_is_waited_for(pooled: AbstractAsyncContextManager[Behind]) -> None:
    """More is asked at once than the pooler has connections: all of it is done."""
    async with pooled as behind, opened(PostgresStore(behind.address, pooler=True)) as store:
        await asyncio.gather(*(add(store, row(number)) for number in range(1, 41)))
        await fill(store, 50, 5)
        assert await positions(store, 50) == [1, 2, 3, 4, 5]
        assert len(await store.sessions_after(0, 99)) == 41


async def test_the_fake_is_as_strict_as_the_real_one(database: str, postgres: PostgresServer, tmp_path: Path) -> None:
    """A store that is not told of the pooler is refused for its settings."""
    async with behind_fake(database, postgres, tmp_path) as behind:
        assert isinstance(await refusal(PostgresStore(behind.address)), StoreError)


async def test_the_fake_gives_another_connection_each_time(
    database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    """What is prepared or set in one transaction is not there in the next."""
    import asyncpg  # type: ignore[import-untyped]  # it ships no types

    async with behind_fake(database, postgres, tmp_path) as behind:
        others = [await asyncpg.connect(behind.address, statement_cache_size=0) for _ in range(_SIZE)]
        processes = {await others[0].fetchval("SELECT pg_backend_pid()") for _ in range(2 * _SIZE)}
        assert len(processes) > 1
        await others[0].execute("SET lock_timeout = '7s'")
        assert await others[0].fetchval("SHOW lock_timeout") == "0"
        async with others[0].transaction():
            assert len({await others[0].fetchval("SELECT pg_backend_pid()") for _ in range(9)}) == 1
        for other in others:
            await other.close()
