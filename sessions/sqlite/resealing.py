"""Resealing: putting everything of one session under another key, as one transaction."""

from __future__ import annotations

import sqlite3

from sessions.errors import StaleSession
from sessions.records import MAX_SEQUENCE, EntryRow, Resealing, record_id
from sessions.sqlite.keyring import empty_log_later, expect_key

PAGE = 500  # records in memory at a time
_SESSION = (
    "UPDATE session SET version = ?, profile = ?, wrapped = ?, commitment = ?, mac = ? WHERE number = ? AND version = ?"
)
_READ_MESSAGES = (
    "SELECT id, branch, role, kind, keep, at, body FROM message WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
)
_READ_ENTRIES = "SELECT id, kind, at, body FROM journal WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"


def reseal(change: Resealing, connection: sqlite3.Connection) -> int:
    """Give every record of a session the body that `change` makes of it; give how many could not be opened."""
    row = change.row
    fields = (row.version, row.profile, row.wrapped, row.commitment, row.mac, row.number, change.expected)
    if connection.execute(_SESSION, fields).rowcount != 1:
        raise StaleSession("the session was changed by another writer")
    expect_key(row.wrapped, connection)
    empty_log_later(connection)
    return _entries(change, connection) + _messages(change, connection)


def _messages(change: Resealing, connection: sqlite3.Connection) -> int:
    after, last, unopened = record_id(change.row.number, 0), record_id(change.row.number, MAX_SEQUENCE), 0
    while page := connection.execute(_READ_MESSAGES, (after, last, PAGE)).fetchall():
        made = [(change.message(fields), fields[0]) for fields in page]
        connection.executemany("UPDATE message SET body = ? WHERE id = ?", [one for one in made if one[0] is not None])
        unopened += sum(body is None for body, _ in made)
        after = page[-1][0]
    return unopened


def _entries(change: Resealing, connection: sqlite3.Connection) -> int:
    after, last, unopened = record_id(change.row.number, 0), record_id(change.row.number, MAX_SEQUENCE), 0
    while page := connection.execute(_READ_ENTRIES, (after, last, PAGE)).fetchall():
        made = [(change.entry(EntryRow(*fields)), fields[0]) for fields in page]
        connection.executemany("UPDATE journal SET body = ? WHERE id = ?", [one for one in made if one[0] is not None])
        unopened += sum(body is None for body, _ in made)
        after = page[-1][0]
    return unopened
