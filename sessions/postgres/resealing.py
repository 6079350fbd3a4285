"""Resealing: putting everything of one session under another key, as one unit of work."""
# ruff: noqa: S608  # statements are put together from constants; values are always bound

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sessions.errors import StaleSession
from sessions.portions import BYTES
from sessions.postgres.changes import COLUMNS
from sessions.postgres.connections import Connection, Row
from sessions.postgres.keyring import expect_key
from sessions.postgres.rows import affected, columns
from sessions.records import EntryRow, Resealing, SessionRow, record_id

PAGE: Final = 500  # records in memory at a time; fewer, if they are `BYTES` before the last of them
_LOCK = f"SELECT {', '.join(COLUMNS)} FROM palaver.session WHERE number = $1 FOR UPDATE"
_SESSION = (
    "UPDATE palaver.session SET version = $1, profile = $2, wrapped = $3, commitment = $4, mac = $5"
    " WHERE number = $6 AND version = $7"
)
_PAGE = (
    "SELECT {columns} FROM (SELECT *, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before FROM"
    " (SELECT {columns} FROM palaver.{table} WHERE session = $1 AND id > $2 ORDER BY id LIMIT $3) AS many) AS measured"
    " WHERE before < $4 ORDER BY id"
)
_READ_MESSAGES = _PAGE.format(columns="id, branch, role, kind, keep, at, body", table="message")
_READ_ENTRIES = _PAGE.format(columns="id, kind, at, body", table="journal")
_WRITE_MESSAGES = (
    "UPDATE palaver.message AS m SET body = g.body FROM unnest($2::bigint[], $3::bytea[]) AS g (id, body)"
    " WHERE m.session = $1 AND m.id = g.id"
)
_WRITE_ENTRIES = (
    "UPDATE palaver.journal AS j SET body = g.body FROM unnest($2::bigint[], $3::bytea[]) AS g (id, body)"
    " WHERE j.session = $1 AND j.id = g.id"
)
Reseal = Callable[[Row], bytes | None]


async def reseal(change: Resealing, connection: Connection) -> int:
    """Give every record of a session the body that `change` makes of it; give how many could not be opened.

    Who writes to it without a break would come first each time, so it is locked before it is known what it is by then.
    """
    stored = await connection.fetch(_LOCK, change.row.number)
    if stored and (newest := SessionRow(*stored[0])).version != change.expected:
        change = change.anew(newest)
    row = change.row
    fields = (row.version, row.profile, row.wrapped, row.commitment, row.mac, row.number, change.expected)
    if affected(await connection.execute(_SESSION, *fields)) != 1:
        raise StaleSession("the session was changed by another writer")
    await expect_key(row.wrapped, connection)
    number = row.number
    entries = await _all(number, _READ_ENTRIES, _WRITE_ENTRIES, lambda row: change.entry(EntryRow(*row)), connection)
    return entries + await _all(number, _READ_MESSAGES, _WRITE_MESSAGES, change.message, connection)


async def _all(number: int, read: str, write: str, reseal_one: Reseal, connection: Connection) -> int:
    after, unopened = record_id(number, 0), 0
    while page := await connection.fetch(read, number, after, PAGE, BYTES):
        made = [(row[0], reseal_one(tuple(row))) for row in page]
        opened = [one for one in made if one[1] is not None]
        await connection.execute(write, number, *columns(opened, 2))
        unopened += len(made) - len(opened)
        after = page[-1][0]
    return unopened
