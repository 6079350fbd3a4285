"""Durable: the same durability for every store, whatever its own settings are."""

from __future__ import annotations

import sqlite3
from functools import partial

WAL, FULL = "wal", 2
weakened: list[str] = []  # connections that were set to something else meanwhile


class DurableConnection(sqlite3.Connection):
    """A connection that starts with WAL and synchronous=FULL, and tells if it ended otherwise."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=FULL")

    def close(self) -> None:
        try:
            settings = [self.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        except sqlite3.ProgrammingError:
            settings = [WAL, FULL]  # closed already
        if settings != [WAL, FULL]:
            weakened.append(f"journal_mode={settings[0]} synchronous={settings[1]}")
        super().close()


class HastyConnection(sqlite3.Connection):
    """A connection that never waits for the disk: for filling stores, which nobody times."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.execute("PRAGMA synchronous")

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql.lower().startswith("pragma synchronous"):
            sql = "PRAGMA synchronous=OFF"
        return super().execute(sql, *parameters)  # type: ignore[arg-type]


def force(connection: type[sqlite3.Connection]) -> None:
    """Let every connection of this process, peers' and ours, be of this kind."""
    connect = partial(sqlite3.connect, factory=connection)
    sqlite3.connect = sqlite3.dbapi2.connect = connect  # type: ignore[assignment]
