"""DatabasePlace: bundles in a database, in a schema of their own. It is no store, and may lie beside one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sessions.errors import SessionError
from sessions.exchange.bundle import MOST_BUNDLE
from sessions.exchange.place import MOST_SLOTS, is_name
from sessions.exchange.trouble import BadBundle, PlaceError
from sessions.postgres.connections import Connection, Connections, Options
from sessions.postgres.trouble import state_of, translate

_THERE = "SELECT to_regclass('palaver_exchange.bundle') IS NOT NULL"
_MAKE = """
CREATE SCHEMA IF NOT EXISTS palaver_exchange;
CREATE TABLE IF NOT EXISTS palaver_exchange.bundle (
    box bytea NOT NULL,
    slot bytea NOT NULL,
    changed timestamptz NOT NULL DEFAULT now(),
    body bytea NOT NULL,
    PRIMARY KEY (box, slot)
)
"""
_ALREADY = ("23505", "42P06", "42P07")  # two programs made it at once
_SLOTS = "SELECT encode(slot, 'hex') FROM palaver_exchange.bundle WHERE box = $1 ORDER BY slot LIMIT $2"
_READ = (
    "SELECT octet_length(body), CASE WHEN octet_length(body) <= $3 THEN substring(body FOR $4) END"
    " FROM palaver_exchange.bundle WHERE box = $1 AND slot = $2"
)
_WRITE = (
    "INSERT INTO palaver_exchange.bundle (box, slot, body) VALUES ($1, $2, $3)"
    " ON CONFLICT (box, slot) DO UPDATE SET body = excluded.body, changed = now()"
)
_REMOVE = "DELETE FROM palaver_exchange.bundle WHERE box = $1 AND slot = $2"


class DatabasePlace:
    """Keeps bundles in `palaver_exchange.bundle`, which is made when it is first needed."""

    def __init__(self, dsn: str) -> None:
        # Without prepared statements it works through a pooler as well.
        self._connections = Connections(Options(dsn=dsn, size=1, pooler=True, read_only=False))
        self._ready = False

    async def slots(self, box: str) -> list[str]:
        """List the slots of a box."""
        async with self._usable() as connection:
            rows = await connection.fetch(_SLOTS, bytes.fromhex(box), MOST_SLOTS + 1)
        if len(rows) > MOST_SLOTS:
            raise PlaceError(f"there are more than {MOST_SLOTS:,} bundles in one box of {self._connections.place}")
        return [str(row[0]) for row in rows if is_name(str(row[0]))]

    async def head(self, box: str, slot: str, size: int) -> bytes:
        """Give the first bytes of a bundle."""
        async with self._usable() as connection:
            row = await connection.fetchrow(_READ, bytes.fromhex(box), bytes.fromhex(slot), MOST_BUNDLE, size)
        if row is None:
            raise BadBundle("it is not there any more")
        if row[1] is None:
            raise BadBundle(f"it is larger than {MOST_BUNDLE:,} bytes")
        return bytes(row[1])

    async def read(self, box: str, slot: str) -> bytes:
        """Give a bundle."""
        return await self.head(box, slot, MOST_BUNDLE)

    async def write(self, box: str, slot: str, data: bytes) -> None:
        """Put a bundle there."""
        async with self._usable() as connection:
            await connection.execute(_WRITE, bytes.fromhex(box), bytes.fromhex(slot), data)

    async def remove(self, box: str, slot: str) -> None:
        """Take a bundle away."""
        async with self._usable() as connection:
            await connection.execute(_REMOVE, bytes.fromhex(box), bytes.fromhex(slot))

    async def close(self) -> None:
        """Let go of the connection."""
        await self._connections.close()

    @asynccontextmanager
    async def _usable(self) -> AsyncIterator[Connection]:
        try:
            async with self._connections.one() as connection:
                if not self._ready:
                    await _make(connection)
                    self._ready = True
                yield connection
        except BadBundle:
            raise
        except Exception as error:
            found = translate(error, self._connections.place)
            if isinstance(found, SessionError):
                raise PlaceError(f"the exchange place can not be used: {found}") from None
            raise


async def _make(connection: Connection) -> None:
    """Make schema and table where they are missing: who may only use them need not be allowed to make any."""
    row = await connection.fetchrow(_THERE)
    if row is not None and row[0]:
        return
    try:
        await connection.execute(_MAKE)
    except Exception as error:
        if state_of(error) not in _ALREADY:
            raise
