"""Post: letters and parcels in the embedded store. Each function is part of a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from sessions.records import ALL_SENT, AuditRow, Census, LetterRow, Mail
from sessions.sqlite.counts import count_anew
from sessions.store import Recount

_DONE = f"sent = {ALL_SENT}"
_INSERT_LETTER = "INSERT INTO letter VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"
_REPLACE_LETTER = "UPDATE letter SET state = ?, attempts = ?, body = ? WHERE id = ?"
READ_AUDIT = "SELECT number, at, body, link FROM audit"
_INSERT_AUDIT = "INSERT INTO audit VALUES (?, ?, ?, ?)"
_PUT_PARCEL = (
    "INSERT INTO parcel VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET sent = excluded.sent, body = excluded.body"
)


def receive(
    letters: Sequence[LetterRow], counted: Callable[[Census], Recount], connection: sqlite3.Connection
) -> list[bool]:
    """Store the letters whose names are new; tell which are."""
    new = [connection.execute(_INSERT_LETTER, letter[:6]).rowcount == 1 for letter in letters]
    if any(new):
        steps = sum(letter.state + letter.attempts for letter, is_new in zip(letters, new, strict=True) if is_new)
        count_anew(counted(Census(letters=sum(new), steps=steps)), connection)
    return new


def put(mail: Mail | None, connection: sqlite3.Connection) -> None:
    """Store letters as they stand now, parcels, and entries of the audit; None stands for nothing."""
    if mail is None:
        return
    for letter in mail.letters:
        connection.execute(_REPLACE_LETTER, (letter.state, letter.attempts, letter.body, letter.id))
    for parcel in mail.parcels:
        connection.execute(_PUT_PARCEL, parcel[:4])
    if mail.audit is not None:
        newest = connection.execute(f"{READ_AUDIT} ORDER BY number DESC LIMIT 1").fetchone()
        connection.executemany(_INSERT_AUDIT, mail.audit(AuditRow(*newest) if newest else None))
    if mail.recount is not None:
        count_anew(mail.recount, connection)


def forget(before: int, counted: Callable[[Census], Recount], connection: sqlite3.Connection) -> int:
    """Remove what is done with and has an id below `before`; give how many there were."""
    removed = []
    for table, total, done in (("letter", "state + attempts", "state = 3"), ("parcel", "sent", _DONE)):
        where = f"FROM {table} WHERE id < ? AND {done}"
        removed += connection.execute(f"SELECT count(*), total({total}) {where}", (before,)).fetchone()
        connection.execute(f"DELETE {where}", (before,))
    letters, steps, parcels, parts = (-int(number) for number in removed)
    count_anew(counted(Census(letters=letters, steps=steps, parcels=parcels, parts=parts)), connection)
    return -letters - parcels
