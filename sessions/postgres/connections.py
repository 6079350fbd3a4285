"""Connections: a few connections to one database, opened when needed and used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from sessions.errors import StoreError
from sessions.postgres.place import place_of
from sessions.postgres.trouble import cannot_connect

CONNECT_SECONDS, CLOSE_SECONDS = 10, 5
COMMAND_SECONDS = 60  # a server that says nothing for so long is gone; no statement of ours takes so long
# Without these a server may say that something is stored before it is, and a program that hangs may hold others up.
SETTINGS = {
    "application_name": "palaver",
    "synchronous_commit": "on",
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    # A server learns so late of a program whose machine is gone, and of its locks.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
PLAIN_SETTINGS = ("application_name",)  # those that a pooler passes on; the others are set in each unit of work

Value = int | str | bytes | None | Sequence[int] | Sequence[str] | Sequence[bytes]
Row = tuple[Any, ...]


class Connection(Protocol):
    """What is used of the driver's connection."""

    async def execute(self, query: str, *args: Value) -> str:
        """Run a statement, or several without values; give its tag, such as `UPDATE 1`."""

    async def fetch(self, query: str, *args: Value) -> list[Row]:
        """Run a statement and give all its rows."""

    async def fetchrow(self, query: str, *args: Value) -> Row | None:
        """Run a statement and give its first row."""

    def is_closed(self) -> bool:
        """Tell whether the connection is gone."""

    def terminate(self) -> None:
        """Let go at once."""

    def add_termination_listener(self, callback: Callable[[Connection], None]) -> None:
        """Have a function called when the connection is gone, whichever way."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the driver's own word
        """Say good-bye and let go."""


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


class Connections:
    """Up to `size` connections. One that broke is not used again."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.place = place_of(options.dsn)
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(options.size)
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        """Lend a connection; wait for one if all are in use."""
        async with self._slots:
            if self._closed:
                raise StoreError("the store is closed")
            connection = self._take() or await self.connect()
            try:
                yield connection
            except Exception:
                raise
            except BaseException:  # broken off in the middle of a statement
                connection.terminate()
                raise
            finally:
                if not connection.is_closed():
                    self._idle.append(connection)

    async def connect(self, **other: str) -> Connection:
        """Open a connection with the settings of the store, some of them changed."""
        try:
            import asyncpg  # type: ignore[import-untyped]  # it ships no types
        except ModuleNotFoundError:
            raise StoreError("the driver for PostgreSQL is missing; pip install 'palaver[postgres]'") from None
        try:
            made: Connection = await asyncpg.connect(
                self._options.dsn,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                statement_cache_size=0 if self._options.pooler else 512,
                max_cached_statement_lifetime=0,
                server_settings=self._settings() | other,
            )
        except Exception as error:  # noqa: BLE001  # told apart by what can be done about it
            raise cannot_connect(error, self.place) from None
        return made

    async def close(self) -> None:
        """Close what is idle; the caller sees to it that nothing else is in use."""
        self._closed = True
        while self._idle:
            connection = self._idle.pop()
            with suppress(Exception):
                await connection.close(timeout=CLOSE_SECONDS)
            if not connection.is_closed():
                connection.terminate()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    def _settings(self) -> dict[str, str]:
        if self._options.pooler:
            return {name: SETTINGS[name] for name in PLAIN_SETTINGS}
        return SETTINGS | ({"default_transaction_read_only": "on"} if self._options.read_only else {})
