"""Arrivals: conversations that come in piece by piece and are seen all at once. Functions are parts of units of work.

Until they are all there their numbers stand in the table of erased ones, with the time at which something was last
stored of them, and their rows wait in the journal at position 0, which no entry has. Several programs use the store at
once, so one that starts can not tell what another left behind from what it is still storing: what nobody has added to
for a day is given up, and goes with the next sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sessions.arrival_codec import WaitingArrival
from sessions.errors import InvalidValue
from sessions.landing import TOGETHER, check_new, check_whole, places
from sessions.postgres.changes import LINK, insert_entries, insert_messages, insert_sessions
from sessions.postgres.connections import Connection
from sessions.postgres.keyring import expect_key
from sessions.postgres.post import put
from sessions.postgres.rows import affected
from sessions.records import ArrivalRow, EntryRow, Mail, MessageRow, record_id
from sessions.store import Recount

GIVEN_UP: Final = "arriving IS NULL OR arriving < now() - interval '1 day'"
# One by one, and not `= ANY`: a plan made for that while there are few sessions reads all of them each time, and it is
# kept while one import brings a hundred thousand.
TAKEN = (
    "SELECT found.key_idx FROM unnest($1::bytea[]) AS given (key_idx), LATERAL ("
    " SELECT s.key_idx FROM palaver.session AS s"
    " WHERE s.key_idx = given.key_idx AND s.status IN ('active', 'error') LIMIT 1) AS found"
)
THERE = (
    "SELECT found.id FROM unnest($1::text[]) AS given (id),"
    " LATERAL (SELECT s.id FROM palaver.session AS s WHERE s.id = given.id LIMIT 1) AS found"
)
_EXPECT = (
    "INSERT INTO palaver.erasure SELECT number, now() FROM unnest($1::bigint[]) AS number"
    " ON CONFLICT (number) DO UPDATE SET arriving = excluded.arriving WHERE erasure.arriving IS NOT NULL"
)
# What is copied from another store brings its numbers along: they must not be given again. They are taken one by one,
# because setting a sequence could give twice what others take meanwhile.
_TAKE_UP_TO = (
    "SELECT count(nextval('palaver.session_number'))"
    " FROM generate_series((SELECT last_value + is_called::int FROM palaver.session_number), $1::bigint)"
)
_ARRIVED = "DELETE FROM palaver.erasure WHERE number = ANY($1::bigint[]) AND arriving IS NOT NULL"
_GIVE_UP = "UPDATE palaver.erasure SET arriving = NULL WHERE number = ANY($1::bigint[])"
_WAITING = (
    "DELETE FROM palaver.journal AS j USING unnest($1::bigint[], $2::bigint[]) AS g (session, id)"
    " WHERE j.session = g.session AND j.id = g.id RETURNING j.body"
)


async def stage(
    numbers: Sequence[int],
    messages: Sequence[MessageRow],
    entries: Sequence[EntryRow],
    arrivals: Sequence[ArrivalRow],
    connection: Connection,
) -> None:
    """Store pieces of conversations that nobody sees yet."""
    await _check_new([arrival.id for arrival in arrivals], connection)
    await _all_of(_EXPECT, numbers, connection)
    await connection.fetch(_TAKE_UP_TO, max(numbers, default=0))
    await insert_messages(messages, connection)
    await insert_entries([*entries, *map(_waiting, arrivals)], connection)


async def land(numbers: Sequence[int], recount: Recount, mail: Mail | None, connection: Connection) -> None:
    """Let conversations be seen, all of them, with the counts and the mail that go with that."""
    await _all_of(_ARRIVED, numbers, connection)
    for start in range(0, len(numbers), TOGETHER):
        await _land_some(numbers[start : start + TOGETHER], connection)
    await put(mail, connection, recount)


async def give_up(numbers: Sequence[int], connection: Connection) -> None:
    """Have what was staged removed with the next sweep."""
    await connection.execute(_GIVE_UP, list(numbers))


async def _all_of(sql: str, numbers: Sequence[int], connection: Connection) -> None:
    if affected(await connection.execute(sql, sorted(set(numbers)))) != len(set(numbers)):
        raise InvalidValue("what came in was left for more than a day and is being removed; import it again")


async def _land_some(numbers: Sequence[int], connection: Connection) -> None:
    found = await connection.fetch(_WAITING, list(numbers), [record_id(number, 0) for number in numbers])
    arrivals = sorted((WaitingArrival(body) for (body,) in found), key=lambda arrival: arrival.row.number)
    check_whole(arrivals, numbers)
    await _check_new([arrival.row.id for arrival in arrivals], connection)
    for wrapped in {arrival.row.wrapped[:10]: arrival.row.wrapped for arrival in arrivals}.values():
        await expect_key(wrapped, connection)
    taken = await connection.fetch(TAKEN, [arrival.row.key_idx for arrival in arrivals])
    await insert_sessions(places(arrivals, (key_idx for (key_idx,) in taken)), connection)
    for arrival in arrivals:
        if arrival.sources:
            await connection.execute(LINK, list(arrival.sources), arrival.row.number)


async def _check_new(ids: Sequence[str], connection: Connection) -> None:
    check_new(ids, [found for (found,) in await connection.fetch(THERE, list(ids))])


def _waiting(arrival: ArrivalRow) -> EntryRow:
    return EntryRow(record_id(arrival.number, 0), 0, 0, arrival.body)
