"""Conversations of long messages are copied, and put under another key, without all of them in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from sessions.keys import RawKey
from sessions.manager import SessionManager
from sessions.message import MAX_CONTENT
from sessions.portions import BYTES, portions
from sessions.postgres.changes import insert_messages
from sessions.postgres.connections import Connection, Row, Value
from sessions.postgres.resealing import reseal
from sessions.postgres.store import PostgresStore
from sessions.records import ArrivalRow, Change, EntryRow, MessageFields, MessageRow, Resealing
from sessions.sqlite.store import SqliteStore
from sessions.store_copy import StoreCopy, both_open
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, person
from tests.sessions.test_store import add, message, opened, row

LONG = 6  # messages of about the greatest length, half as much again as may go together


class Watched(PostgresStore):
    """Notes how much it is given at once."""

    most = 0

    async def stage(
        self, messages: Sequence[MessageRow], entries: Sequence[EntryRow] = (), arrivals: Sequence[ArrivalRow] = ()
    ) -> None:
        self.most = max(self.most, sum(len(message.body) for message in messages))
        await super().stage(messages, entries, arrivals)


class WatchedFile(SqliteStore):
    """Notes how much is read at once."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        super().__init__(path, read_only=read_only)
        self.reads: list[int] = []

    async def messages(
        self, first: int, last: int, limit: int, *, newest: bool, kept: bool = False
    ) -> list[MessageFields]:
        found = await super().messages(first, last, limit, newest=newest, kept=kept)
        self.reads.append(sum(len(one[6]) for one in found))
        return found


class Measured:
    """A connection that notes how much it gives at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.most = self.most_given = 0

    async def execute(self, query: str, *args: Value) -> str:
        self.most_given = max(self.most_given, sum(map(len, args[-1])) if isinstance(args[-1], list) else 0)
        return await self._connection.execute(query, *args)

    async def fetch(self, query: str, *args: Value) -> list[Row]:
        found = await self._connection.fetch(query, *args)
        self.most = max(self.most, sum(len(one[-1]) for one in found if isinstance(one[-1], bytes)))
        return found


async def test_a_copy_takes_so_much_at_once(tmp_path: Path, database: str) -> None:
    """What is stored at once has a bound in bytes, and what is read once it is known how long messages are."""
    path = tmp_path / "source.db"
    async with SessionManager.open(db_path=path, encryption_key=KEY, clock=ManualClock()) as sessions:
        for user in ("ann", "bob"):
            session = await sessions.get_or_create_session(person(user))
            for number in range(LONG):
                await sessions.add_message(session.id, role="user", content=chr(97 + number) * (MAX_CONTENT - 4096))
    source, target = WatchedFile(path, read_only=True), Watched(database)
    async with both_open(source, target, [RawKey(KEY)]) as census:
        assert (await StoreCopy(source, target, census, None).run()).complete
    assert 0 < target.most <= BYTES
    assert len(source.reads) > 2
    assert max(source.reads[1:]) <= BYTES


def test_portions_are_bounded_by_bytes() -> None:
    """None is larger than the bound, but for one message that is; the order stays, and nothing is left out."""
    rows = [message(1, at, body=bytes(size)) for at, size in enumerate([1, BYTES, 5, BYTES - 5, 1, BYTES + 7, 2], 1)]
    found = list(portions(rows))
    assert [[len(one.body) for one in portion] for portion in found] == [
        [1], [BYTES], [5, BYTES - 5], [1], [BYTES + 7], [2],
    ]  # fmt: skip
    assert [one for portion in found for one in portion] == rows
    assert list(portions([])) == []


@pytest.mark.parametrize(("count", "size"), [(14, 3 * 1024 * 1024), (1200, 100)])
async def test_resealing_takes_so_much_at_once(database: str, count: int, size: int) -> None:
    """Every message gets its new body, and what is read at once is hardly more than the bound in bytes."""
    async with opened(PostgresStore(database)) as store:
        stored = tuple(message(1, at, body=b"old" + bytes(size)) for at in range(1, count + 1))
        await store.commit([Change(row=row(1, head=count, stored=count), expected=None, messages=stored)])
        change = Resealing(
            row=row(1, head=count, stored=count, version=2),
            expected=1,
            message=lambda fields: b"new" + fields[6][3:],
            entry=lambda fields: fields.body,
            anew=lambda _: pytest.fail("nobody has written to it"),
        )
        async with store._connected.one() as connection:
            measured = Measured(connection)
            assert await reseal(change, cast("Connection", measured)) == 0
        assert measured.most <= BYTES + size + 3
        found = await store._units.fetch("SELECT count(*) FROM palaver.message WHERE substr(body, 1, 3) = 'new'")
        assert found == [(count,)]


async def test_messages_are_sent_in_several_statements_where_they_are_much(database: str) -> None:
    """Six of the longest are more than one statement should hold; all of them are stored."""
    async with opened(PostgresStore(database)) as store:
        await add(store, row(1, head=6, stored=6))
        stored = [message(1, at, body=bytes([at]) * (4 * 1024 * 1024)) for at in range(1, 7)]
        async with store._connected.one() as connection:
            measured = Measured(connection)
            await insert_messages(stored, cast("Connection", measured))
        assert measured.most_given == BYTES
        found = await store.messages(0, 1 << 62, 10, newest=False)
        assert [one[6][:1] for one in found] == [bytes([at]) for at in range(1, 7)]
