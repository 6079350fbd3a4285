"""Connection: what is used of the driver's connection to a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

LONG_SECONDS = 3600  # of a statement that may go through everything there is

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

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        """Have a function called with the connection, a process, the channel and what is said there."""

    def add_log_listener(self, callback: Callable[[Connection, object], None]) -> None:
        """Have a function called when the server has something to say beside an answer."""

    def add_termination_listener(self, callback: Callable[[Connection], None]) -> None:
        """Have a function called when the connection is gone, whichever way."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the driver's own word
        """Say good-bye and let go."""


class _Unhurried:
    """A connection whose statements may take long."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401  # the driver's, which has no types
        self._connection = connection

    async def execute(self, query: str, *args: Value) -> str:
        """Run a statement."""
        tag: str = await self._connection.execute(query, *args, timeout=LONG_SECONDS)
        return tag

    async def fetch(self, query: str, *args: Value) -> list[Row]:
        """Run a statement and give all its rows."""
        rows: list[Row] = await self._connection.fetch(query, *args, timeout=LONG_SECONDS)
        return rows

    async def fetchrow(self, query: str, *args: Value) -> Row | None:
        """Run a statement and give its first row."""
        row: Row | None = await self._connection.fetchrow(query, *args, timeout=LONG_SECONDS)
        return row

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as the driver has it
        return getattr(self._connection, name)


def unhurried(connection: Connection) -> Connection:
    """Give a connection as it is lent to what may take long."""
    return cast("Connection", _Unhurried(connection))
