"""Workers: how several programs share the work on one database. See `sessions.coordination`.

A worker that is given up loses its row, and every unit of work locks the row of its worker first. So whoever removes
a row waits for what is under way, and what comes later is refused: no write of a worker happens after another one has
taken over, however long it was held up.
"""
# ruff: noqa: S608  # statements are put together from constants; values are always bound

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from sessions.coordination import Beat, ClaimedLetter, Counted, Membership
from sessions.errors import Fenced, StoreError
from sessions.postgres import keyring, post, reading
from sessions.postgres.connections import Connection, Row
from sessions.postgres.listener import CALL, Listener
from sessions.postgres.rows import only
from sessions.postgres.units import Units
from sessions.records import ALL_SENT, KeyringRow, LetterRow, Mail, ParcelRow, SessionRow

SLOTS: Final = 1024
GOING: Final = 3.0  # seconds for which it is tried to give something back: else it is given up with the worker
_TRIES: Final = 20  # to get a slot while others get theirs
_ENLIST: Final = (
    "INSERT INTO palaver.worker SELECT nextval('palaver.worker_number'), slot, $1,"
    f" clock_timestamp() + $2 * interval '1 ms' FROM generate_series(0, {SLOTS - 1}) AS slot"
    " WHERE slot NOT IN (SELECT slot FROM palaver.worker) ORDER BY slot LIMIT 1"
    " ON CONFLICT (slot) DO NOTHING RETURNING id, slot"
)
_LIVE: Final = (
    "UPDATE palaver.worker SET until = clock_timestamp() + $2 * interval '1 ms' WHERE id = $1"
    " RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
)
# One that is locked is just saying that it is alive, or in the middle of a write: it is looked at again with the next.
_GIVE_UP: Final = (
    "DELETE FROM palaver.worker WHERE id IN"
    " (SELECT id FROM palaver.worker WHERE until < clock_timestamp() AND id <> $1 FOR UPDATE SKIP LOCKED)"
)
_SHARE: Final = "SELECT count(*), count(*) FILTER (WHERE id < $1), bool_or(id = $1) FROM palaver.worker WHERE shares"
_HELD: Final = "SELECT name FROM palaver.lease WHERE holder = $1"
_KNOW: Final = "INSERT INTO palaver.lease SELECT name, 0, 0 FROM unnest($1::text[]) AS name ON CONFLICT DO NOTHING"
_TAKE: Final = (
    "UPDATE palaver.lease AS l SET holder = $1, epoch = epoch + 1 FROM (SELECT name, holder AS before"
    " FROM palaver.lease WHERE name = ANY($2::text[]) AND holder NOT IN (SELECT id FROM palaver.worker)"
    " ORDER BY name LIMIT $3 FOR UPDATE SKIP LOCKED) AS c WHERE l.name = c.name RETURNING l.name, c.before"
)
_RELEASE: Final = "UPDATE palaver.lease SET holder = 0 WHERE holder = $1 AND name = ANY($2::text[])"
_RELEASE_ALL: Final = "UPDATE palaver.lease SET holder = 0 WHERE holder = $1"
_STOPPING: Final = "SELECT session FROM palaver.turn WHERE holder = $1 AND stopping"
_LEFT_TURNS: Final = "DELETE FROM palaver.turn WHERE holder NOT IN (SELECT id FROM palaver.worker)"
_OURS: Final = "channel = $2 AND lane = ANY($3::integer[]) AND holder <> $1"
_LETTERS_WAIT: Final = f"SELECT 1 FROM palaver.letter WHERE {_OURS} AND state < 3 LIMIT 1"
_PARCELS_WAIT: Final = f"SELECT 1 FROM palaver.parcel WHERE {_OURS} AND sent < {ALL_SENT} LIMIT 1"
# A claim may begin long before it is carried out, so it looks itself whose the lanes are, and keeps them from going to
# another worker before its end. Lane 0 goes with the first one.
_LANES: Final = (
    "WITH held AS MATERIALIZED (SELECT lane FROM unnest($3::integer[]) AS lane JOIN palaver.lease"
    " ON name = 'lane/' || greatest(lane, 1) WHERE holder = $1 FOR SHARE OF lease)"
)
_HELD_HERE: Final = "channel = $2 AND lane IN (SELECT lane FROM held) AND holder <> $1"
_CLAIM_LETTERS: Final = (
    f"{_LANES} UPDATE palaver.letter AS l SET holder = $1 FROM (SELECT id, holder AS before FROM palaver.letter"
    f" WHERE {_HELD_HERE} AND state < 3 ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED) AS c"
    " WHERE l.id = c.id RETURNING l.id, l.name, l.channel, l.state, l.attempts, l.body, l.lane, c.before"
)
_CLAIM_PARCELS: Final = (
    f"{_LANES} UPDATE palaver.parcel SET holder = $1 WHERE id IN (SELECT id FROM palaver.parcel"
    f" WHERE {_HELD_HERE} AND sent < {ALL_SENT} ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED)"
    " RETURNING id, channel, sent, body, lane, holder"
)
_DISCLAIM: Final = "SET holder = -1 WHERE holder = $1 AND channel = $2 AND id <> ALL($3::bigint[])"
_DISCLAIM_LETTERS: Final = f"UPDATE palaver.letter {_DISCLAIM} AND state < 3"
_DISCLAIM_PARCELS: Final = f"UPDATE palaver.parcel {_DISCLAIM} AND sent < {ALL_SENT}"
_IS_DUE: Final = (
    "s.next_reset_at <= $1"
    " AND NOT EXISTS (SELECT FROM palaver.claim AS c WHERE c.number = s.number AND c.until >= now())"
    " AND NOT EXISTS (SELECT FROM palaver.turn AS t WHERE t.session = s.id)"
)
_SOME_DUE: Final = f"SELECT 1 FROM palaver.session AS s WHERE {_IS_DUE} LIMIT 1"
_CLAIM_DUE: Final = (
    "INSERT INTO palaver.claim SELECT number, now() + interval '60 s' FROM"
    f" (SELECT s.number FROM palaver.session AS s WHERE {_IS_DUE}"
    " ORDER BY s.next_reset_at LIMIT $2 FOR UPDATE OF s SKIP LOCKED) AS due"
    " ON CONFLICT (number) DO NOTHING RETURNING number"
)
_DUE_ROWS: Final = f"{reading.SESSION}WHERE number = ANY($1::bigint[])"
# Nobody is promised anything by these rows, so they need not be on disk: a crash of the database forgets a turn that
# runs, and what its worker stores is checked against what is there by then.
_LAZILY: Final = "(SELECT set_config('synchronous_commit', 'off', true)) AS lazily"
_TURN: Final = (
    f"INSERT INTO palaver.turn AS t SELECT $2, id, 1, false FROM palaver.worker, {_LAZILY} WHERE id = $1"
    " ON CONFLICT (session) DO UPDATE SET holder = $1, epoch = t.epoch + 1, stopping = false"
    " WHERE t.holder NOT IN (SELECT id FROM palaver.worker) OR t.holder = $1 RETURNING epoch"
)
_END_TURN: Final = f"DELETE FROM palaver.turn USING {_LAZILY} WHERE session = $1 AND holder = $2"
_STOP_TURN: Final = (
    f"UPDATE palaver.turn SET stopping = true FROM {_LAZILY} WHERE session = $1 AND holder <> $2"
    " AND holder IN (SELECT id FROM palaver.worker) RETURNING holder"
)
_RUNNING: Final = (
    "SELECT 1 FROM palaver.turn WHERE session = $1 AND holder <> $2 AND holder IN (SELECT id FROM palaver.worker)"
)


