"""PostgresStore: the Store on one PostgreSQL database, which several programs may use at once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from sessions.coordination import LIFETIME
from sessions.errors import NoStoreYet, StaleSession, StoreError, StoreReadOnly, Tampered
from sessions.postgres import arrivals as arrived
from sessions.postgres import counts, erasing, keyring, post, reading, schema
from sessions.postgres.appends import Appends, Wanted
from sessions.postgres.changes import apply
from sessions.postgres.connections import Connection, Connections, Options, Row, Value
from sessions.postgres.listener import Listener, share_lock
from sessions.postgres.owner import KEY, Owner
from sessions.postgres.posting import Posting
from sessions.postgres.resealing import reseal
from sessions.postgres.units import Units
from sessions.postgres.workers import Workers
from sessions.records import (
    ArrivalRow,
    AuditRow,
    Census,
    Change,
    EntryRow,
    Foundation,
    HeadUpdate,
    KeyringRow,
    LetterRow,
    Mail,
    MessageFields,
    MessageRow,
    ParcelRow,
    PreferenceRow,
    Resealing,
    Rewrap,
    SessionRow,
    WrappedKey,
    number_of,
)
from sessions.store import Order, Recount

RENEWED = 3_600.0  # seconds after which it is said again of all that comes in that somebody is at it
_ASIDE = "UPDATE palaver.session SET status = $1, next_reset_at = NULL WHERE number = $2"
_PUT_PREFERENCE = (
    "INSERT INTO palaver.preference VALUES ($1, $2, $3)"
    " ON CONFLICT (idx) DO UPDATE SET revision = excluded.revision, body = excluded.body"
    " WHERE preference.revision = $4 RETURNING 1"
)
_TABLES = (
    "session",
    "message",
    "journal",
    "lineage",
    "preference",
    "letter",
    "parcel",
    "audit",
    "erasure",
    "census",
    "unit",
    "worker",
    "lease",
    "claim",
    "turn",
)


class PostgresStore:
    """Up to `size` connections to one database; everything of the store lies in its schema `palaver`.

    `dsn` may name several servers; with `target_session_attrs=read-write` the one that takes writes is used, also
    after another has taken over. `pooler` is for PgBouncer in transaction mode: nothing is kept on a connection
    between two units of work. `read_only` writes nothing, not even when asked to. With `sole` a second such program
    is refused with `StoreHeld`; behind a pooler that can not be. With `many` it is shared with other such programs, and
    one that does not say for `lifetime` seconds that it is alive is given up: see `sessions.coordination`.
    """

    def __init__(
        self,
        dsn: str,
        *,
        read_only: bool = False,
        pooler: bool = False,
        sole: bool = False,
        many: bool = False,
        lifetime: float = LIFETIME,
        size: int = 10,
    ) -> None:
        if sole and (read_only or pooler or many):
            raise ValueError("a store that only reads, is shared, or is reached through a pooler, has no lock")
        self._sole, self._many, self._lifetime = sole, many and not read_only, lifetime
        self.coordinator: Workers | None = None
        self._owner: Owner | None = None
        self._options = Options(dsn=dsn, size=size, pooler=pooler, read_only=read_only)
        self._read_only = read_only
        self._outdated = False
        self._arriving: set[int] = set()  # numbers of sessions that are being staged here
        self._renewed = time.monotonic()  # when it was last said of all of them that they are
        self._connections: Connections | None = None

    async def open(self) -> Foundation | None:
        """Connect; see `Store.open`."""
        self._connections = Connections(self._options)
        self._units = Units(self._connections, pooler=self._options.pooler)
        self._appends, self._posting = Appends(self._units), Posting(self._units)
        if self._many:
            listener = None if self._options.pooler else Listener(self._connections)
            self.coordinator = Workers(self._units, listener, self._lifetime)
        if self._sole:
            self._owner = Owner(self._connections)
            await self._owner.take()
        patience, self._units.patience = self._units.patience, 0.0  # whoever starts a program wants to know at once
        if self._many and not self._options.pooler:
            await self._units.view(self._join)
        version = await self._units.view(self._look)
        foundation = await self._units.view(keyring.foundation) if version else None
        self._units.patience = patience
        self._outdated = 0 < version < schema.LATEST
        if foundation is None and self._read_only:
            raise NoStoreYet(f"at {self._connections.place}")
        return foundation

    async def ready(self) -> None:
        """Bring an older schema up to date, and finish what a crash left of an erasure."""
        if self._read_only:
            return
        if self._outdated:
            await self._writing.found(partial(schema.migrate, place=self._connected.place))
        await self.sweep_erased()

    async def found(self, foundation: Foundation, census: Census) -> None:
        """Make the tables and keep the foundation."""
        fill = partial(keyring.found, foundation, census)
        await self._writing.found(partial(schema.create, place=self._connected.place, fill=fill))

    async def close(self) -> None:
        """Finish what is begun and let the connections go."""
        if self._connections is not None:
            self._units.hurry()
            if self.coordinator is not None:
                await self.coordinator.close()
            await self._appends.close()
            await self._posting.close()
            await self._units.close()
            if self._owner is not None:
                await self._owner.release()
            await self._connections.close()

    # -- writing -------------------------------------------------------------------------------

    async def append(
        self, update: HeadUpdate, message: MessageRow, entries: Sequence[EntryRow] = (), mail: Mail | None = None
    ) -> None:
        """Store one message and the new head of its session."""
        _ = self._writing
        await self._appends.put(Wanted(update, message, tuple(entries), mail))

    async def commit(self, changes: Sequence[Change], recount: Recount | None = None, mail: Mail | None = None) -> None:
        """Apply changes to several sessions as one unit of work."""
        await self._writing.write(partial(apply, tuple(changes), recount, mail))

    async def stage(
        self, messages: Sequence[MessageRow], entries: Sequence[EntryRow] = (), arrivals: Sequence[ArrivalRow] = ()
    ) -> None:
        """Store pieces of sessions that nobody sees yet."""
        numbers = {number_of(message.id) for message in messages}
        numbers |= {number_of(entry.id) for entry in entries} | {arrival.number for arrival in arrivals}
        self._arriving |= numbers
        began = time.monotonic()
        if renews := began - self._renewed > RENEWED:
            numbers = self._arriving
        await self._writing.write(
            partial(arrived.stage, sorted(numbers), tuple(messages), tuple(entries), tuple(arrivals))
        )
        if renews:
            self._renewed = began

    async def land(self, numbers: Sequence[int], recount: Recount, mail: Mail | None = None) -> None:
        """Let staged sessions be seen."""
        await self._writing.write(partial(arrived.land, tuple(numbers), recount, mail))
        self._arriving.difference_update(numbers)

    async def abandon(self, numbers: Sequence[int]) -> None:
        """Remove what was staged."""
        await self._writing.write(partial(arrived.give_up, tuple(numbers)))
        self._arriving.difference_update(numbers)
        await self.sweep_erased()

    async def set_aside(self, number: int, status: str) -> None:
        """Give a session that does not open a status that is not current."""
        await self._writing.write(lambda connection: connection.execute(_ASIDE, status, number))

    async def put_preference(
        self, row: PreferenceRow, recount: Recount, mail: Mail | None = None, *, after: int | None = None
    ) -> None:
        """Insert or replace a preference."""

        async def job(connection: Connection) -> None:
            if not await connection.fetch(_PUT_PREFERENCE, *row, row.revision - 1 if after is None else after):
                raise StaleSession("another writer changed this preference first")
            await post.put(mail, connection, recount)

        await self._writing.write(job)

    async def receive(self, letters: Sequence[LetterRow], counted: Callable[[Census], Recount]) -> list[bool]:
        """Store the letters that are new."""
        lanes = () if self.coordinator is None else self.coordinator.lanes
        return await self._writing.write(partial(post.receive, tuple(letters), counted, lanes))

    async def post(self, mail: Mail) -> None:
        """Store letters and parcels."""
        _ = self._writing
        await self._posting.put(mail)

    async def last_mail(self) -> int:
        """Give the highest id of letters and parcels there are."""
        return int((await self._reading.only(reading.LAST_MAIL))[0])

    async def forget_mail(self, before: int, counted: Callable[[Census], Recount]) -> int:
        """Remove what is done with."""
        return await self._writing.write(partial(post.forget, before, counted))

    async def erase_sessions(
        self,
        numbers: Sequence[int],
        recount: Recount,
        mail: Mail | None = None,
        *,
        readers: Collection[int] | None = None,
        versions: Mapping[int, int] | None = None,
    ) -> None:
        """Destroy the wrapped keys and the session rows."""
        job = partial(erasing.erase, tuple(numbers), recount, mail, readers=readers, versions=versions)
        await self._writing.write(job)

    async def sweep_erased(self) -> int:
        """Remove the remaining rows of erased sessions; of the log see `sessions.postgres.erasing`."""
        found = [number for (number,) in await self._writing.fetch(erasing.GONE)]
        left, removed = [number for number in found if number not in self._arriving], 0
        while left:
            done = await asyncio.gather(
                *(self._writing.write(partial(erasing.erase_batch, number)) for number in left[: self._options.size])
            )
            removed += sum(done)
            again = [number for number, count in zip(left, done, strict=False) if count == erasing.BATCH]
            left = again + left[self._options.size :]
        return removed

    async def forget_log(self) -> None:
        """Do nothing: no client can empty PostgreSQL's log; see `sessions.postgres.erasing`."""

    async def compact(self) -> tuple[int, int]:
        """Have the space of removed rows used again, and given back where it is at the end of a table."""
        await self._writing.only("SELECT 1")
        before = int((await self._reading.only(reading.SIZE))[0])
        await self._vacuum()
        return before, int((await self._reading.only(reading.SIZE))[0])

    async def next_number(self) -> int:
        """Give a session number that was never used."""
        return (await self.next_numbers(1))[0]

    async def next_numbers(self, count: int) -> Sequence[int]:
        """Give as many of them, in ascending order."""
        numbers = "SELECT array_agg(nextval('palaver.session_number')) FROM generate_series(1, $1::int)"
        return sorted((await self._writing.only(numbers, count))[0])

    # -- keys ----------------------------------------------------------------------------------

    async def foundation(self) -> Foundation:
        """Give the keyring and the installation's own keys."""
        return await self._reading.view(keyring.foundation)

    async def put_keyring(
        self, rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None = None
    ) -> None:
        """Insert or replace rows of the keyring and the installation's own keys."""
        await self._writing.write(partial(keyring.put_keyring, tuple(rows), dict(secrets), mail))

    async def retire_key(self, kid: bytes, mail: Mail | None = None) -> int:
        """Remove a key that wraps nothing."""
        return await self._writing.write(partial(keyring.retire, kid, mail))

    async def wrapped_keys(self, after: int, limit: int, *, but: bytes | None = None) -> list[WrappedKey]:
        """Page through the data keys of sessions."""
        return [WrappedKey(*row) for row in await self._reading.fetch(keyring.WRAPPED, after, but, limit)]

    async def count_wrapped(self) -> Counter[bytes]:
        """Count the data keys of sessions by the master key that wraps them."""
        rows = await self._long(keyring.COUNT_WRAPPED)
        return Counter({bytes(kid): int(many) for kid, many in rows})

    async def rewrap(self, changes: Sequence[Rewrap]) -> int:
        """Replace wrapped keys."""
        return await self._writing.write(partial(keyring.rewrap, tuple(changes)))

    async def reseal(self, change: Resealing) -> int:
        """Put a session and all its records under another data key."""
        return await self._writing.write(partial(reseal, change))

    # -- reading -------------------------------------------------------------------------------

    async def census(self) -> Census:
        """Give the sealed counts."""
        rows = await self._reading.fetch(counts.READ)
        if not rows:
            raise Tampered("the census of the store")
        return Census(*rows[0])

    async def count_rows(self) -> Census:
        """Count the rows there really are."""
        (found,) = await self._long(counts.COUNT_ROWS)
        return Census(b"", *map(int, found))

    async def versions(self, ids: Sequence[str]) -> dict[str, int]:
        """Give the versions of those of these sessions that are there."""
        sql = "SELECT id, version FROM palaver.session WHERE id = ANY($1::text[])"
        return {row[0]: row[1] for row in await self._reading.fetch(sql, list(ids))}

    async def session(self, session_id: str) -> SessionRow | None:
        """Find a session by its id."""
        return _one(await self.sessions_by_id([session_id]))

    async def session_by_number(self, number: int) -> SessionRow | None:
        """Find a session by its number."""
        return _one(await self._sessions("WHERE number = $1", number))

    async def current(self, key_idx: bytes) -> SessionRow | None:
        """Find the current session of a key."""
        return _one(reading.session_rows(await self._reading.fetch(reading.CURRENT, key_idx)))

    async def sessions_of_key(self, key_idx: bytes) -> list[SessionRow]:
        """List the sessions a key ever had."""
        return await self._sessions("WHERE key_idx = $1 ORDER BY number DESC", key_idx)

    async def sessions_of_owner(self, owner_idx: bytes) -> list[SessionRow]:
        """List everything that belongs to a person."""
        return await self._sessions("WHERE owner_idx = $1 ORDER BY number DESC", owner_idx)

    async def sessions_after(self, number: int, limit: int) -> list[SessionRow]:
        """Page through all sessions by number."""
        return await self._sessions("WHERE number > $1 ORDER BY number LIMIT $2", number, limit)

    async def sessions_by_number(self, numbers: Sequence[int]) -> list[SessionRow]:
        """Give those of these sessions that are there."""
        return await self._sessions("WHERE number = ANY($1::bigint[])", list(numbers))

    async def sessions_by_id(self, ids: Sequence[str]) -> list[SessionRow]:
        """Give those of these sessions that are there."""
        possible = [session_id for session_id in ids if "\0" not in session_id]  # which is no text to PostgreSQL
        return await self._sessions("WHERE id = ANY($1::text[])", possible)

    async def sessions_with_prefix(self, prefix: str, limit: int) -> list[SessionRow]:
        """Give sessions whose id begins so."""
        if "\0" in prefix:
            return []
        found = await self._reading.fetch(reading.WITH_PREFIX, prefix, f"{prefix}\U0010ffff", limit)
        return reading.session_rows(found)

    async def numbers(
        self,
        order: Order,
        *,
        descending: bool,
        status: str | None,
        since: int | None,
        until: int | None,
        limit: int | None,
    ) -> list[int]:
        """Give the numbers of all sessions in an order."""
        sql, values = reading.sorted_numbers(
            order, descending=descending, status=status, since=since, until=until, limit=limit
        )
        return [row[0] for row in await self._reading.fetch(sql, *values)]

    async def ids(self) -> dict[int, str]:
        """Give the id of every session."""
        return {row[0]: row[1] for row in await self._long("SELECT number, id FROM palaver.session")}

    async def count_messages(self) -> list[tuple[int, int, int, int]]:
        """Count stored messages by session, day and role."""
        return [(number, day, role, count) for number, day, role, count in await self._long(reading.COUNT_MESSAGES)]

    async def due(self, until_ms: int, limit: int) -> list[SessionRow]:
        """List current sessions whose reset is due."""
        return reading.session_rows(await self._reading.fetch(reading.DUE, until_ms, limit))

    async def journal(self, number: int) -> list[EntryRow]:
        """Read a session's journal."""
        return [EntryRow(*row) for row in await self._reading.fetch(reading.JOURNAL, number)]

    async def messages(
        self, first: int, last: int, limit: int, *, newest: bool, kept: bool = False
    ) -> list[MessageFields]:
        """Read records of a range of ids."""
        sql, values = reading.ranged(first, last, newest=newest, kept=kept)
        rows: list[MessageFields] = [tuple(row) for row in await self._reading.fetch(sql, *values, limit)]
        if newest:
            rows.reverse()
        return rows

    async def strays(self, number: int, stored: int, entries: int) -> int:
        """Count the records of a session at positions that it does not have."""
        return int((await self._long(reading.STRAYS, number, stored, entries))[0][0])

    async def orphans(self) -> int:
        """Count the records that belong to no session, and the sessions that are marked as erased."""
        return int((await self._long(reading.ORPHANS))[0][0])

    async def readers_of(self, number: int) -> list[int]:
        """List the sessions that read messages of this one."""
        return [
            row[0] for row in await self._reading.fetch("SELECT reader FROM palaver.lineage WHERE source = $1", number)
        ]

    async def sources_of(self, number: int) -> list[int]:
        """List the sessions whose messages this one reads."""
        return [
            row[0] for row in await self._reading.fetch("SELECT source FROM palaver.lineage WHERE reader = $1", number)
        ]

    async def letters(self, channel: bytes) -> list[LetterRow]:
        """List unfinished letters."""
        where = " WHERE channel = $1 AND state < 3 ORDER BY id"
        return [LetterRow(*row) for row in await self._reading.fetch(post.LETTERS + where, channel)]

    async def parcels(self, channel: bytes) -> list[ParcelRow]:
        """List unsent parcels."""
        where = " WHERE channel = $1 AND sent < 1048576 ORDER BY id"
        return [ParcelRow(*row) for row in await self._reading.fetch(post.PARCELS + where, channel)]

    async def all_mail(self) -> tuple[list[LetterRow], list[ParcelRow]]:
        """List all letters and parcels."""
        letters, parcels = await self._long(post.LETTERS), await self._long(post.PARCELS)
        return [LetterRow(*row) for row in letters], [ParcelRow(*row) for row in parcels]

    async def preference(self, idx: bytes) -> PreferenceRow | None:
        """Find a preference."""
        found = await self.preferences_among([idx])
        return found[0] if found else None

    async def preferences_among(self, idxs: Sequence[bytes]) -> list[PreferenceRow]:
        """Give those of these preferences that are there."""
        rows = await self._reading.fetch(reading.PREFERENCE + " WHERE idx = ANY($1::bytea[])", list(idxs))
        return [PreferenceRow(*row) for row in rows]

    async def audit(self, after: int, limit: int) -> list[AuditRow]:
        """Page through the audit."""
        where = " WHERE number > $1 ORDER BY number LIMIT $2"
        return [AuditRow(*row) for row in await self._reading.fetch(post.READ_AUDIT + where, after, limit)]

    async def newest_audit(self, limit: int) -> list[AuditRow]:
        """Give the newest entries of the audit."""
        order = " ORDER BY number DESC LIMIT $1"
        return [AuditRow(*row) for row in await self._reading.fetch(post.READ_AUDIT + order, limit)]

    async def preferences(self) -> list[PreferenceRow]:
        """List all preferences."""
        return [PreferenceRow(*row) for row in await self._long(reading.PREFERENCE)]

    # -- inside --------------------------------------------------------------------------------

    @property
    def _connected(self) -> Connections:
        if self._connections is None:
            raise StoreError("the store is not open")
        return self._connections

    @property
    def _reading(self) -> Units:
        _ = self._connected
        return self._units

    @property
    def _writing(self) -> Units:
        if self._read_only:
            raise StoreReadOnly("this program only reads the store")
        if self._owner is not None:
            self._owner.check()
        return self._reading

    async def _sessions(self, where: str, *values: Value) -> list[SessionRow]:
        return reading.session_rows(await self._reading.fetch(reading.SESSION + where, *values))

    async def _long(self, sql: str, *values: int) -> list[Row]:
        """Run a statement that may go through everything there is."""
        return await self._reading.view(lambda connection: connection.fetch(sql, *values))

    async def _look(self, connection: Connection) -> int:
        """Look, without writing, what the database is."""
        ((setting,),) = await connection.fetch("SELECT current_setting('synchronous_commit')")
        if setting == "off":  # behind a pooler it is the server that decides
            raise StoreError(
                f"synchronous_commit is off at {self._connected.place}, so what is stored may be lost;"
                " set it to on for the user of the store, with ALTER ROLE"
            )
        return await schema.found_version(connection, self._connected.place)

    async def _join(self, connection: Connection) -> None:
        """See to it that no program has the store for itself. Raises `StoreHeld`."""
        await share_lock(connection, self._connected.place)
        await connection.fetch("SELECT pg_advisory_unlock_shared($1::int, $2::int)", *KEY)

    async def _vacuum(self) -> None:
        async def job() -> None:
            connection = await self._connected.connect(statement_timeout="0")
            try:
                for table in _TABLES:
                    await connection.execute(f"VACUUM (ANALYZE) palaver.{table}")
            finally:
                await connection.close(timeout=5)

        await self._writing.start(job())


def _one(rows: list[SessionRow]) -> SessionRow | None:
    return rows[0] if rows else None
