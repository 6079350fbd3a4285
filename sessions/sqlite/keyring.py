"""Keyring: the keys of the embedded store, and what is wrapped with each. Jobs are part of a transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields

from sessions.errors import StaleSession, Tampered
from sessions.records import Foundation, KeyringRow, Mail, Rewrap, WrappedKey
from sessions.sqlite.post import put
from sessions.sqlite.readers import Reader

KID = "ifnull(substr(wrapped, 3, 8), x'')"  # where a wrapped key names what wraps it; one that is empty names nothing
_BORN = "SELECT install_id, salt, created_at FROM installation WHERE one = 1"
_COLUMNS = tuple(field.name for field in fields(KeyringRow))
_ROWS = f"SELECT {', '.join(_COLUMNS)} FROM keyring ORDER BY created_at DESC"
_SECRETS = "SELECT purpose, wrapped FROM secret"
_KEPT = f"SELECT (SELECT count(*) FROM session WHERE {KID} = ?1) + (SELECT count(*) FROM secret WHERE {KID} = ?1)"


async def foundation(reader: Reader) -> Foundation:
    """Give the keyring and the installation's own keys as they are now."""
    return founded(*[await reader.fetch(sql) for sql in (_BORN, _ROWS, _SECRETS)])


def foundation_of(connection: sqlite3.Connection) -> Foundation:
    """Give the keyring and the installation's own keys, before there is a reader."""
    return founded(*[connection.execute(sql).fetchall() for sql in (_BORN, _ROWS, _SECRETS)])


def founded(born: Sequence[tuple[object, ...]], rows: Sequence[tuple[object, ...]], secrets: object) -> Foundation:
    """Put together what the three tables hold. Raises `Tampered`."""
    if not born:
        raise Tampered("the foundation of the store")
    keyring = tuple(KeyringRow(**dict(zip(_COLUMNS, row, strict=True))) for row in rows)  # type: ignore[arg-type]  # STRICT tables keep the types
    install_id, salt, created_at = born[0]
    return Foundation(
        install_id=install_id,  # type: ignore[arg-type]
        salt=salt,  # type: ignore[arg-type]
        created_at=created_at,  # type: ignore[arg-type]
        keyring=keyring,
        secrets=dict(secrets),  # type: ignore[call-overload]
    )


def put_keyring(
    rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None, connection: sqlite3.Connection
) -> None:
    """Insert or replace rows of the keyring, and the installation's own keys."""
    for row in rows:
        connection.execute("INSERT OR REPLACE INTO keyring VALUES (?, ?, ?, ?, ?, ?)", astuple(row))
    if secrets:
        connection.executemany("INSERT OR REPLACE INTO secret VALUES (?, ?)", secrets.items())
        empty_log_later(connection)
    put(mail, connection)


def retire(kid: bytes, mail: Mail | None, connection: sqlite3.Connection) -> int:
    """Remove a key from the keyring if nothing is wrapped with it; give what is."""
    kept = int(connection.execute(_KEPT, (kid,)).fetchone()[0])
    if kept == 0:
        connection.execute("DELETE FROM keyring WHERE kid = ?", (kid,))
        empty_log_later(connection)
        put(mail, connection)
    return kept


def empty_log_later(connection: sqlite3.Connection) -> None:
    """Have the log emptied with the next sweep, or start: what is erased or replaced now is still in it.

    Number 0 among the erased ones is a note of that, and stands for the log.
    """
    connection.execute("INSERT OR IGNORE INTO erasure VALUES (0)")


def expect_key(wrapped: object, connection: sqlite3.Connection) -> None:
    """Refuse a new session whose key is wrapped with a master key that was retired meanwhile."""
    kid = wrapped[2:10] if isinstance(wrapped, bytes) else b""
    if connection.execute("SELECT 1 FROM keyring WHERE kid = ?", (kid,)).fetchone() is None:
        raise StaleSession("the key of the store was changed meanwhile; try again")


def rewrap(changes: Sequence[Rewrap], connection: sqlite3.Connection) -> int:
    """Replace wrapped keys that are still the expected ones; give how many were.

    Raises `StaleSession` if what wraps them now was retired meanwhile.
    """
    for change in changes:
        expect_key(change.new, connection)
    sql = "UPDATE session SET wrapped = ?3 WHERE number = ?1 AND wrapped = ?2"
    empty_log_later(connection)
    return connection.executemany(sql, changes).rowcount


async def wrapped_keys(reader: Reader, after: int, limit: int, but: bytes | None) -> list[WrappedKey]:
    """Page through the wrapped keys of sessions by number, without those that `but` wraps."""
    sql = f"SELECT number, id, wrapped, commitment FROM session WHERE number > ? AND {KID} IS NOT ? ORDER BY number"
    return [WrappedKey(*row) for row in await reader.fetch(f"{sql} LIMIT ?", (after, but, limit))]


async def count_wrapped(reader: Reader) -> Counter[bytes]:
    """Count the wrapped keys of sessions by what wraps them."""
    rows = await reader.fetch(f"SELECT {KID}, count(*) FROM session GROUP BY 1")
    return Counter({bytes(kid): int(many) for kid, many in rows})
