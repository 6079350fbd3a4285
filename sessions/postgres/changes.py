"""Changes: what units of work do to sessions, messages and journals. Each function is part of a unit of work.

Locks are taken in one order everywhere: sessions by number, then keys, then the census, which guards the audit.
"""
# ruff: noqa: S608  # statements are put together from constants; values are always bound

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import fields
from operator import attrgetter

from sessions.errors import StaleSession, Tampered
from sessions.portions import portions
from sessions.postgres.connections import Connection
from sessions.postgres.keyring import expect_key
from sessions.postgres.post import put
from sessions.postgres.rows import affected, columns
from sessions.records import Change, EntryRow, Mail, MessageRow, SessionRow
from sessions.store import Recount

COLUMNS = tuple(field.name for field in fields(SessionRow))
_TEXTS, _BLOBS = ("id", "status"), ("key_idx", "owner_idx", "profile", "wrapped", "commitment", "mac")
_TYPES = ["text" if name in _TEXTS else "bytea" if name in _BLOBS else "bigint" for name in COLUMNS]
_INSERT_SESSIONS = (
    f"INSERT INTO palaver.session ({', '.join(COLUMNS)}) SELECT * FROM"
    f" unnest({', '.join(f'${at}::{kind}[]' for at, kind in enumerate(_TYPES, 1))})"
)
MESSAGE_TYPES = ("bigint", "bigint", "smallint", "smallint", "smallint", "bigint", "bytea")
_MESSAGES = (
    f"unnest({', '.join(f'${at}::{kind}[]' for at, kind in enumerate(MESSAGE_TYPES, 1))})"
    f" AS g ({', '.join(MessageRow._fields)})"
)
_INSERT_MESSAGES = f"INSERT INTO palaver.message SELECT g.id >> 24, g.* FROM {_MESSAGES}"
_INSERT_ENTRIES = (
    "INSERT INTO palaver.journal SELECT g.id >> 24, g.* FROM"
    " unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bytea[]) AS g (id, kind, at, body)"
)
_REVISE_MESSAGES = (
    f"UPDATE palaver.message AS m SET {', '.join(f'{name} = g.{name}' for name in MessageRow._fields[1:])}"
    f" FROM {_MESSAGES} WHERE m.session = g.id >> 24 AND m.id = g.id"
)
# What a session is found by stays: setting an indexed column rewrites the index even when the value is the same.
# The wrapped key as well: it may have been rotated since the session was read.
_FIXED = ("number", "id", "key_idx", "owner_idx", "created_at", "commitment", "wrapped")
_MUTABLE = tuple(name for name in COLUMNS if name not in _FIXED)
_all, _mutable = attrgetter(*COLUMNS), attrgetter(*_MUTABLE)
_UPDATE_SESSION = (
    f"UPDATE palaver.session SET {', '.join(f'{name} = ${at}' for at, name in enumerate(_MUTABLE, 1))}"
    f" WHERE number = ${len(_MUTABLE) + 1} AND version = ${len(_MUTABLE) + 2}"
)
_MOVE_SESSION = "UPDATE palaver.session SET key_idx = $1, owner_idx = $2 WHERE number = $3"
_LOCK_SESSIONS = "SELECT number FROM palaver.session WHERE number = ANY($1::bigint[]) ORDER BY number FOR UPDATE"
LINK = "INSERT INTO palaver.lineage SELECT source, $2 FROM unnest($1::bigint[]) AS source ON CONFLICT DO NOTHING"
_UNLINK = "DELETE FROM palaver.lineage WHERE source = ANY($1::bigint[]) AND reader = $2"


async def apply(changes: Sequence[Change], recount: Recount | None, mail: Mail | None, connection: Connection) -> None:
    """Apply changes in their order, with the counts and the mail that go with them."""
    begun = {change.row.number for change in changes if change.expected is None}
    read = {source for change in changes for source in change.sources} - begun
    changed = {change.row.number for change in changes} - begun
    there = await lock_sessions(changed | read, connection, one_too=bool(read))
    if not read <= there:
        raise StaleSession("what this conversation goes on from was erased meanwhile")
    for change in changes:
        await _apply_one(change, connection)
    await put(mail, connection, recount)


async def lock_sessions(numbers: Iterable[int], connection: Connection, *, one_too: bool = False) -> Set[int]:
    """Keep others from changing several sessions until the unit of work ends, always in the same order.

    Gives those that are there. A single one is locked by what changes it, unless it is asked for as well.
    """
    wanted = sorted(set(numbers))
    if len(wanted) > 1 or (wanted and one_too):
        return {row[0] for row in await connection.fetch(_LOCK_SESSIONS, wanted)}
    return set()


async def insert_messages(messages: Sequence[MessageRow], connection: Connection) -> None:
    """Store messages; a statement can not be longer than 1 GiB, and takes its length in memory of both."""
    for portion in portions(messages):
        await connection.execute(_INSERT_MESSAGES, *columns(portion, len(MESSAGE_TYPES)))


async def insert_entries(entries: Sequence[EntryRow], connection: Connection) -> None:
    """Store journal entries."""
    if entries:
        await connection.execute(_INSERT_ENTRIES, *columns(entries, 4))


async def _apply_one(change: Change, connection: Connection) -> None:
    row = change.row
    await _put_session(change, connection)
    if change.moved:
        await connection.execute(_MOVE_SESSION, row.key_idx, row.owner_idx, row.number)
    for portion in portions(change.revised):
        revised = await connection.execute(_REVISE_MESSAGES, *columns(portion, len(MESSAGE_TYPES)))
        if affected(revised) != len(portion):
            raise Tampered("a conversation")
    await insert_messages(change.messages, connection)
    await insert_entries(change.entries, connection)
    if change.sources:
        await connection.execute(LINK, list(change.sources), row.number)
    if change.released:
        await connection.execute(_UNLINK, list(change.released), row.number)


async def _put_session(change: Change, connection: Connection) -> None:
    row = change.row
    if change.expected is None:
        await expect_key(row.wrapped, connection)
        await insert_sessions([row], connection)
    elif affected(await connection.execute(_UPDATE_SESSION, *_mutable(row), row.number, change.expected)) != 1:
        raise StaleSession("the session was changed by another writer")


async def insert_sessions(rows: Sequence[SessionRow], connection: Connection) -> None:
    """Store the rows of sessions that were not there before."""
    if rows:
        await connection.execute(_INSERT_SESSIONS, *columns([_all(row) for row in rows], len(COLUMNS)))
