"""SqliteStore: the Store on one SQLite file, or in memory."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path

from sessions.coordination import Coordinator
from sessions.errors import NoStoreYet, StaleSession, StoreError, StoreReadOnly, Tampered
from sessions.records import (
    MAX_NUMBER,
    MAX_SEQUENCE,
    SEQUENCE_BITS,
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
    record_id,
)
from sessions.sqlite import arrivals as arrived
from sessions.sqlite import counts, keyring, post, schema
from sessions.sqlite.changes import COLUMNS, append_rows, apply, check_unchanged, enter
from sessions.sqlite.files import OwnerLock, is_there, prepare, tighten
from sessions.sqlite.ranges import RangeReader
from sessions.sqlite.readers import EarlyReader, PooledReader, Reader, WriterReader
from sessions.sqlite.resealing import reseal
from sessions.sqlite.writer import Writer, translate
from sessions.store import Order, Recount
from sessions.undisturbed import undisturbed

SYNCHRONOUS = "FULL"  # NORMAL loses acknowledged commits in a power cut
BUSY_SECONDS = 5  # a lock that somebody else holds is waited for this long
DAY_MS = 86_400_000
ERASE_BATCH, ERASE_TOGETHER = 2_000, 16  # rows of so many sessions in one transaction: erasing never blocks the chat

_SESSION = f"SELECT {', '.join(COLUMNS)} FROM session "
_SORTED: dict[Order, str] = {
    "last_activity_at": "last_activity_at",
    "message_count": "message_count",
    "tokens": "input_tokens + output_tokens",
}
# Positions are the lower 24 bits of an id, the session's number is above them.
_STRAYS = "SELECT count(*) FROM {} WHERE id BETWEEN ? AND ? AND id & 0xFFFFFF NOT BETWEEN 1 AND ?"
_OWNED = "(SELECT number FROM session UNION SELECT number FROM erasure)"
_GONE = (
    f"SELECT number FROM erasure WHERE number BETWEEN 0 AND {MAX_NUMBER}"
    " AND number NOT IN (SELECT number FROM session) ORDER BY number DESC"
)
_HIGHEST = (
    f"SELECT max((SELECT coalesce(max(number), 0) FROM session WHERE number < {MAX_NUMBER}),"
    f" (SELECT coalesce(max(number), 0) FROM erasure WHERE number < {MAX_NUMBER}))"
)
_LAST_MAIL = "SELECT max((SELECT coalesce(max(id), 0) FROM letter), (SELECT coalesce(max(id), 0) FROM parcel))"
_ORPHANS = (
    f"SELECT (SELECT count(*) FROM message WHERE id >> 24 NOT IN {_OWNED})"
    f" + (SELECT count(*) FROM journal WHERE id >> 24 NOT IN {_OWNED})"
    " + (SELECT count(*) FROM lineage WHERE reader NOT IN (SELECT number FROM session))"
    " + (SELECT count(*) FROM session JOIN erasure USING (number))"
)
_PUT_PREFERENCE = (
    "INSERT INTO preference VALUES (?, ?, ?) ON CONFLICT (idx) DO UPDATE"
    " SET revision = excluded.revision, body = excluded.body WHERE preference.revision = ?"
)


class SqliteStore:
    """One file in WAL mode with `synchronous=FULL`, one writing thread, two read-only connections.

    `path` None keeps everything in memory. `read_only` takes no lock and works beside a running owner.
    """

    coordinator: Coordinator | None = None  # one program writes to a file

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._lock: OwnerLock | None = None
        self._next_number, self._last_mail = 1, 0
        self._untouched, self._outdated, self._unswept = True, False, False
        self._arriving: set[int] = set()  # numbers of sessions that are being staged
        self._written: Writer | None = None
        self._reading: Reader | None = None

    async def open(self) -> Foundation | None:
        """Connect; see `Store.open`."""
        if self._read_only:
            return await self._open_read_only()
        if self._path is not None:
            self._lock = OwnerLock(self._path)
            if not is_there(self._path):
                prepare(self._path)  # the folder must be there for the lock
            self._lock.take()
            prepare(self._path)
        try:
            self._written = Writer(partial(_connect, self._path), append_rows)
            early = WriterReader(self._written)
            self._read_through(early if self._path is None else EarlyReader(early, PooledReader(self._path)))
            return await self._written.start(self._opening)
        except BaseException:
            await self._reader.close()
            self._release()
            raise

    async def ready(self) -> None:
        """Bring an older schema up to date, and finish what a crash left of an erasure."""
        if self._read_only:
            return
        self._untouched = False
        if self._path is not None:
            tighten(self._path)
        if self._outdated:
            await self._writer.run(schema.migrate)
        if self._unswept:
            await self.sweep_erased()

    async def found(self, foundation: Foundation, census: Census) -> None:
        """Make the tables and keep the foundation."""
        if self._read_only:
            raise NoStoreYet(f"at {self._path}")
        self._untouched = False
        fill = partial(_found, foundation, census)
        await self._writer.run(lambda connection: schema.create(connection, fill))

    async def close(self) -> None:
        """Write back and let go, to the end also when that is cancelled: a thread must not outlive the event loop."""
        _, cancelled = await undisturbed(self._close())
        if cancelled:
            raise asyncio.CancelledError

    async def _close(self) -> None:
        """Close the readers, empty the log, close the writer.

        A store whose key did not fit is left byte for byte as it was: a second connection keeps SQLite
        from folding the log into the file when the writing one closes.
        """
        if self._reading is not None:
            await self._reading.close()
        guard = None
        if self._untouched and self._path is not None and self._written is not None:
            guard = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
            with contextlib.suppress(sqlite3.Error):  # no database at all, or one that can not be read
                guard.execute("PRAGMA schema_version").fetchone()
        try:
            if self._written is not None:
                try:
                    await self._empty_log_at_last(self._written)
                finally:
                    await self._written.stop()
        finally:
            if guard is not None:
                guard.close()
            self._release()

    # -- writing -------------------------------------------------------------------------------

    async def append(
        self, update: HeadUpdate, message: MessageRow, entries: Sequence[EntryRow] = (), mail: Mail | None = None
    ) -> None:
        """Store one message and the new head of its session."""
        if not entries and mail is None:
            await self._writer.put((*update, *message))
            return

        def job(connection: sqlite3.Connection) -> None:
            append_rows(connection, [(*update, *message)])
            enter(entries, connection)
            post.put(mail, connection)

        await self._writer.submit(job)

    async def commit(self, changes: Sequence[Change], recount: Recount | None = None, mail: Mail | None = None) -> None:
        """Apply changes to several sessions as one unit of work."""
        await self._writer.submit(partial(apply, tuple(changes), recount, mail))

    async def stage(
        self, messages: Sequence[MessageRow], entries: Sequence[EntryRow] = (), arrivals: Sequence[ArrivalRow] = ()
    ) -> None:
        """Store pieces of sessions that nobody sees yet."""
        numbers = sorted(
            {message[0] >> SEQUENCE_BITS for message in messages}
            | {number_of(entry.id) for entry in entries}
            | {arrival.number for arrival in arrivals}
        )
        self._arriving.update(numbers)
        await self._writer.submit(partial(arrived.stage, numbers, messages, entries, arrivals))

    async def land(self, numbers: Sequence[int], recount: Recount, mail: Mail | None = None) -> None:
        """Let staged sessions be seen."""
        await self._writer.submit(partial(arrived.land, numbers, recount, mail))
        self._arriving.difference_update(numbers)

    async def abandon(self, numbers: Sequence[int]) -> None:
        """Remove what was staged, also what is on its way still."""
        await self._writer.submit(lambda connection: None)
        self._arriving.difference_update(numbers)
        await self.sweep_erased()

    async def set_aside(self, number: int, status: str) -> None:
        """Give a session that does not open a status that is not current."""
        sql = "UPDATE session SET status = ?, next_reset_at = NULL WHERE number = ?"
        await self._writer.submit(lambda connection: connection.execute(sql, (status, number)).rowcount)

    async def put_preference(
        self, row: PreferenceRow, recount: Recount, mail: Mail | None = None, *, after: int | None = None
    ) -> None:
        """Insert or replace a preference."""

        def job(connection: sqlite3.Connection) -> None:
            expected = row.revision - 1 if after is None else after
            if connection.execute(_PUT_PREFERENCE, (*row, expected)).rowcount != 1:
                raise StaleSession("another writer changed this preference first")
            counts.count_anew(recount, connection)
            post.put(mail, connection)

        await self._writer.submit(job)

    async def receive(self, letters: Sequence[LetterRow], counted: Callable[[Census], Recount]) -> list[bool]:
        """Store the letters that are new."""
        return await self._writer.submit(partial(post.receive, letters, counted))

    async def post(self, mail: Mail) -> None:
        """Store letters and parcels."""
        await self._writer.submit(partial(post.put, mail))

    async def last_mail(self) -> int:
        """Give the highest id of letters and parcels."""
        return self._last_mail

    async def forget_mail(self, before: int, counted: Callable[[Census], Recount]) -> int:
        """Remove what is done with."""
        return await self._writer.submit(partial(post.forget, before, counted))

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

        def job(connection: sqlite3.Connection) -> None:
            check_unchanged(numbers, readers, versions or {}, connection)
            keyring.empty_log_later(connection)
            for number in numbers:
                connection.execute("INSERT OR IGNORE INTO erasure VALUES (?)", (number,))
                connection.execute("DELETE FROM session WHERE number = ?", (number,))
                connection.execute("DELETE FROM lineage WHERE source = ? OR reader = ?", (number, number))
            counts.count_anew(recount, connection)
            post.put(mail, connection)

        await self._writer.submit(job)

    async def sweep_erased(self) -> int:
        """Remove the remaining rows of erased sessions and empty the log."""
        removed = 0
        numbers = [number for (number,) in await self._reader.fetch(_GONE) if number not in self._arriving]
        gone = [number for number in numbers if number]
        for start in range(0, len(gone), ERASE_TOGETHER):
            removed += await self._sweep(gone[start : start + ERASE_TOGETHER])
        if numbers:
            await self._empty_log()
        return removed

    async def _sweep(self, numbers: Sequence[int]) -> int:
        """Remove what is left of some sessions, side by side: many small ones share their commits."""
        removed, left = 0, list(numbers)
        while left:
            counts = await asyncio.gather(*(self._writer.submit(partial(_erase_batch, number)) for number in left))
            removed += sum(counts)
            left = [number for number, count in zip(left, counts, strict=True) if count == ERASE_BATCH]
        return removed

    async def forget_log(self) -> None:
        """Remove every trace of what was replaced from the log."""
        await self._writer.submit(keyring.empty_log_later)
        await self.sweep_erased()

    async def compact(self) -> tuple[int, int]:
        """Write the file anew without what is free in it."""
        sizes = await self._writer.run(_vacuum)
        await self.forget_log()
        return sizes

    async def next_number(self) -> int:
        """Give a session number that was never used."""
        return (await self.next_numbers(1))[0]

    async def next_numbers(self, count: int) -> Sequence[int]:
        """Give as many of them, in ascending order."""
        first = self._next_number
        self._next_number += count
        return range(first, self._next_number)

    # -- keys ----------------------------------------------------------------------------------

    async def foundation(self) -> Foundation:
        """Give the keyring and the installation's own keys."""
        return await keyring.foundation(self._reader)

    async def put_keyring(
        self, rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None = None
    ) -> None:
        """Insert or replace rows of the keyring and the installation's own keys."""
        await self._writer.submit(partial(keyring.put_keyring, tuple(rows), dict(secrets), mail))

    async def retire_key(self, kid: bytes, mail: Mail | None = None) -> int:
        """Remove a key that wraps nothing, and empty the log."""
        if kept := await self._writer.submit(partial(keyring.retire, kid, mail)):
            return kept
        await self.sweep_erased()
        return 0

    async def wrapped_keys(self, after: int, limit: int, *, but: bytes | None = None) -> list[WrappedKey]:
        """Page through the data keys of sessions."""
        return await keyring.wrapped_keys(self._reader, after, limit, but)

    async def count_wrapped(self) -> Counter[bytes]:
        """Count the data keys of sessions by the master key that wraps them."""
        return await keyring.count_wrapped(self._reader)

    async def rewrap(self, changes: Sequence[Rewrap]) -> int:
        """Replace wrapped keys."""
        return await self._writer.submit(partial(keyring.rewrap, tuple(changes)))

    async def reseal(self, change: Resealing) -> int:
        """Put a session and all its records under another data key."""
        return await self._writer.submit(partial(reseal, change))

    # -- reading -------------------------------------------------------------------------------

    async def census(self) -> Census:
        """Give the sealed counts."""
        rows = await self._reader.fetch(counts.READ)
        if not rows:
            raise Tampered("the census of the store")
        return Census(*rows[0])

    async def count_rows(self) -> Census:
        """Count the rows there really are."""
        (found,) = await self._reader.fetch(counts.COUNT_ROWS)
        return Census(b"", *map(int, found))

    async def versions(self, ids: Sequence[str]) -> dict[str, int]:
        """Give the versions of those of these sessions that are there."""
        return {row.id: row.version for row in await self.sessions_by_id(ids)}

    async def session(self, session_id: str) -> SessionRow | None:
        """Find a session by its id."""
        return _one(await self._reader.fetch(_SESSION + "WHERE id = ?", (session_id,)))

    async def session_by_number(self, number: int) -> SessionRow | None:
        """Find a session by its number."""
        return _one(await self._reader.fetch(_SESSION + "WHERE number = ?", (number,)))

    async def current(self, key_idx: bytes) -> SessionRow | None:
        """Find the current session of a key."""
        where = "WHERE key_idx = ? AND status IN ('active', 'error')"
        return _one(await self._reader.fetch(_SESSION + where, (key_idx,)))

    async def sessions_of_key(self, key_idx: bytes) -> list[SessionRow]:
        """List the sessions a key ever had."""
        rows = await self._reader.fetch(_SESSION + "WHERE key_idx = ? ORDER BY number DESC", (key_idx,))
        return [SessionRow(*row) for row in rows]

    async def sessions_of_owner(self, owner_idx: bytes) -> list[SessionRow]:
        """List everything that belongs to a person."""
        rows = await self._reader.fetch(_SESSION + "WHERE owner_idx = ? ORDER BY number DESC", (owner_idx,))
        return [SessionRow(*row) for row in rows]

    async def sessions_after(self, number: int, limit: int) -> list[SessionRow]:
        """Page through all sessions by number."""
        rows = await self._reader.fetch(_SESSION + "WHERE number > ? ORDER BY number LIMIT ?", (number, limit))
        return [SessionRow(*row) for row in rows]

    async def sessions_by_number(self, numbers: Sequence[int]) -> list[SessionRow]:
        """Give those of these sessions that are there."""
        where = f"WHERE number IN ({', '.join('?' * len(numbers))})"
        return [SessionRow(*row) for row in await self._reader.fetch(_SESSION + where, tuple(numbers))]

    async def sessions_by_id(self, ids: Sequence[str]) -> list[SessionRow]:
        """Give those of these sessions that are there."""
        where = f"WHERE id IN ({', '.join('?' * len(ids))})"
        return [SessionRow(*row) for row in await self._reader.fetch(_SESSION + where, tuple(ids))]

    async def sessions_with_prefix(self, prefix: str, limit: int) -> list[SessionRow]:
        """Give sessions whose id begins so."""
        where = "WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
        bounds = (prefix, f"{prefix}\U0010ffff", limit)
        return [SessionRow(*row) for row in await self._reader.fetch(_SESSION + where, bounds)]

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
        conditions = {"status = ?": status, "last_activity_at >= ?": since, "last_activity_at < ?": until}
        asked = {sql: value for sql, value in conditions.items() if value is not None}
        where = f"WHERE {' AND '.join(asked)}" if asked else ""
        way = "DESC" if descending else "ASC"
        sql = f"SELECT number FROM session {where} ORDER BY {_SORTED[order]} {way}, number {way} LIMIT ?"
        return [row[0] for row in await self._reader.fetch(sql, (*asked.values(), -1 if limit is None else limit))]

    async def ids(self) -> dict[int, str]:
        """Give the id of every session."""
        return dict(await self._reader.fetch("SELECT number, id FROM session"))

    async def count_messages(self) -> list[tuple[int, int, int, int]]:
        """Count stored messages by session, day and role."""
        day = f"CASE WHEN at < 0 THEN -1 ELSE at / {DAY_MS} END AS day"  # a division alone would make 0 of -1
        sql = f"SELECT id >> 24 AS number, {day}, role, count(*) FROM message GROUP BY number, day, role"
        return await self._reader.fetch(sql)

    async def due(self, until_ms: int, limit: int) -> list[SessionRow]:
        """List current sessions whose reset is due."""
        where = "WHERE next_reset_at <= ? AND next_reset_at IS NOT NULL ORDER BY next_reset_at LIMIT ?"
        return [SessionRow(*row) for row in await self._reader.fetch(_SESSION + where, (until_ms, limit))]

    async def journal(self, number: int) -> list[EntryRow]:
        """Read a session's journal."""
        bounds = (record_id(number, 0), record_id(number, MAX_SEQUENCE))
        rows = await self._reader.fetch(
            "SELECT id, kind, at, body FROM journal WHERE id BETWEEN ? AND ? ORDER BY id", bounds
        )
        return [EntryRow(*row) for row in rows]

    async def messages(
        self, first: int, last: int, limit: int, *, newest: bool, kept: bool = False
    ) -> list[MessageFields]:
        """Read records of a range of ids."""
        return await self._ranges.read(first, last, limit, newest=newest, kept=kept)

    async def strays(self, number: int, stored: int, entries: int) -> int:
        """Count the records of a session at positions that it does not have."""
        bounds = (record_id(number, 0), record_id(number, MAX_SEQUENCE))
        messages = await self._reader.fetch(_STRAYS.format("message"), (*bounds, stored))
        journal = await self._reader.fetch(_STRAYS.format("journal"), (*bounds, entries))
        return int(messages[0][0] + journal[0][0])

    async def orphans(self) -> int:
        """Count the records that belong to no session, and the sessions that are marked as erased."""
        return int((await self._reader.fetch(_ORPHANS))[0][0])

    async def readers_of(self, number: int) -> list[int]:
        """List the sessions that read messages of this one."""
        rows = await self._reader.fetch("SELECT reader FROM lineage WHERE source = ?", (number,))
        return [row[0] for row in rows]

    async def sources_of(self, number: int) -> list[int]:
        """List the sessions whose messages this one reads."""
        rows = await self._reader.fetch("SELECT source FROM lineage WHERE reader = ?", (number,))
        return [row[0] for row in rows]

    async def letters(self, channel: bytes) -> list[LetterRow]:
        """List unfinished letters."""
        rows = await self._reader.fetch("SELECT * FROM letter WHERE channel = ? AND state < 3 ORDER BY id", (channel,))
        return [LetterRow(*row) for row in rows]

    async def parcels(self, channel: bytes) -> list[ParcelRow]:
        """List unsent parcels."""
        rows = await self._reader.fetch(
            "SELECT * FROM parcel WHERE channel = ? AND sent < 1048576 ORDER BY id", (channel,)
        )
        return [ParcelRow(*row) for row in rows]

    async def all_mail(self) -> tuple[list[LetterRow], list[ParcelRow]]:
        """List all letters and parcels."""
        letters = await self._reader.fetch("SELECT * FROM letter")
        parcels = await self._reader.fetch("SELECT * FROM parcel")
        return [LetterRow(*row) for row in letters], [ParcelRow(*row) for row in parcels]

    async def preference(self, idx: bytes) -> PreferenceRow | None:
        """Find a preference."""
        rows = await self._reader.fetch("SELECT idx, revision, body FROM preference WHERE idx = ?", (idx,))
        return PreferenceRow(*rows[0]) if rows else None

    async def preferences_among(self, idxs: Sequence[bytes]) -> list[PreferenceRow]:
        """Give those of these preferences that are there."""
        sql = f"SELECT idx, revision, body FROM preference WHERE idx IN ({', '.join('?' * len(idxs))})"
        return [PreferenceRow(*row) for row in await self._reader.fetch(sql, tuple(idxs))]

    async def audit(self, after: int, limit: int) -> list[AuditRow]:
        """Page through the audit."""
        where = " WHERE number > ? ORDER BY number LIMIT ?"
        return [AuditRow(*row) for row in await self._reader.fetch(post.READ_AUDIT + where, (after, limit))]

    async def newest_audit(self, limit: int) -> list[AuditRow]:
        """Give the newest entries of the audit."""
        order = " ORDER BY number DESC LIMIT ?"
        return [AuditRow(*row) for row in await self._reader.fetch(post.READ_AUDIT + order, (limit,))]

    async def preferences(self) -> list[PreferenceRow]:
        """List all preferences."""
        return [PreferenceRow(*row) for row in await self._reader.fetch("SELECT idx, revision, body FROM preference")]

    # -- inside --------------------------------------------------------------------------------

    @property
    def _writer(self) -> Writer:
        if self._written is None:
            if self._read_only:
                raise StoreReadOnly("this program only reads the store; the one that owns it can write")
            raise StoreError("the store is not open")
        return self._written

    @property
    def _reader(self) -> Reader:
        if self._reading is None:
            raise StoreError("the store is not open")
        return self._reading

    def _read_through(self, reader: Reader) -> None:
        self._reading, self._ranges = reader, RangeReader(reader)

    async def _open_read_only(self) -> Foundation | None:
        if self._path is None or not is_there(self._path):
            raise NoStoreYet(f"at {self._path}")

        def look(path: Path) -> Foundation | None:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            try:
                version = schema.found_version(connection, str(path))
                return keyring.foundation_of(connection) if version else None
            except sqlite3.Error as error:
                raise translate(error) from None
            finally:
                connection.close()

        foundation = look(self._path)
        self._read_through(PooledReader(self._path))
        return foundation

    def _opening(self, connection: sqlite3.Connection) -> Foundation | None:
        """Look, without writing, what the file is."""
        version = schema.found_version(connection, str(self._path or "the store"))
        if version == 0:
            return None
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()  # a copy made by VACUUM INTO has lost it
        self._outdated = version < schema.LATEST or mode != "wal"
        self._next_number = connection.execute(_HIGHEST).fetchone()[0] + 1
        self._last_mail = connection.execute(_LAST_MAIL).fetchone()[0]
        self._unswept = bool(connection.execute("SELECT EXISTS (SELECT 1 FROM erasure)").fetchone()[0])
        return keyring.foundation_of(connection)

    async def _empty_log(self) -> None:
        """Copy the log into the file and truncate it; what a reader still holds is left for the next sweep."""
        await self._writer.run(_empty_log)

    async def _empty_log_at_last(self, writer: Writer) -> None:
        """Try once more what a reader held back: while somebody has the file open its log does not go by itself."""
        if not self._untouched:
            with contextlib.suppress(StoreError):  # then the next start does it
                await writer.run(_empty_log_if_noted)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _connect(path: Path | None) -> sqlite3.Connection:
    """Open the writing connection, in the order in which the settings take effect."""
    target = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        target, uri=path is not None, isolation_level=None, timeout=BUSY_SECONDS, cached_statements=256
    )
    try:
        if path is not None:
            schema.found_version(connection, str(path))  # before the journal mode is written
        for pragma in (
            f"synchronous = {SYNCHRONOUS}",
            "foreign_keys = ON",
            "secure_delete = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "temp_store = MEMORY",
            "journal_size_limit = 67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _found(foundation: Foundation, census: Census, connection: sqlite3.Connection) -> None:
    born = (1, foundation.install_id, foundation.salt, foundation.created_at)
    connection.execute("INSERT INTO installation VALUES (?, ?, ?, ?)", born)
    for row in foundation.keyring:
        connection.execute("INSERT INTO keyring VALUES (?, ?, ?, ?, ?, ?)", astuple(row))
    connection.executemany("INSERT INTO secret VALUES (?, ?)", foundation.secrets.items())
    connection.execute(f"INSERT INTO census VALUES (1, {', '.join('?' * len(census))})", census)


def _empty_log(connection: sqlite3.Connection) -> None:
    busy, *_ = _truncate_log(connection)
    if not busy:  # in one go, or this would take away the note of what was erased in between
        connection.execute("DELETE FROM erasure WHERE number = 0")


def _empty_log_if_noted(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT 1 FROM erasure WHERE number = 0").fetchone():
        _empty_log(connection)


def _truncate_log(connection: sqlite3.Connection) -> tuple[int, int, int]:
    connection.execute("PRAGMA busy_timeout = 100")  # everybody else's messages wait as long as this does
    try:
        busy, frames, copied = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    return busy, frames, copied


def _vacuum(connection: sqlite3.Connection) -> tuple[int, int]:
    """Write the file anew; give its bytes before and after, as if the log were folded in."""
    before = _bytes(connection)
    connection.execute("PRAGMA temp_store = FILE")  # in memory it would take as much as the file has
    try:
        connection.execute("VACUUM")
    finally:
        connection.execute("PRAGMA temp_store = MEMORY")
    return before, _bytes(connection)


def _bytes(connection: sqlite3.Connection) -> int:
    size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    return int(connection.execute(size).fetchone()[0])


def _erase_batch(number: int, connection: sqlite3.Connection) -> int:
    bounds = (record_id(number, 0), record_id(number, MAX_SEQUENCE))
    removed = connection.execute(
        "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE id BETWEEN ? AND ? LIMIT ?)",
        (*bounds, ERASE_BATCH),
    ).rowcount
    if removed < ERASE_BATCH:
        connection.execute("DELETE FROM journal WHERE id BETWEEN ? AND ?", bounds)
        connection.execute("DELETE FROM erasure WHERE number = ?", (number,))
        keyring.empty_log_later(connection)
    return removed


def _one(rows: list[tuple[object, ...]]) -> SessionRow | None:
    return SessionRow(*rows[0]) if rows else None  # type: ignore[arg-type]  # STRICT tables keep the types
