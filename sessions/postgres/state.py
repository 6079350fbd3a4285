"""State: how a PostgreSQL server is set up, as far as it matters to who keeps conversations there. Needs no key."""

from __future__ import annotations

from typing import NamedTuple

from sessions.postgres import schema
from sessions.postgres.connection import Connection, Row
from sessions.postgres.connections import Connections, Options

_SERVER = (
    "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
    " current_setting('fsync', true), current_setting('full_page_writes', true), pg_is_in_recovery(),"
    " (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
)
_STORED = "SELECT count(*), max(updated_at) FROM palaver.session"
_WAY = (
    "SELECT host(inet_client_addr()), host(inet_server_addr()),"
    " (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())"
)
_ROOM = (
    "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    " - (SELECT count(datid) FROM pg_stat_activity)"
)


class ServerState(NamedTuple):
    """What a server says of itself and of the store; None is what it does not tell."""

    schema_version: int
    sessions: int | None = None
    newest: int | None = None  # ms since 1970: when something was written last
    version: str | None = None
    version_number: int | None = None  # such as 150004
    unsafe: tuple[str, ...] = ()  # settings that are off and keep what is acknowledged from being lost
    standby: bool = False
    clock: int | None = None  # ms since 1970
    address: str | None = None  # of the server, unless it is this machine
    encrypted: bool | None = None  # the connection
    room: int | None = None  # for connections


async def look_at(dsn: str, *, pooled: bool) -> ServerState:
    """Ask a server on which there is a store. Raises `StoreError`."""
    connections = Connections(Options(dsn=dsn, size=1, pooler=pooled, read_only=True))
    try:
        async with connections.one() as connection:
            version = await schema.found_version(connection, connections.place)
            state = await _with_server(connection, ServerState(schema_version=version))
            return state if pooled else await _with_way(connection, state)
    finally:
        await connections.close()


async def _with_server(connection: Connection, state: ServerState) -> ServerState:
    if (stored := await _asked(connection, _STORED)) is not None:
        state = state._replace(sessions=stored[0], newest=stored[1])
    if (said := await _asked(connection, _SERVER)) is None:
        return state
    version, number, fsync, pages, standby, clock = said
    unsafe = tuple(name for name, value in (("fsync", fsync), ("full_page_writes", pages)) if value == "off")
    return state._replace(version=version, version_number=number, unsafe=unsafe, standby=standby, clock=clock)


async def _with_way(connection: Connection, state: ServerState) -> ServerState:
    """Add how it is reached; behind a pooler that says nothing."""
    if (way := await _asked(connection, _WAY)) is not None:
        here, there, encrypted = way
        state = state._replace(address=None if here == there else there, encrypted=encrypted)
    if (room := await _asked(connection, _ROOM)) is not None:
        state = state._replace(room=room[0])
    return state


async def _asked(connection: Connection, query: str) -> Row | None:
    """Ask for one row; None from what speaks the protocol and does not know all of this."""
    try:
        return await connection.fetchrow(query)
    except Exception:  # noqa: BLE001  # whatever it is: it is not told, and nothing depends on it
        return None
