"""Connecting: whoever is cancelled in the middle of it leaves no connection behind."""

from __future__ import annotations

import asyncio

from sessions.postgres.connections import Connections
from sessions.postgres.listener import Listener
from sessions.postgres.servers import Options, Servers
from tests.postgres_server import PostgresServer

STEPS = 40  # of the event loop before the end, at each of which it is tried
COUNT = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'palaver%' AND datname = current_database()"


def options(database: str) -> Options:
    return Options(dsn=database, size=4, pooler=False, read_only=False)


async def none_left(postgres: PostgresServer, database: str) -> None:
    """Wait until the server knows of no connection."""
    async with asyncio.timeout(5):
        while postgres.fetch(COUNT, address=database)[0][0]:  # noqa: ASYNC110 - the server does not tell
            await asyncio.sleep(0.02)


async def test_a_connection_that_is_cancelled_at_any_step_is_closed(database: str, postgres: PostgresServer) -> None:
    """Also when it stood already and nobody had it yet."""
    servers = Servers(options(database))
    needed = STEPS
    for early in range(STEPS):
        connecting = asyncio.ensure_future(servers.connect({}))
        steps = 0
        while not connecting.done() and (early == 0 or steps < needed - early):
            await asyncio.sleep(0)
            steps += 1
        if early == 0:
            needed = steps
        connecting.cancel()
        await asyncio.wait({connecting})
        if not connecting.cancelled():
            await connecting.result().close()
    await none_left(postgres, database)


async def test_a_connection_that_just_stands_is_closed_by_who_cancels(database: str, postgres: PostgresServer) -> None:
    """Between the moment it is known and the moment somebody has it there is none in which it is nobody's."""
    servers = Servers(options(database))
    connecting = asyncio.ensure_future(servers.connect({}))
    while not servers._open:  # noqa: ASYNC110 - every step of the event loop counts
        await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.wait({connecting})
    assert connecting.cancelled()
    await none_left(postgres, database)


async def test_who_ends_listening_is_cancelled_and_leaves_no_connection(
    database: str, postgres: PostgresServer
) -> None:
    """The goodbye to the server is cut short then."""
    connections = Connections(options(database))
    listener = Listener(connections)
    heard = asyncio.Event()
    await listener.start(lambda _: heard.set())
    await heard.wait()
    closing = asyncio.ensure_future(listener.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    await connections.close()
    await none_left(postgres, database)
