"""Arrivals: conversations that come in piece by piece and are seen all at once. Each function is part of a transaction.

Until they are all there their numbers stand among the erased ones, so that what a crash leaves of them goes at the next
start, and their rows wait in the journal at position 0, which no entry has; an empty one tells what comes in from what
goes while the row is not there yet.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from sessions.errors import InvalidValue, Tampered
from sessions.records import Arrival, EntryRow, Mail, MessageRow, SessionRow, record_id
from sessions.sqlite.changes import COLUMNS, INSERT_ENTRY, INSERT_MESSAGE, INSERT_SESSION, refusals
from sessions.sqlite.counts import count_anew
from sessions.sqlite.keyring import expect_key
from sessions.sqlite.post import put
from sessions.store import Recount

_SEALED = ("key_idx", "owner_idx", "profile", "wrapped", "commitment", "mac")  # the columns that hold bytes
_KEY = COLUMNS.index("key_idx")
_ID = COLUMNS.index("id")
_WRAPPED = COLUMNS.index("wrapped")
_BEGIN = "INSERT OR IGNORE INTO journal VALUES (?, 0, 0, x'')"
_WAIT = "INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?)"
_TAKEN = "SELECT EXISTS (SELECT 1 FROM session WHERE key_idx = ? AND status IN ('active', 'error'))"
_THERE = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?)"

_Values = list[int | str | bytes | None]


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
    values, instead, sources = _read(found[0])
    _check_new(values[_ID], connection)
    if instead is not None and _is_so(_TAKEN, values[_KEY], connection):
        values = instead
    expect_key(values[_WRAPPED], connection)
    connection.execute(INSERT_SESSION, values)
    connection.executemany("INSERT INTO lineage VALUES (?, ?)", [(source, number) for source in sources])
    connection.execute("DELETE FROM journal WHERE id = ?", place)
    connection.execute("DELETE FROM erasure WHERE number = ?", (number,))


def _check_new(session_id: object, connection: sqlite3.Connection) -> None:
    if _is_so(_THERE, session_id, connection):
        raise InvalidValue(f"session {session_id} is here already; import it beside that one with --new-id")


def _is_so(sql: str, value: object, connection: sqlite3.Connection) -> bool:
    return bool(connection.execute(sql, (value,)).fetchone()[0])


def _waiting(arrival: Arrival) -> EntryRow:
    instead = None if arrival.instead is None else _plain(arrival.instead)
    data = json.dumps([_plain(arrival.row), instead, arrival.sources]).encode()
    return EntryRow(record_id(arrival.row.number, 0), 0, 0, data)


def _plain(row: SessionRow) -> list[int | str | None]:
    return [value.hex() if isinstance(value := getattr(row, name), bytes) else value for name in COLUMNS]


def _read(body: bytes) -> tuple[_Values, _Values | None, list[int]]:
    row, instead, sources = json.loads(body)
    return _values(row), None if instead is None else _values(instead), sources


def _values(row: list[int | str | None]) -> _Values:
    return [bytes.fromhex(str(v)) if name in _SEALED else v for name, v in zip(COLUMNS, row, strict=True)]
