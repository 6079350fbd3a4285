"""Servers: one database on one server or several, and connections to the server that took over last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sessions.errors import StoreError
from sessions.postgres.connection import LONG_SECONDS, Connection
from sessions.postgres.era import Era, Eras, era_of
from sessions.postgres.place import place_of, rivals_of
from sessions.postgres.trouble import Unreachable, cannot_connect, worst_of

CONNECT_SECONDS = 5
COMMAND_SECONDS = 12  # a server that says nothing for so long is gone: it breaks off what takes 10 seconds
OTHERS_SECONDS = 0.5  # in which another server may say that it is the newer one
SAID_AGAIN_SECONDS = 60.0
# Without these a server may say that something is stored before it is, and a program that hangs may hold others up.
SETTINGS = {
    "application_name": "palaver",
    "synchronous_commit": "on",
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    # A server learns so late of a program whose machine is gone, and of its locks.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
PLAIN_SETTINGS = ("application_name",)  # those that a pooler passes on; the others are set in each unit of work


_Found = tuple[Connection, Era | None]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to connect; `dsn` may hold a password and is never shown."""

    dsn: str
    size: int
    pooler: bool
    read_only: bool

    def __repr__(self) -> str:
        """Leave out the address."""
        return f"Options(size={self.size}, pooler={self.pooler}, read_only={self.read_only})"


class Servers:
    """Knows which server to use; each connection is to that one, and ends when another one has taken over."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.place = place_of(options.dsn)
        self._rivals = rivals_of(options.dsn)
        self._eras = Eras()
        self._open: dict[Connection, Era | None] = {}
        self._warned = self._away = self._known = False
        self._silent_until = float("-inf")
        self.command_seconds = float(COMMAND_SECONDS)
        self.taken_over = 0
        """Counts how often another server has taken over."""

    async def connect(self, other: Mapping[str, str]) -> Connection:
        """Open a connection with the settings of the store, some of them changed."""
        found, errors = await self._ask(other)
        if not found:
            self._say_away(worst := worst_of(errors))
            raise worst
        connection, era = self._newest(found)
        if connection.is_closed():
            raise Unreachable(f"the connection to {self.place} broke at once")
        if self._away:
            log.warning("%s answers again", self.place)
        self._away, self._known = False, True
        self._open[connection] = era
        connection.add_termination_listener(self._forget)
        connection.add_log_listener(self._take_no_half_word)
        try:
            await asyncio.sleep(0)  # those who listen for the end of the connections to an older one know of it now
        except asyncio.CancelledError:
            connection.terminate()  # nobody has it
            raise
        return connection

    def _newest(self, found: list[_Found]) -> _Found:
        """Keep the connection to the server that took over last, and no other."""
        newer = [self._eras.meet(era) for _, era in found]
        if any(newer):
            self.taken_over, self._warned = self.taken_over + 1, False
            log.warning("another server has taken over at %s", self.place)
        past = [connection for connection, era in (*self._open.items(), *found) if self._eras.is_past(era)]
        for connection in past:
            connection.terminate()  # whoever waits for its answer asks the newer one how that ended
        newest = [one for one in found if one[0] not in past]
        for connection, _ in newest[1:]:
            connection.terminate()
        if not newest:
            raise Unreachable(f"the only server that takes writes at {self.place} was replaced; start the newer one")
        if past and not self._warned and len(newest) < len(found):
            self._warned = True
            log.error("a server that was replaced takes writes at %s; end it, or make it a standby", self.place)
        return newest[0]

    def _take_no_half_word(self, connection: Connection, said: object) -> None:
        """Take it for a broken connection when a server stops waiting for its standby: it says `done`, not sure.

        Then it is looked up how the unit of work ended, in a way that waits for the standby again.
        """
        if getattr(said, "server_source_function", None) == "SyncRepWaitForLSN":
            connection.terminate()
            now = asyncio.get_running_loop().time()
            if now > self._silent_until:
                self._silent_until = now + SAID_AGAIN_SECONDS
                log.warning("writes wait for a standby of %s that does not confirm them", self.place)

    def _say_away(self, error: Exception) -> None:
        """Name the database once when it is gone: whoever waits for it only knows that it takes long."""
        if self._known and not self._away:
            self._away = True
            log.warning("%s; trying again", error)

    def _forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    async def _ask(self, other: Mapping[str, str]) -> tuple[list[_Found], list[Exception]]:
        """Connect to all servers at once: one that says nothing keeps nobody waiting who has another one."""
        asking = [asyncio.ensure_future(self._connect_to(dsn, other)) for dsn in self._rivals]
        try:
            await _until_enough(asking)
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
        except BaseException:
            for task in asking:
                task.cancel()
                task.add_done_callback(_close)  # it may have ended well all the same
            await asyncio.wait(asking)
            raise
        ended = [task for task in asking if not task.cancelled()]
        errors = [error for task in ended if isinstance(error := task.exception(), Exception)]
        return [task.result() for task in ended if task.exception() is None], errors

    async def _connect_to(self, dsn: str, other: Mapping[str, str]) -> _Found:
        try:
            import asyncpg  # type: ignore[import-untyped]  # it ships no types
        except ModuleNotFoundError:
            raise StoreError("the driver for PostgreSQL is missing; pip install 'palaver[postgres]'") from None
        unhurried = other.get("statement_timeout") == "0"
        try:
            made: Connection = await asyncpg.connect(
                dsn,
                timeout=CONNECT_SECONDS,
                command_timeout=LONG_SECONDS if unhurried else self.command_seconds,
                statement_cache_size=0 if self._options.pooler else 512,
                max_cached_statement_lifetime=0,
                server_settings=self._settings() | dict(other),
            )
            try:
                # Behind a pooler it says nothing of the next statement, and who only reads may read anywhere.
                era = None if self._options.pooler or self._options.read_only else await era_of(made)
            except Exception:  # noqa: BLE001  # it broke at once
                made.terminate()
                raise ConnectionResetError from None
            except BaseException:
                made.terminate()
                raise
        except Exception as error:  # noqa: BLE001  # told apart by what can be done about it
            raise cannot_connect(error, self.place) from None
        return made, era

    def _settings(self) -> dict[str, str]:
        if self._options.pooler:
            return {name: SETTINGS[name] for name in PLAIN_SETTINGS}
        return SETTINGS | ({"default_transaction_read_only": "on"} if self._options.read_only else {})


def _close(asking: asyncio.Future[_Found]) -> None:
    """Close a connection that nobody waits for any more."""
    if not asking.cancelled() and asking.exception() is None:
        asking.result()[0].terminate()


async def _until_enough(asking: Sequence[asyncio.Future[_Found]]) -> None:
    """Wait for all, but not long for the others when one has answered."""
    pending, patience = set(asking), None
    while pending:
        done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return
        if any(task.exception() is None for task in done):
            patience = OTHERS_SECONDS
