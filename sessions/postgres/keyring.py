"""Keyring: the keys of the shared store, and what is wrapped with each. Each function is part of a unit of work."""
# ruff: noqa: S608  # statements are put together from constants; values are always bound

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields

from sessions.errors import StaleSession, Tampered
from sessions.postgres.connections import Connection
from sessions.postgres.post import put
from sessions.postgres.rows import affected, columns, only
from sessions.records import Census, Foundation, KeyringRow, Mail, Rewrap

KID = "substr(wrapped, 3, 8)"  # where a wrapped key names what wraps it
_BORN = "SELECT install_id, salt, created_at FROM palaver.installation WHERE one = 1"
_COLUMNS = tuple(field.name for field in fields(KeyringRow))
_ROWS = f"SELECT {', '.join(_COLUMNS)} FROM palaver.keyring ORDER BY created_at DESC"
_SECRETS = "SELECT purpose, wrapped FROM palaver.secret"
_KEPT = (
    f"SELECT (SELECT count(*) FROM palaver.session WHERE {KID} = $1)"
    f" + (SELECT count(*) FROM palaver.secret WHERE {KID} = $1)"
)
_PUT_KEY = (
    f"INSERT INTO palaver.keyring ({', '.join(_COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kid) DO"
    f" UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_PUT_WRAPPED = (
    "INSERT INTO palaver.secret (purpose, wrapped) VALUES ($1, $2)"
    " ON CONFLICT (purpose) DO UPDATE SET wrapped = excluded.wrapped"
)
_ADD_WRAPPED = "INSERT INTO palaver.secret (purpose, wrapped) VALUES ($1, $2) ON CONFLICT (purpose) DO NOTHING"
PRIMARY_KEY = "SELECT kid FROM palaver.keyring WHERE state = 'primary'"
# Whoever changes the keyring has read it before: two at once could make two keys the primary one, or leave something
# under the one before, and such a store opens to nobody.
_HOLD_RING = "SELECT 1 FROM palaver.installation WHERE one = 1 FOR UPDATE"
_FITS = (
    "SELECT (SELECT count(*) FROM palaver.keyring WHERE state = 'primary') = 1"
    f" AND NOT EXISTS (SELECT FROM palaver.secret WHERE {KID} NOT IN ({PRIMARY_KEY}))"
)
# Shared, so that nobody waits; but a key that is being retired is waited for, and one in use is not retired.
_EXPECT_KEY = "SELECT 1 FROM palaver.keyring WHERE kid = $1 FOR SHARE"
_HOLD_KEY = "SELECT 1 FROM palaver.keyring WHERE kid = $1 FOR UPDATE"
_REWRAP = (
    "UPDATE palaver.session AS s SET wrapped = g.new"
    " FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS g (number, old, new)"
    " WHERE s.number = g.number AND s.wrapped = g.old"
)
WRAPPED = (
    "SELECT number, id, wrapped, commitment FROM palaver.session"
    f" WHERE number > $1 AND {KID} IS DISTINCT FROM $2::bytea ORDER BY number LIMIT $3"
)
COUNT_WRAPPED = f"SELECT {KID}, count(*) FROM palaver.session GROUP BY 1"


async def foundation(connection: Connection) -> Foundation:
    """Give the keyring and the installation's own keys. Raises `Tampered`."""
    born = await connection.fetchrow(_BORN)
    if born is None:
        raise Tampered("the foundation of the store")
    rows = await connection.fetch(_ROWS)
    return Foundation(
        install_id=born[0],
        salt=born[1],
        created_at=born[2],
        keyring=tuple(KeyringRow(**dict(zip(_COLUMNS, row, strict=True))) for row in rows),
        secrets={row[0]: row[1] for row in await connection.fetch(_SECRETS)},
    )


async def found(founding: Foundation, census: Census, connection: Connection) -> None:
    """Keep what the store is born with."""
    born = (founding.install_id, founding.salt, founding.created_at)
    await connection.execute("INSERT INTO palaver.installation VALUES (1, $1, $2, $3)", *born)
    for row in founding.keyring:
        await connection.execute(_PUT_KEY, *astuple(row))
    secrets = columns(list(founding.secrets.items()), 2)
    await connection.execute("INSERT INTO palaver.secret SELECT * FROM unnest($1::text[], $2::bytea[])", *secrets)
    numbered = ", ".join(f"${at}" for at in range(1, len(census) + 1))
    await connection.execute(f"INSERT INTO palaver.census VALUES (1, {numbered})", *census)


async def put_keyring(
    rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None, connection: Connection
) -> None:
    """Insert or replace rows of the keyring, and the installation's own keys."""
    for row in rows:
        await connection.execute(_PUT_KEY, *astuple(row))
    for purpose, wrapped in sorted(secrets.items()):
        await connection.execute(_PUT_WRAPPED, purpose, wrapped)
    await put(mail, connection)


async def change(
    rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None, connection: Connection
) -> None:
    """Do the same where others change it as well. Raises `StaleSession` if one of them came first.

    Without rows a key of the installation that is there stays.
    """
    await connection.fetch(_HOLD_RING)
    if rows:
        await put_keyring(rows, secrets, mail, connection)
    else:
        for purpose, wrapped in sorted(secrets.items()):
            await connection.execute(_ADD_WRAPPED, purpose, wrapped)
        await put(mail, connection)
    if not (await only(connection, _FITS))[0]:
        raise StaleSession("the keys of the store were changed meanwhile by another program; try again")


async def retire(kid: bytes, mail: Mail | None, connection: Connection) -> int:
    """Remove a key from the keyring if nothing is wrapped with it; give what is."""
    await connection.fetch(_HOLD_KEY, kid)
    kept = int((await only(connection, _KEPT, kid))[0])
    if kept == 0:
        await connection.execute("DELETE FROM palaver.keyring WHERE kid = $1", kid)
        await put(mail, connection)
    return kept


async def expect_key(wrapped: object, connection: Connection) -> None:
    """Refuse a new session whose key is wrapped with a master key that was retired meanwhile."""
    kid = wrapped[2:10] if isinstance(wrapped, bytes) else b""
    if not await connection.fetch(_EXPECT_KEY, kid):
        raise StaleSession("the key of the store was changed meanwhile; try again")


async def rewrap(changes: Sequence[Rewrap], connection: Connection) -> int:
    """Replace wrapped keys that are still the expected ones; give how many were.

    Raises `StaleSession` if what wraps them now was retired meanwhile.
    """
    moved = affected(await connection.execute(_REWRAP, *columns(changes, 3)))
    for new in {change.new[2:10]: change.new for change in changes}.values():
        await expect_key(new, connection)
    return moved
