"""Rows: records on their way into many-row statements and out of tags."""

from __future__ import annotations

from collections.abc import Sequence

from sessions.postgres.connections import Connection, Row, Value


def columns(rows: Sequence[Sequence[object]], width: int) -> list[Value]:
    """Turn rows into one list for each column, as `unnest` takes them."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def affected(tag: str) -> int:
    """Give the number of rows in what the database says of a statement, such as `UPDATE 1`."""
    return int(tag.rpartition(" ")[2])


async def only(connection: Connection, sql: str, *values: Value) -> Row:
    """Run a statement that gives one row."""
    (row,) = await connection.fetch(sql, *values)
    return row
