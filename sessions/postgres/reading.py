"""Reading: the statements that find sessions and their records."""
# ruff: noqa: S608  # statements are put together from constants; values are always bound

from __future__ import annotations

from typing import Final

from sessions.postgres.changes import COLUMNS
from sessions.postgres.connections import Value
from sessions.records import SessionRow, number_of
from sessions.store import Order

DAY_MS: Final = 86_400_000
SESSION = f"SELECT {', '.join(COLUMNS)} FROM palaver.session "
CURRENT = f"{SESSION}WHERE key_idx = $1 AND status IN ('active', 'error')"
DUE = f"{SESSION}WHERE next_reset_at <= $1 AND next_reset_at IS NOT NULL ORDER BY next_reset_at LIMIT $2"
WITH_PREFIX = f"{SESSION}WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3"
# A division alone would make day 0 of the last one before 1970.
_DAY = f"CASE WHEN at < 0 THEN -1 ELSE at / {DAY_MS} END"
COUNT_MESSAGES = f"SELECT session, {_DAY}, role::bigint, count(*) FROM palaver.message GROUP BY 1, 2, 3"
JOURNAL = "SELECT id, kind, at, body FROM palaver.journal WHERE session = $1 ORDER BY id"
PREFERENCE = "SELECT idx, revision, body FROM palaver.preference"
# Positions are the lower 24 bits of an id.
STRAYS = (
    "SELECT (SELECT count(*) FROM palaver.message WHERE session = $1 AND id & 16777215 NOT BETWEEN 1 AND $2)"
    " + (SELECT count(*) FROM palaver.journal WHERE session = $1 AND id & 16777215 NOT BETWEEN 1 AND $3)"
)
_OWNED = "(SELECT number FROM palaver.session UNION SELECT number FROM palaver.erasure)"
ORPHANS = (
    f"SELECT (SELECT count(*) FROM palaver.message WHERE session NOT IN {_OWNED} OR session <> id >> 24)"
    f" + (SELECT count(*) FROM palaver.journal WHERE session NOT IN {_OWNED} OR session <> id >> 24)"
    " + (SELECT count(*) FROM palaver.lineage WHERE reader NOT IN (SELECT number FROM palaver.session))"
    " + (SELECT count(*) FROM palaver.session JOIN palaver.erasure USING (number))"
)
LAST_MAIL = (
    "SELECT greatest((SELECT coalesce(max(id), 0) FROM palaver.letter),"
    " (SELECT coalesce(max(id), 0) FROM palaver.parcel))"
)
SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
    " WHERE relnamespace = to_regnamespace('palaver') AND relkind IN ('r', 'S')"
)
_SORTED: dict[Order, str] = {
    "last_activity_at": "last_activity_at",
    "message_count": "message_count",
    "tokens": "input_tokens + output_tokens",
}
_MESSAGES = "SELECT id, branch, role, kind, keep, at, body FROM palaver.message WHERE "


def ranged(first: int, last: int, *, newest: bool, kept: bool) -> tuple[str, tuple[int, ...]]:
    """Give the statement that reads messages of a range of ids, and its values before the limit."""
    sessions = (number_of(first), number_of(last))
    one = sessions[0] == sessions[1]
    where = "session = $1 AND id BETWEEN $2 AND $3" if one else "session BETWEEN $1 AND $4 AND id BETWEEN $2 AND $3"
    values = (sessions[0], first, last) if one else (sessions[0], first, last, sessions[1])
    way = "DESC" if newest else "ASC"
    kept_only = " AND keep = 1" if kept else ""
    order = f" ORDER BY session {way}, id {way} LIMIT ${len(values) + 1}"
    return f"{_MESSAGES}{where}{kept_only}{order}", values


def sorted_numbers(
    order: Order, *, descending: bool, status: str | None, since: int | None, until: int | None, limit: int | None
) -> tuple[str, list[Value]]:
    """Give the statement that lists the numbers of sessions in an order, and its values."""
    asked = {"status =": status, "last_activity_at >=": since, "last_activity_at <": until}
    values: list[Value] = [value for value in asked.values() if value is not None]
    conditions = [sql for sql, value in asked.items() if value is not None]
    where = " AND ".join(f"{sql} ${at}" for at, sql in enumerate(conditions, 1)) or "true"
    way = "DESC" if descending else "ASC"
    sql = f"SELECT number FROM palaver.session WHERE {where} ORDER BY {_SORTED[order]} {way}, number {way}"
    return f"{sql} LIMIT ${len(values) + 1}", [*values, limit]


def session_rows(rows: list[tuple[object, ...]]) -> list[SessionRow]:
    """Make rows of sessions of what the database gives."""
    return [SessionRow(*row) for row in rows]  # type: ignore[arg-type]  # the columns have their types
