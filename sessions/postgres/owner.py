"""Owner: the lock that keeps a second program from writing to the same database.

It lasts as long as its connection, so the database lets go of it whichever way a program ends. When the connection
breaks, by a restart of the server or because another one takes over, the lock is taken again as soon as that can be;
until then nothing is read or written, because another program may have come in.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from typing import Final

from sessions.errors import StoreError, StoreHeld
from sessions.postgres.connections import Connection, Connections, good_bye

KEY: Final = (0x50414C56, 1)
_TAKE: Final = "SELECT pg_try_advisory_lock($1::int, $2::int)"
_HOLDER: Final = (
    "SELECT application_name, pid FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND classid::bigint = $1 AND objid::bigint = $2 AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_END: Final = "SELECT pg_terminate_backend($1)"
PAUSE: Final = 1.0  # seconds between two attempts to take it again
BEAT: Final = 5.0  # seconds after which it is seen whether the server is still there; nothing else is said to it
log = logging.getLogger(__name__)


class Owner:
    """Holds the lock on a connection of its own."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._connection: Connection | None = None
        self._again: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self.beat = BEAT
        self._name = own_name()

    async def take(self) -> None:
        """Become the one program that writes. Raises `StoreHeld` with who does."""
        connection = await self._connections.connect(application_name=self._name, idle_session_timeout="0")
        try:
            ((taken,),) = await connection.fetch(_TAKE, *KEY)
            name, pid = (None, 0) if taken else await holder_of_lock(connection)
            if name == self._name:  # our own connection that is gone; the server does not know that yet
                await connection.fetch(_END, pid)
        except BaseException:
            connection.terminate()
            raise
        if not taken:
            connection.terminate()
            if name == self._name:
                raise StoreError("the server still has the lock of a connection that is gone")
            raise StoreHeld(self._connections.place, None, name)
        if connection.is_closed():
            raise StoreError("the connection of the lock broke at once")
        self._connection = connection
        connection.add_termination_listener(self._lost)
        self._connections.admitted.set()
        self._beating = asyncio.ensure_future(self._beat(connection))

    @property
    def is_held(self) -> bool:
        """Tell whether we have the lock, as far as we know."""
        return self._connection is not None

    def check(self) -> None:
        """Raise `StoreHeld` if another program took it while our connection was broken."""
        if self._connections.refusal is not None:
            raise self._connections.refusal

    async def release(self) -> None:
        """Let the next program in."""
        connection, self._connection = self._connection, None
        for task in (self._again, self._beating):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        if connection is not None:
            await good_bye(connection)

    def _lost(self, connection: Connection) -> None:
        if connection is self._connection:
            self._connection = None
            self._connections.admitted.clear()
            if self._beating is not None:
                self._beating.cancel()
            self._again = asyncio.ensure_future(self._take_again())

    async def _beat(self, connection: Connection) -> None:
        """Let go of a server that says nothing any more: the lock is needed where the others write by now."""
        while connection is self._connection:
            await asyncio.sleep(self.beat)
            try:
                await connection.execute("SELECT 1")
            except Exception as error:  # noqa: BLE001  # whatever it is, it is no answer
                log.debug("the server of the lock does not answer: %s", type(error).__name__)
                connection.terminate()

    async def _take_again(self) -> None:
        while True:
            try:
                await self.take()
            except StoreHeld as error:
                log.error("%s", error)  # noqa: TRY400  # there is nothing to trace
                self._connections.refusal = error
                self._connections.admitted.set()  # to read
            except (StoreError, OSError):
                await asyncio.sleep(PAUSE)
                continue
            except Exception as error:  # noqa: BLE001  # the connection broke once more
                log.debug("the lock could not be taken again: %s", type(error).__name__)
                await asyncio.sleep(PAUSE)
                continue
            return


async def holder_of_lock(connection: Connection) -> tuple[str | None, int]:
    """Give the name and the process at the server of one that has the lock, shared or not; None if nobody has."""
    rows = await connection.fetch(_HOLDER, *KEY)
    return (str(rows[0][0]), int(rows[0][1])) if rows else (None, 0)


def own_name() -> str:
    """Say who we are, in the 63 characters of ASCII that a server keeps; the last ones tell two stores apart."""
    host = socket.gethostname().encode("ascii", "replace").decode()
    return f"palaver on {host[:24]}, process {os.getpid()} ({secrets.token_hex(3)})"
