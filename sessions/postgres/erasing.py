"""Erasing: what is left of sessions whose keys are destroyed, removed in batches. Functions are parts of units of work.

A client can not empty PostgreSQL's log, nor its files of rows that were removed: old versions stay in both until the
server itself writes over them. What is in them is sealed with a data key that was destroyed with the session's row, or
wrapped with a master key that was retired, and opens to nobody.
"""
# ruff: noqa: S608  # statements are put together from constants; values are always bound

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sessions.errors import StaleSession
from sessions.postgres.arrivals import GIVEN_UP
from sessions.postgres.changes import lock_sessions
from sessions.postgres.connections import Connection
from sessions.postgres.post import put
from sessions.postgres.rows import affected
from sessions.records import MAX_NUMBER, Mail
from sessions.store import Recount

BATCH: Final = 2_000  # rows in one unit of work: erasing never blocks the chat
GONE = (
    f"SELECT number FROM palaver.erasure WHERE number BETWEEN 1 AND {MAX_NUMBER} AND ({GIVEN_UP})"
    " AND number NOT IN (SELECT number FROM palaver.session) ORDER BY number DESC"
)
_MARK = (
    "INSERT INTO palaver.erasure SELECT number, NULL FROM unnest($1::bigint[]) AS number"
    " ON CONFLICT (number) DO UPDATE SET arriving = NULL"
)
_DELETE = "DELETE FROM palaver.session WHERE number = ANY($1::bigint[])"
_VERSIONS = "SELECT number, version FROM palaver.session WHERE number = ANY($1::bigint[]) FOR UPDATE"
# Whoever forks a session locks it first: what is not seen here now finds that it is gone.
_READ = (
    "SELECT 1 FROM palaver.lineage WHERE source = ANY($1::bigint[]) AND reader <> ALL($1::bigint[])"
    " AND reader <> ALL($2::bigint[]) LIMIT 1"
)
_UNLINK = "DELETE FROM palaver.lineage WHERE source = ANY($1::bigint[]) OR reader = ANY($1::bigint[])"
# Nobody sweeps a session that somebody else is sweeping; nothing lands any more that is being swept.
_TAKE = (
    "UPDATE palaver.erasure SET arriving = NULL WHERE number ="
    f" (SELECT number FROM palaver.erasure WHERE number = $1 AND ({GIVEN_UP}) FOR UPDATE SKIP LOCKED)"
)
_MESSAGES = (
    "DELETE FROM palaver.message WHERE session = $1 AND id IN"
    " (SELECT id FROM palaver.message WHERE session = $1 ORDER BY id LIMIT $2)"
)


async def erase(
    numbers: Sequence[int],
    recount: Recount,
    mail: Mail | None,
    connection: Connection,
    *,
    readers: Collection[int] | None = None,
    versions: Mapping[int, int] | None = None,
) -> None:
    """Destroy the wrapped keys and the session rows, and note what is still to be removed."""
    gone = sorted(set(numbers))
    await lock_sessions(gone, connection)
    if versions and {row[0]: row[1] for row in await connection.fetch(_VERSIONS, list(versions))} != dict(versions):
        raise StaleSession("another writer changed one of these sessions meanwhile")
    if affected(await connection.execute(_DELETE, gone)) != len(gone):
        raise StaleSession("another writer erased one of these sessions meanwhile")  # and has counted it
    if readers is not None and await connection.fetch(_READ, gone, list(readers)):
        raise StaleSession("another writer has forked one of these sessions meanwhile")
    await connection.execute(_MARK, gone)
    await connection.execute(_UNLINK, gone)
    await put(mail, connection, recount)


async def erase_batch(number: int, connection: Connection) -> int:
    """Remove some messages of an erased session; if they are the last, everything else of it. Give how many."""
    if affected(await connection.execute(_TAKE, number)) == 0:
        return 0
    removed = affected(await connection.execute(_MESSAGES, number, BATCH))
    if removed < BATCH:
        await connection.execute("DELETE FROM palaver.journal WHERE session = $1", number)
        await connection.execute("DELETE FROM palaver.erasure WHERE number = $1", number)
    return removed
