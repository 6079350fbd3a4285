"""Arrivals: conversations that come in piece by piece and are seen all at once. Each function is part of a transaction.

Until they are all there their numbers stand among the erased ones, so that what a crash leaves of them goes at the next
start, and their rows wait in the journal at position 0, which no entry has; an empty one tells what comes in from what
goes while the row is not there yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sessions.arrival_codec import WaitingArrival
from sessions.landing import TOGETHER, check_new, check_whole, places
from sessions.records import ArrivalRow, EntryRow, Mail, MessageRow, record_id
from sessions.sqlite.changes import INSERT_ENTRIES, INSERT_MESSAGES, insert_many, insert_sessions, refusals
from sessions.sqlite.counts import count_anew
from sessions.sqlite.keyring import expect_key
from sessions.sqlite.post import put
from sessions.store import Recount

ROOM = 16_384  # KiB
_EXPECT = "INSERT OR IGNORE INTO erasure VALUES "
_BEGIN = "INSERT OR IGNORE INTO journal VALUES "
_WAIT = "INSERT OR REPLACE INTO journal VALUES "
_WAITING = "SELECT body FROM journal WHERE id IN ({}) ORDER BY id"
_THERE = "SELECT id FROM session WHERE id IN ({})"
_TAKEN = "SELECT key_idx FROM session WHERE status IN ('active', 'error') AND key_idx IN ({})"


def stage(
    numbers: Sequence[int],
    messages: Sequence[MessageRow],
    entries: Sequence[EntryRow],
    arrivals: Sequence[ArrivalRow],
    connection: sqlite3.Connection,
) -> None:
    """Store pieces of conversations that nobody sees yet."""
    _check_new([arrival.id for arrival in arrivals], connection)
    known = {arrival.number for arrival in arrivals}
    with refusals():
        insert_many(_EXPECT, [(number,) for number in numbers], connection)
        insert_many(INSERT_MESSAGES, messages, connection)
        insert_many(INSERT_ENTRIES, entries, connection)
        insert_many(
            _BEGIN, [(record_id(number, 0), 0, 0, b"") for number in numbers if number not in known], connection
        )
        insert_many(_WAIT, [_waiting(arrival) for arrival in arrivals], connection)


def land(numbers: Sequence[int], recount: Recount, mail: Mail | None, connection: sqlite3.Connection) -> None:
    """Let conversations be seen, all of them, with the counts and the mail that go with that."""
    with refusals(), _room(connection):
        for start in range(0, len(numbers), TOGETHER):
            _land_some(numbers[start : start + TOGETHER], connection)
    count_anew(recount, connection)
    put(mail, connection)


@contextmanager
def _room(connection: sqlite3.Connection) -> Iterator[None]:
    """Keep more of the file in memory: the rows of many sessions go to places all over the indexes."""
    (before,) = connection.execute("PRAGMA cache_size").fetchone()
    connection.execute(f"PRAGMA cache_size = -{ROOM}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA cache_size = {before}")


def _land_some(numbers: Sequence[int], connection: sqlite3.Connection) -> None:
    waiting = [record_id(number, 0) for number in numbers]
    arrivals = [WaitingArrival(body) for (body,) in _among(_WAITING, waiting, connection) if body]
    check_whole(arrivals, numbers)
    for wrapped in {arrival.row.wrapped[:10]: arrival.row.wrapped for arrival in arrivals}.values():
        expect_key(wrapped, connection)
    taken = _among(_TAKEN, [arrival.row.key_idx for arrival in arrivals], connection)
    try:
        insert_sessions(places(arrivals, (key_idx for (key_idx,) in taken)), connection)
    except sqlite3.IntegrityError:
        _check_new([arrival.row.id for arrival in arrivals], connection)
        raise
    links = [(source, arrival.row.number) for arrival in arrivals for source in arrival.sources]
    insert_many("INSERT INTO lineage VALUES ", links, connection)
    _among("DELETE FROM journal WHERE id IN ({})", waiting, connection)
    _among("DELETE FROM erasure WHERE number IN ({})", numbers, connection)


def _check_new(ids: Sequence[str], connection: sqlite3.Connection) -> None:
    check_new(ids, (found for (found,) in _among(_THERE, ids, connection)))


def _among(sql: str, values: Sequence[int | str | bytes], connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """Run a statement for all of these values."""
    return connection.execute(sql.format(", ".join("?" * len(values))), values).fetchall()


def _waiting(arrival: ArrivalRow) -> EntryRow:
    return EntryRow(record_id(arrival.number, 0), 0, 0, arrival.body)
