"""Arrivals: conversations that come in piece by piece and are seen all at once. Each function is part of a transaction.

Until they are all there their numbers stand among the erased ones, so that what a crash leaves of them goes at the next
start, and their rows wait in the journal at position 0, which no entry has; an empty one tells what comes in from what
goes while the row is not there yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sessions.arrival_codec import decode_arrival, encode_arrival
from sessions.errors import InvalidValue, Tampered
from sessions.records import Arrival, EntryRow, Mail, MessageRow, record_id
from sessions.sqlite.changes import INSERT_ENTRY, INSERT_MESSAGE, insert_session, refusals
from sessions.sqlite.counts import count_anew
from sessions.sqlite.keyring import expect_key
from sessions.sqlite.post import put
from sessions.store import Recount

_BEGIN = "INSERT OR IGNORE INTO journal VALUES (?, 0, 0, x'')"
_WAIT = "INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?)"
_TAKEN = "SELECT EXISTS (SELECT 1 FROM session WHERE key_idx = ? AND status IN ('active', 'error'))"
_THERE = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?)"


def stage(
    numbers: Sequence[int],
    messages: Sequence[MessageRow],
    entries: Sequence[EntryRow],
    arrivals: Sequence[Arrival],
    connection: sqlite3.Connection,
) -> None:
    """Store pieces of conversations that nobody sees yet."""
    for arrival in arrivals:
        _check_new(arrival.row.id, connection)
    with refusals():
        connection.executemany("INSERT OR IGNORE INTO erasure VALUES (?)", [(number,) for number in numbers])
        connection.executemany(INSERT_MESSAGE, messages)
        connection.executemany(INSERT_ENTRY, entries)
        known = {arrival.row.number for arrival in arrivals}
        connection.executemany(_BEGIN, [(record_id(number, 0),) for number in numbers if number not in known])
        connection.executemany(_WAIT, map(_waiting, arrivals))


def land(numbers: Sequence[int], recount: Recount, mail: Mail | None, connection: sqlite3.Connection) -> None:
    """Let conversations be seen, all of them, with the counts and the mail that go with that."""
    with refusals():
        for number in numbers:
            _land_one(number, connection)
    count_anew(recount, connection)
    put(mail, connection)


def _land_one(number: int, connection: sqlite3.Connection) -> None:
    place = (record_id(number, 0),)
    found = connection.execute("SELECT body FROM journal WHERE id = ?", place).fetchone()
    if found is None or not found[0]:
        raise Tampered("a conversation that comes in")
    arrival = decode_arrival(found[0])
    row = arrival.row
    _check_new(row.id, connection)
    if arrival.instead is not None and _is_so(_TAKEN, row.key_idx, connection):
        row = arrival.instead
    expect_key(row.wrapped, connection)
    insert_session(row, connection)
    connection.executemany("INSERT INTO lineage VALUES (?, ?)", [(source, number) for source in arrival.sources])
    connection.execute("DELETE FROM journal WHERE id = ?", place)
    connection.execute("DELETE FROM erasure WHERE number = ?", (number,))


def _check_new(session_id: object, connection: sqlite3.Connection) -> None:
    if _is_so(_THERE, session_id, connection):
        raise InvalidValue(f"session {session_id} is here already; import it beside that one with --new-id")


def _is_so(sql: str, value: object, connection: sqlite3.Connection) -> bool:
    return bool(connection.execute(sql, (value,)).fetchone()[0])


def _waiting(arrival: Arrival) -> EntryRow:
    return EntryRow(record_id(arrival.row.number, 0), 0, 0, encode_arrival(arrival))