class Workers:
    """This program among the workers of a database."""

    def __init__(self, units: Units, listener: Listener | None, lifetime: float) -> None:
        self._units, self._listener, self.lifetime = units, listener, lifetime
        self._lifetime_ms = round(lifetime * 1000)
        self._id = 0
        self.lanes: tuple[int, ...] = ()

    @property
    def hears(self) -> bool:
        """Tell whether there are calls: a pooler does not pass them on."""
        return self._listener is not None

    @property
    def id(self) -> int:
        """The number of this worker; 0 before it is one."""
        return self._id

    async def enlist(self, *, shares: bool) -> Membership:
        """Become a worker."""
        self.lanes = ()

        async def job(connection: Connection) -> Row | None:
            return await connection.fetchrow(_ENLIST, shares, self._lifetime_ms)

        for _ in range(_TRIES):
            row = await self._units.found(job)  # as nobody: the one it was may have been given up
            if row is not None:  # else another one got the slot
                break
        else:
            raise StoreError(f"this store has {SLOTS} workers, and takes no more")
        member = Membership(*row)
        self._id = self._units.worker = member.id
        return member

    async def beat(self, wanted: Sequence[str], divided: Sequence[Sequence[str]]) -> Beat | None:
        """Say that it is alive; see `Coordinator.beat`."""
        try:
            return await self._units.write(partial(self._beat, self._id, wanted, divided))
        except Fenced:
            return None

    async def _beat(
        self, me: int, wanted: Sequence[str], divided: Sequence[Sequence[str]], connection: Connection
    ) -> Beat:
        (now_ms,) = await only(connection, _LIVE, me, self._lifetime_ms)
        await connection.execute(_GIVE_UP, me)
        workers, before, sharing = await only(connection, _SHARE, me)
        shares = tuple(_share(len(names), workers, before) if sharing else 0 for names in divided)
        held, taken_over = {row[0] for row in await connection.fetch(_HELD, me)}, 0
        for names, share in [*zip(divided, shares, strict=True), (wanted, len(wanted))]:
            missing = [name for name in names if name not in held]
            more = share - (len(names) - len(missing))
            if more > 0 and missing:
                await connection.execute(_KNOW, missing)
                taken = await connection.fetch(_TAKE, me, missing, more)
                held |= {name for name, _ in taken}
                taken_over += sum(before != 0 for _, before in taken)  # who ends in order gives back
        stopping = [row[0] for row in await connection.fetch(_STOPPING, me)]
        await connection.execute(_LEFT_TURNS)
        return Beat(now_ms, workers, shares, frozenset(held), tuple(stopping), taken_over)

    async def release(self, names: Sequence[str]) -> None:
        """Let others have leases."""

        async def job(connection: Connection) -> None:
            await connection.execute(_RELEASE, self._id, list(names))
            await connection.execute(CALL, "")

        await self._units.write(job, patience=GOING)

    def hurry(self) -> None:
        """Try nothing for long any more, also what is under way."""
        self._units.patience = min(GOING, self._units.patience)

    async def leave(self) -> None:
        """Let others have everything."""
        me, self._id, self._units.worker, self.lanes = self._id, 0, 0, ()

        async def job(connection: Connection) -> None:
            await connection.execute(_RELEASE_ALL, me)
            await connection.execute("DELETE FROM palaver.turn WHERE holder = $1", me)
            await connection.execute("DELETE FROM palaver.worker WHERE id = $1", me)
            await connection.execute(CALL, "")

        if me:
            await self._units.write(job)

    # -- mail ----------------------------------------------------------------------------------

    async def receive(
        self, letters: Sequence[LetterRow], counted: Counted, channel: bytes, limit: int
    ) -> tuple[list[bool], list[ClaimedLetter]]:
        """Store letters, and take those of the lanes, also what others have stored for them."""
        me, lanes = self._id, list(self.lanes)

        async def job(connection: Connection) -> tuple[list[bool], list[Row]]:
            new = await post.receive(letters, counted, lanes, connection)
            rows = await connection.fetch(_CLAIM_LETTERS, me, channel, lanes, limit) if lanes and limit > 0 else []
            return new, [tuple(row) for row in rows]

        new, rows = await self._units.write(job)
        return new, _letters(rows)

    async def claim_letters(self, channel: bytes, limit: int) -> list[ClaimedLetter]:
        """Take letters of the lanes."""
        return _letters(await self._claim(_LETTERS_WAIT, _CLAIM_LETTERS, channel, limit))

    async def disclaim_letters(self, channel: bytes, kept: Sequence[int]) -> None:
        """Give back letters."""
        await self._disclaim(_DISCLAIM_LETTERS, channel, kept)

    async def claim_parcels(self, channel: bytes, limit: int) -> list[ParcelRow]:
        """Take parcels of the lanes."""
        return [ParcelRow(*row) for row in await self._claim(_PARCELS_WAIT, _CLAIM_PARCELS, channel, limit)]

    async def disclaim_parcels(self, channel: bytes, kept: Sequence[int]) -> None:
        """Give back parcels."""
        await self._disclaim(_DISCLAIM_PARCELS, channel, kept)

    async def _claim(self, look: str, sql: str, channel: bytes, limit: int) -> list[Row]:
        """Look first: a unit of work that changes nothing is still one that the disk waits for."""
        me, lanes = self._id, list(self.lanes)
        if not lanes or not await self._units.fetch(look, me, channel, lanes):
            return []

        async def job(connection: Connection) -> list[Row]:
            return [tuple(row) for row in await connection.fetch(sql, me, channel, lanes, limit)]

        return sorted(await self._units.write(job))

    async def _disclaim(self, sql: str, channel: bytes, kept: Sequence[int]) -> None:
        me, ids = self._id, list(kept)

        async def job(connection: Connection) -> None:
            await connection.execute(sql, me, channel, ids)

        await self._units.write(job)

    async def claim_due(self, until_ms: int, limit: int) -> list[SessionRow]:
        """Take sessions whose reset is due."""
        if not await self._units.fetch(_SOME_DUE, until_ms):
            return []

        async def job(connection: Connection) -> list[SessionRow]:
            await connection.execute("DELETE FROM palaver.claim WHERE until < now()")
            numbers = [row[0] for row in await connection.fetch(_CLAIM_DUE, until_ms, limit)]
            rows = reading.session_rows(await connection.fetch(_DUE_ROWS, numbers))
            return sorted(rows, key=lambda row: (row.next_reset_at or 0, row.number))

        return await self._units.write(job)

    # -- turns ---------------------------------------------------------------------------------

    async def take_turn(self, session_id: str) -> bool:
        """Have the turn in a session."""
        taken = await self._units.fetch(_TURN, self._id, session_id)
        return bool(taken)

    async def end_turn(self, session_id: str) -> None:
        """Let others have their turn."""
        await self._units.fetch(_END_TURN, session_id, self._id)

    async def stop_turn(self, session_id: str) -> bool:
        """Ask another worker to end a turn."""
        found = await self._units.fetch(_STOP_TURN, session_id, self._id)
        for (holder,) in found:
            await self._units.fetch(CALL, f"stop {holder}")
        return bool(found)

    async def stopping(self) -> list[str]:
        """Give the turns that are to end."""
        return [row[0] for row in await self._units.fetch(_STOPPING, self._id)]

    async def is_running(self, session_id: str) -> bool:
        """Tell whether another worker runs a turn in a session."""
        return bool(await self._units.fetch(_RUNNING, session_id, self._id))

    # -- keys ----------------------------------------------------------------------------------

    async def primary_key(self) -> bytes:
        """Name the master key that wraps new keys now."""
        rows = await self._units.fetch(keyring.PRIMARY_KEY)
        return bytes(rows[0][0]) if len(rows) == 1 else b""

    async def change_keyring(self, rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None) -> None:
        """Change the keyring; see `Coordinator.change_keyring`."""
        await self._units.write(partial(keyring.change, tuple(rows), dict(secrets), mail))

    async def listen(self, hear: Callable[[str], None]) -> None:
        """Have a function called when another worker has called."""
        if self._listener is not None:
            await self._listener.start(hear)

    async def close(self) -> None:
        """Hear nothing more."""
        if self._listener is not None:
            await self._listener.close()


def _letters(rows: Sequence[Row]) -> list[ClaimedLetter]:
    return [ClaimedLetter(LetterRow(*row[:-1]), row[-1]) for row in sorted(rows)]


def _share(parts: int, workers: int, before: int) -> int:
    """Give how many of some parts a worker is to have that has so many before it; the first get what is over."""
    return parts // workers + (before < parts % workers)
