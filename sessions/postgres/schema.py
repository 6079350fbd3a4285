"""The schema of the shared store: numbered migrations, and the version the database carries.

All tables lie in the schema `palaver`; what else is in the database is nobody's business here. Its table `schema`
says whose they are and how new.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from sessions.errors import StoreError, StoreMade, StoreTooNew
from sessions.postgres.connections import Connection

APPLICATION: Final = "palaver sessions"
FIRST, LATEST = 1, 1
_FOLDER = Path(__file__).parent.parent / "migrations" / "postgres"
_LOCK = f"SELECT pg_advisory_xact_lock({0x50414C56})"  # one program at a time makes or changes tables
_THERE = (
    "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'palaver'),"
    " to_regclass('palaver.schema') IS NOT NULL,"
    " (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('palaver'))"
)
_MARK = "CREATE TABLE palaver.schema (application text NOT NULL, version integer NOT NULL)"

Fill = Callable[[Connection], Awaitable[None]]


async def found_version(connection: Connection, place: str) -> int:
    """Give the schema version of the store, 0 if there is none.

    Raises `StoreTooNew` for a newer one and `StoreError` for somebody else's tables under our name.
    """
    ((_, marked, tables),) = await connection.fetch(_THERE)
    if not tables:
        return 0
    strange = StoreError(f"the schema palaver at {place} is some other program's; nothing was changed")
    if not marked:
        raise strange
    try:
        rows = await connection.fetch("SELECT application, version FROM palaver.schema")
    except Exception as error:
        if getattr(error, "sqlstate", None) == "42703":  # a table of that name, and other columns
            raise strange from None
        raise
    if len(rows) != 1 or rows[0][0] != APPLICATION:
        raise strange
    version = int(rows[0][1])
    if version > LATEST:
        raise StoreTooNew(place, version, LATEST)
    if version < FIRST:
        raise StoreError(f"the store at {place} is damaged: it has no schema version; nothing was changed")
    return version


async def create(connection: Connection, place: str, fill: Fill) -> None:
    """Make all tables and fill them, as part of one unit of work: tables without keys open to nobody."""
    await connection.execute(_LOCK)
    if await found_version(connection, place):
        raise StoreMade(f"another program made the store at {place} meanwhile; open it again")
    ((there, *_),) = await connection.fetch(_THERE)
    if not there:
        await connection.execute("CREATE SCHEMA palaver")
    await connection.execute(_MARK)
    await connection.execute("INSERT INTO palaver.schema VALUES ($1, 0)", APPLICATION)
    await _apply_after(connection, 0)
    await fill(connection)


async def migrate(connection: Connection, place: str) -> None:
    """Apply the migrations the store has not seen, as part of one unit of work."""
    await connection.execute(_LOCK)
    await _apply_after(connection, await found_version(connection, place))


async def _apply_after(connection: Connection, version: int) -> None:
    for number, script in _migrations():
        if number > version:
            await connection.execute(script)
            await connection.execute("UPDATE palaver.schema SET version = $1", number)


def _migrations() -> list[tuple[int, str]]:
    files = sorted(_FOLDER.glob("[0-9]*.sql"))
    return [(int(file.name.split("_")[0]), file.read_text(encoding="utf-8")) for file in files]
