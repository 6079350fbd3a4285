"""Listener: a connection of its own on which one worker hears that another has something for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sessions.errors import StoreError, StoreHeld
from sessions.postgres.connections import Connection, Connections, good_bye
from sessions.postgres.owner import KEY, holder_of_lock, own_name

CHANNEL: Final = "palaver"
CALL: Final = f"SELECT pg_notify('{CHANNEL}', $1)"
PAUSE: Final = 1.0  # seconds between two attempts to listen again
log = logging.getLogger(__name__)


async def share_lock(connection: Connection, place: str) -> None:
    """Keep programs away that must be the only one, for as long as the connection lasts. Raises `StoreHeld`."""
    ((shared,),) = await connection.fetch("SELECT pg_try_advisory_lock_shared($1::int, $2::int)", *KEY)
    if not shared:
        name, _ = await holder_of_lock(connection)
        raise StoreHeld(place, None, f"{name or 'a program'}, which shares it with nobody (store.workers)")


class Listener:
    """Listens, and again when the connection broke. Calls that come meanwhile are lost: somebody must look as well."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._connection: Connection | None = None
        self._hear: Callable[[str], None] = lambda _: None
        self._again: asyncio.Task[None] | None = None
        self._closed = False
        self._name = own_name()  # who wants the store for itself is told this one

    async def start(self, hear: Callable[[str], None]) -> None:
        """Begin to listen."""
        self._hear = hear
        if self._connection is None and self._again is None:
            self._again = asyncio.ensure_future(self._persist())

    async def close(self) -> None:
        """Listen no longer."""
        self._closed = True
        if self._again is not None:
            self._again.cancel()
            with suppress(asyncio.CancelledError):
                await self._again
        connection, self._connection = self._connection, None
        if connection is not None:
            await good_bye(connection)

    async def _persist(self) -> None:
        while not self._closed:
            try:
                connection = await self._connections.connect(application_name=self._name, idle_session_timeout="0")
                try:
                    await share_lock(connection, self._connections.place)
                    await connection.add_listener(CHANNEL, self._called)
                except BaseException:
                    connection.terminate()
                    raise
            except StoreHeld as error:
                log.error("%s", error)  # noqa: TRY400  # there is nothing to trace
            except (StoreError, OSError) as error:
                log.debug("cannot listen: %s", type(error).__name__)
            except Exception as error:  # noqa: BLE001  # the connection broke as it began
                log.debug("cannot listen: %s", type(error).__name__)
            else:
                self._connection, self._again = connection, None
                connection.add_termination_listener(self._lost)
                self._hear("")  # whatever was called before
                return
            await asyncio.sleep(PAUSE)

    def _called(self, _connection: object, _pid: object, _channel: object, said: object) -> None:
        self._hear(str(said))

    def _lost(self, connection: Connection) -> None:
        if connection is self._connection and not self._closed:
            self._connection = None
            self._again = asyncio.ensure_future(self._persist())
