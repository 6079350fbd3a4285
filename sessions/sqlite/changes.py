"""Changes: what units of work do to sessions, messages and journals. Each function is part of a transaction."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from operator import attrgetter

from sessions.errors import StaleSession, Tampered
from sessions.records import Change, EntryRow, HeadUpdate, Mail, MessageRow, SessionRow
from sessions.sqlite.counts import count_anew
from sessions.sqlite.keyring import expect_key
from sessions.sqlite.post import put
from sessions.sqlite.writer import Row
from sessions.store import Recount

COLUMNS = tuple(field.name for field in fields(SessionRow))
_INSERT_SESSIONS = "INSERT INTO session VALUES "
INSERT_MESSAGES = "INSERT INTO message VALUES "
INSERT_ENTRIES = "INSERT INTO journal VALUES "
TOGETHER = 500  # rows in one statement
# A view whose trigger stores the message and moves the head: both with one statement, for many sessions.
_APPEND = "INSERT INTO append VALUES "
_APPENDED = f"({', '.join('?' * len(HeadUpdate._fields + MessageRow._fields))})"
# What a session is found by stays: setting an indexed column rewrites the index even when the value is the same.
# The wrapped key as well: it may have been rotated since the session was read.
_FIXED = ("number", "id", "key_idx", "owner_idx", "created_at", "commitment", "wrapped")
_MUTABLE = tuple(name for name in COLUMNS if name not in _FIXED)
_all, _mutable = attrgetter(*COLUMNS), attrgetter(*_MUTABLE)
_UPDATE_SESSION = f"UPDATE session SET {', '.join(f'{name} = ?' for name in _MUTABLE)} WHERE number = ? AND version = ?"
_MOVE_SESSION = "UPDATE session SET key_idx = ?, owner_idx = ? WHERE number = ?"
_HAS_VERSION = "SELECT 1 FROM session WHERE number = ? AND version = ?"
_READERS = "SELECT reader FROM lineage WHERE source = ?"
_REVISE_MESSAGE = f"UPDATE message SET {', '.join(f'{name} = ?' for name in MessageRow._fields[1:])} WHERE id = ?"


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Say in the library's words why the database refuses a row."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
            raise Tampered("a conversation") from None  # its next place is taken: the row is not the newest one
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
            raise StaleSession("the session was changed by another writer") from None
        raise StaleSession("another session of this conversation was opened meanwhile") from error


def append_rows(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Store messages and the new heads of their sessions; a row is a `HeadUpdate` and a `MessageRow`."""
    with refusals():
        connection.execute(_APPEND + ", ".join([_APPENDED] * len(rows)), list(chain.from_iterable(rows)))


def apply(
    changes: tuple[Change, ...], recount: Recount | None, mail: Mail | None, connection: sqlite3.Connection
) -> None:
    """Apply changes in their order, with the counts and the mail that go with them."""
    with refusals():
        for change in changes:
            _apply_one(change, connection)
    if recount is not None:
        count_anew(recount, connection)
    put(mail, connection)


def _apply_one(change: Change, connection: sqlite3.Connection) -> None:
    row = change.row
    if change.expected is None:
        expect_key(row.wrapped, connection)
        insert_sessions([row], connection)
    else:
        if connection.execute(_UPDATE_SESSION, (*_mutable(row), row.number, change.expected)).rowcount != 1:
            raise StaleSession("the session was changed by another writer")
    if change.moved:
        connection.execute(_MOVE_SESSION, (row.key_idx, row.owner_idx, row.number))
    for message in change.revised:
        if connection.execute(_REVISE_MESSAGE, (*message[1:], message.id)).rowcount != 1:
            raise Tampered("a conversation")
    if change.messages:
        insert_many(INSERT_MESSAGES, change.messages, connection)
    if change.entries:
        insert_many(INSERT_ENTRIES, change.entries, connection)
    for source in change.sources:
        if connection.execute("SELECT 1 FROM session WHERE number = ?", (source,)).fetchone() is None:
            raise StaleSession("what this conversation goes on from was erased meanwhile")
        connection.execute("INSERT OR IGNORE INTO lineage VALUES (?, ?)", (source, row.number))
    for source in change.released:
        connection.execute("DELETE FROM lineage WHERE source = ? AND reader = ?", (source, row.number))


def check_unchanged(
    numbers: Collection[int],
    readers: Collection[int] | None,
    versions: Mapping[int, int],
    connection: sqlite3.Connection,
) -> None:
    """Refuse to erase sessions that have other versions by now, or that others read than these and themselves."""
    for number, version in versions.items():
        if connection.execute(_HAS_VERSION, (number, version)).fetchone() is None:
            raise StaleSession("another writer changed one of these sessions meanwhile")
    for number in () if readers is None else numbers:
        if {row[0] for row in connection.execute(_READERS, (number,))}.difference(readers or (), numbers):
            raise StaleSession("another writer has forked one of these sessions meanwhile")


def insert_many(sql: str, rows: Sequence[Row], connection: sqlite3.Connection) -> None:
    """Insert rows with few statements: a thread waits for Python's lock after each, and that can be long."""
    for start in range(0, len(rows), TOGETHER):
        some = rows[start : start + TOGETHER]
        places = f"({', '.join('?' * len(some[0]))})"
        connection.execute(sql + ", ".join([places] * len(some)), list(chain.from_iterable(some)))


def insert_sessions(rows: Iterable[SessionRow], connection: sqlite3.Connection) -> None:
    """Store the rows of sessions that were not there before."""
    insert_many(_INSERT_SESSIONS, [_all(row) for row in rows], connection)


def enter(entries: Sequence[EntryRow], connection: sqlite3.Connection) -> None:
    """Store journal entries."""
    with refusals():
        insert_many(INSERT_ENTRIES, entries, connection)
