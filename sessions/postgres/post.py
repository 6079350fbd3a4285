"""Post: letters, parcels and the audit in the shared store. Each function is part of a unit of work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence, Set

from sessions.errors import Fenced
from sessions.postgres.connections import Connection
from sessions.postgres.counts import count_anew, lock, update
from sessions.postgres.listener import CALL
from sessions.postgres.rows import affected, columns, only
from sessions.records import ALL_SENT, AuditRow, Census, LetterRow, Mail
from sessions.store import Recount

DONE = f"sent = {ALL_SENT}"
LETTERS = "SELECT id, name, channel, state, attempts, body FROM palaver.letter"
PARCELS = "SELECT id, channel, sent, body FROM palaver.parcel"
READ_AUDIT = "SELECT number, at, body, link FROM palaver.audit"
_NEWEST = f"{READ_AUDIT} ORDER BY number DESC LIMIT 1"
_INSERT_LETTERS = (
    "INSERT INTO palaver.letter SELECT g.*, 0 FROM"
    " unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bytea[], $7::integer[]) AS g"
    " ON CONFLICT (name) DO NOTHING RETURNING id"
)
_REPLACE_LETTERS = (
    "UPDATE palaver.letter AS l SET state = g.state, attempts = g.attempts, body = g.body"
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[])"
    " AS g (id, state, attempts, body, holder) WHERE l.id = g.id AND (g.holder = 0 OR g.holder = l.holder)"
)
_PUT_PARCELS = (
    "INSERT INTO palaver.parcel SELECT * FROM"
    " unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[], $5::integer[], $6::bigint[])"
    " ON CONFLICT (id) DO UPDATE SET sent = excluded.sent, body = excluded.body"
)
_INSERT_AUDIT = "INSERT INTO palaver.audit SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[])"
_FORGET = (
    "WITH gone AS (DELETE FROM palaver.{} WHERE id < $1 AND {} RETURNING {} AS total)"
    " SELECT count(*), coalesce(sum(total), 0)::bigint FROM gone"
)
_FORGET_LETTERS = _FORGET.format("letter", "state = 3", "state + attempts")
_FORGET_PARCELS = _FORGET.format("parcel", DONE, "sent")


async def receive(
    letters: Sequence[LetterRow], counted: Callable[[Census], Recount], lanes: Collection[int], connection: Connection
) -> list[bool]:
    """Store the letters whose names are new; tell which are. Others than the holder of these lanes are called."""
    stored = {
        row[0] for row in await connection.fetch(_INSERT_LETTERS, *columns([letter[:7] for letter in letters], 7))
    }
    new = [letter for letter in letters if letter.id in stored]
    if new:
        steps = sum(letter.state + letter.attempts for letter in new)
        await count_anew(counted(Census(letters=len(new), steps=steps)), connection)
    await _call({letter.lane for letter in new}.difference(lanes), connection)
    return [letter.id in stored for letter in letters]


async def put(mail: Mail | None, connection: Connection, recount: Recount | None = None) -> None:
    """Change the counts, and store what goes with that; None stands for nothing."""
    await put_all([] if mail is None else [mail], connection, recount)


async def put_all(mails: Sequence[Mail], connection: Connection, recount: Recount | None = None) -> None:
    """Store letters as they stand now, parcels, and entries of the audit, each mail after the one before.

    Whoever adds to the audit holds the census first: two of them never follow the same entry.
    """
    letters = {letter.id: letter for mail in mails for letter in mail.letters}
    if letters:
        changed = [(one.id, one.state, one.attempts, one.body, one.holder) for one in letters.values()]
        replaced = affected(await connection.execute(_REPLACE_LETTERS, *columns(changed, 5)))
        if replaced < len(changed) and any(letter.holder for letter in letters.values()):
            raise Fenced("another worker handles this by now; nothing was written")
    parcels = {parcel.id: parcel for mail in mails for parcel in mail.parcels}
    if parcels:
        await connection.execute(_PUT_PARCELS, *columns(list(parcels.values()), 6))
        await _call({parcel.lane for parcel in parcels.values() if not parcel.holder}, connection)
    if recount is not None or any(mail.recount or mail.audit for mail in mails):
        await _count(mails, connection, recount)


async def _count(mails: Sequence[Mail], connection: Connection, recount: Recount | None) -> None:
    before = await lock(connection)
    census = before if recount is None else recount(before)
    newest = await _newest(connection) if any(mail.audit for mail in mails) else None
    entries: list[AuditRow] = []
    for mail in mails:
        if mail.audit is not None:
            entries += mail.audit(entries[-1] if entries else newest)
        if mail.recount is not None:
            census = mail.recount(census)
    if entries:
        await connection.execute(_INSERT_AUDIT, *columns(entries, 4))
    await update(census, connection)


async def _call(lanes: Set[int], connection: Connection) -> None:
    """Call those who have these lanes; 0 is none."""
    if said := " ".join(str(lane) for lane in sorted(lanes) if lane):
        await connection.execute(CALL, f"lanes {said}")


async def _newest(connection: Connection) -> AuditRow | None:
    row = await connection.fetchrow(_NEWEST)
    return None if row is None else AuditRow(*row)


async def forget(before: int, counted: Callable[[Census], Recount], connection: Connection) -> int:
    """Remove what is done with and has an id below `before`; give how many there were."""
    letters, steps = await only(connection, _FORGET_LETTERS, before)
    parcels, parts = await only(connection, _FORGET_PARCELS, before)
    less = Census(letters=-letters, steps=-steps, parcels=-parcels, parts=-parts)
    await count_anew(counted(less), connection)
    return int(letters + parcels)
