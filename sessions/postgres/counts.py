"""Counts: the census of the shared store, the one row of sealed counts, changed with what it counts."""
# ruff: noqa: S608  # statements are put together from constants; values are always bound

from __future__ import annotations

from sessions.errors import Tampered
from sessions.postgres.connections import Connection
from sessions.records import Census
from sessions.store import Recount

COUNT_ROWS = (
    "SELECT (SELECT count(*) FROM palaver.session), (SELECT count(*) FROM palaver.preference),"
    " (SELECT coalesce(sum(revision), 0)::bigint FROM palaver.preference), (SELECT count(*) FROM palaver.letter),"
    " (SELECT coalesce(sum(state + attempts), 0)::bigint FROM palaver.letter), (SELECT count(*) FROM palaver.parcel),"
    " (SELECT coalesce(sum(sent), 0)::bigint FROM palaver.parcel), (SELECT count(*) FROM palaver.audit)"
)
READ = f"SELECT {', '.join(Census._fields)} FROM palaver.census WHERE one = 1"
_LOCK = f"{READ} FOR UPDATE"
_UPDATE = f"UPDATE palaver.census SET {', '.join(f'{name} = ${at}' for at, name in enumerate(Census._fields, 1))}"


async def lock(connection: Connection) -> Census:
    """Read the census and keep everybody else from changing it until the unit of work ends."""
    row = await connection.fetchrow(_LOCK)
    if row is None:
        raise Tampered("the census of the store")
    return Census(*row)


async def count_anew(recount: Recount, connection: Connection) -> None:
    """Change the census, as part of the unit of work that changes what it counts."""
    await update(recount(await lock(connection)), connection)


async def update(census: Census, connection: Connection) -> None:
    """Keep the census that was worked out under the lock."""
    await connection.execute(_UPDATE, *census)
