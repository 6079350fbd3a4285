"""Counts: the census of the embedded store, the one row of sealed counts, changed with what it counts."""

from __future__ import annotations

import sqlite3

from sessions.errors import Tampered
from sessions.records import Census
from sessions.store import Recount

COUNT_ROWS = (
    "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM preference),"
    " (SELECT total(revision) FROM preference), (SELECT count(*) FROM letter),"
    " (SELECT total(state + attempts) FROM letter), (SELECT count(*) FROM parcel), (SELECT total(sent) FROM parcel),"
    " (SELECT count(*) FROM audit)"
)
READ = f"SELECT {', '.join(Census._fields)} FROM census WHERE one = 1"
_UPDATE = f"UPDATE census SET {', '.join(f'{name} = ?' for name in Census._fields)}"


def count_anew(recount: Recount, connection: sqlite3.Connection) -> None:
    """Change the census, as part of the transaction that changes what it counts."""
    row = connection.execute(READ).fetchone()
    if row is None:
        raise Tampered("the census of the store")
    connection.execute(_UPDATE, recount(Census(*row)))
