"""The schema of the embedded store: numbered migrations, and the version the file carries."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sessions.errors import StoreError, StoreTooNew

APPLICATION_ID = 0x50414C56  # "PALV", shown by file(1) and checked before anything is written
_FOLDER = Path(__file__).parent.parent / "migrations" / "sqlite"
FIRST, LATEST = 3, 3  # 1 and 2 were never released


def found_version(connection: sqlite3.Connection, path: str) -> int:
    """Give the schema version of the file, 0 for an empty one.

    Raises `StoreTooNew` for a newer one and `StoreError` for somebody else's database.
    """
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise StoreError(f"{path} is not a Palaver store, or it is damaged; nothing was changed") from None
        raise
    if (version or tables) and owner != APPLICATION_ID:
        raise StoreError(f"{path} is some other program's database; nothing was changed")
    if 0 < version < FIRST:
        raise StoreError(
            f"{path} was made by a preview of Palaver, which this version does not read; nothing was changed. "
            "Move it away and start anew"
        )
    if tables and version < 1:
        raise StoreError(f"{path} is damaged: it has tables and no schema version; nothing was changed")
    if version > LATEST:
        raise StoreTooNew(path, version, LATEST)
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the migrations the file has not seen, each with its version in one transaction."""
    _use_log(connection)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for number, script in _migrations():
        if number > version:
            with _transaction(connection):
                _apply(connection, number, script)


def create(connection: sqlite3.Connection, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Apply all migrations to an empty file and fill it, in one transaction: tables without keys open to nobody."""
    _use_log(connection)
    with _transaction(connection):
        for number, script in _migrations():
            _apply(connection, number, script)
        fill(connection)


def _use_log(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")  # written into the file, so not before its key is known


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    for statement in _statements(script):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {number}")


def _migrations() -> list[tuple[int, str]]:
    files = sorted(_FOLDER.glob("[0-9]*.sql"))
    return [(int(file.name.split("_")[0]), file.read_text()) for file in files]


def _statements(script: str) -> list[str]:
    """Split a script; `executescript` would commit the open transaction first."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
