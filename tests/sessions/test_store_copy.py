"""A store is copied into another one: sealed as it is, taken up after a crash, and again when something has changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from sessions.catalogue import Wanted
from sessions.errors import InvalidValue, NotFound, StoreError, StoreFull, WrongKey
from sessions.keys import RawKey
from sessions.manager import SessionManager
from sessions.postgres.store import PostgresStore
from sessions.records import Mail, SessionRow
from sessions.scope import Scope
from sessions.sqlite.store import SqliteStore
from sessions.store import Recount, Store
from sessions.store_comparison import differences
from sessions.store_copy import Copied, StoreCopy, both_open
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, OTHER_KEY, person, say, texts
from tests.sessions.rotating import rotate

ANN, BOB = person("ann"), person("bob", chat="chat-2")
NOW = 1_800_000_000.0
WRITES = ("stage", "land", "commit", "put_preference", "receive", "post", "erase_sessions", "rewrap", "put_keyring")


async def copy(source: Path, target: Path, key: bytes = KEY) -> Copied:
    """Copy one file into another."""
    return await copy_into(source, SqliteStore(target), key)


async def copy_into(source: Path, target: Store, key: bytes = KEY) -> Copied:
    origin = SqliteStore(source, read_only=True)
    async with both_open(origin, target, [RawKey(key)]) as census:
        return await StoreCopy(origin, target, census, lambda done, total: None).run()


async def unlike(source: Path, target: Path) -> list[str]:
    """Compare two files."""
    first, second = SqliteStore(source, read_only=True), SqliteStore(target, read_only=True)
    await first.open()
    await second.open()
    found = [what async for what in differences(first, second)]
    await first.close()
    await second.close()
    return found


async def fill(sessions: SessionManager) -> None:
    """Leave something of every kind: branches, forks, edits, settings, mail, an erased session, an audit."""
    session = await sessions.get_or_create_session(ANN)
    await say(sessions, session.id, "one", "two")
    await sessions.save_checkpoint(session.id, name="here")
    await say(sessions, session.id, "three")
    await sessions.undo(ANN)
    await say(sessions, session.id, "four")
    fork = await sessions.fork(session.id, title="a fork")
    await say(sessions, fork.id, "in the fork")
    await sessions.add_message(fork.id, role="user", content="typo", metadata={"source": "m-1"})
    await sessions.revise_message(ANN, source="m-1", content="no typo")
    await sessions.reset(ANN)
    other = await sessions.get_or_create_session(BOB)
    await say(sessions, other.id, "hello")
    await sessions.set_scope(BOB, Scope.PER_CHANNEL)
    gone = await sessions.create_session(person("eve"))
    await say(sessions, gone.id, "to be erased")
    await sessions.delete_session(gone.id)
    await sessions.mailbox.receive("telegram:1", [("u1", b"waits"), ("u2", b"waits too")])
    await sessions.mailbox.post(sessions.mailbox.parcel("telegram:1", b"to be sent"))


@pytest.fixture
async def source(tmp_path: Path, clock: ManualClock) -> Path:
    """Give a store with something of every kind in it, closed."""
    path = tmp_path / "source.db"
    async with SessionManager.open(db_path=path, encryption_key=KEY, clock=clock) as sessions:
        await fill(sessions)
    return path


async def exports(path: Path, key: bytes = KEY) -> dict[str, bytes]:
    """Export every conversation."""
    async with SessionManager.open(db_path=path, encryption_key=key, read_only=True, clock=lambda: NOW) as sessions:
        return {
            one.session.id: (await sessions.export(one.session.id, format="json")).encode()
            async for one in sessions.catalogue.each(Wanted())
        }


async def test_a_copy_is_the_same_store(source: Path, tmp_path: Path) -> None:
    """Row by row, and in what is exported; it opens with the same key, verifies, and goes on by itself."""
    target = tmp_path / "target.db"
    copied = await copy(source, target)
    assert copied.complete
    assert copied.added == 4
    assert await unlike(source, target) == []
    assert await exports(source) == await exports(target)
    async with SessionManager.open(db_path=target, encryption_key=KEY) as sessions:
        assert await sessions.verify() == []
        assert [letter.content for letter in await sessions.mailbox.unfinished("telegram:1")] == [
            b"waits",
            b"waits too",
        ]
        assert [parcel.content for parcel in await sessions.mailbox.unsent("telegram:1")] == [b"to be sent"]
        fresh = await sessions.create_session(ANN)
        await say(sessions, fresh.id, "a new number")
        assert await sessions.verify() == []


async def test_a_second_copy_brings_what_has_changed(source: Path, tmp_path: Path, clock: ManualClock) -> None:
    """Turns, moves, edits, resets, new and erased sessions, settings, mail: afterwards nothing differs."""
    target = tmp_path / "target.db"
    await copy(source, target)
    async with SessionManager.open(db_path=source, encryption_key=KEY, clock=clock) as sessions:
        first, *_ = await sessions.list_sessions(ANN)
        await say(sessions, first.id, "five")
        await sessions.undo(ANN)
        await sessions.add_message(first.id, role="user", content="tpyo", metadata={"source": "m-2"})
    await copy(source, target)
    async with SessionManager.open(db_path=source, encryption_key=KEY, clock=clock) as sessions:
        await sessions.revise_message(ANN, source="m-2", content="typo")
        await sessions.reset(ANN)
        oldest = (await sessions.list_sessions(ANN))[-1]
        await sessions.switch_session(ANN, oldest.id)
        await sessions.set_scope(BOB, Scope.PER_CHANNEL_PEER)
        (bobs,) = await sessions.list_sessions(BOB)
        await sessions.delete_session(bobs.id)
        await sessions.mailbox.receive("telegram:1", [("u3", b"the third")])
        (parcel,) = await sessions.mailbox.unsent("telegram:1")
        await sessions.mailbox.sent(parcel)
        letter, *_ = await sessions.mailbox.unfinished("telegram:1")
        async with sessions.mailbox.handling(letter):
            pass
    assert await unlike(source, target) != []
    copied = await copy(source, target)
    assert copied.complete
    assert copied.removed == 1
    assert await unlike(source, target) == []
    assert await exports(source) == await exports(target)


async def test_a_copy_of_what_has_not_changed_does_nothing(source: Path, tmp_path: Path) -> None:
    """Nothing is added, changed or removed."""
    target = tmp_path / "target.db"
    await copy(source, target)
    assert await copy(source, target) == Copied(complete=True)


async def test_keys_that_were_rotated_are_followed(source: Path, tmp_path: Path) -> None:
    """The copy opens with the new key, and the old one is gone from it once it is retired in the source."""
    target = tmp_path / "target.db"
    await copy(source, target)
    async with SessionManager.open(db_path=source, encryption_key=KEY) as sessions:
        old, step = sessions.kid, None
        await sessions.rotation.begin(await sessions.keyring.adopt(RawKey(OTHER_KEY)))
        while not (step := await sessions.rotation.step(0 if step is None else step.after)).done:
            pass
        assert await sessions.rotation.end() == 0
        await sessions.keyring.retire(old)
    copied = await copy(source, target, OTHER_KEY)
    assert copied.complete
    assert await unlike(source, target) == []
    assert await exports(target, OTHER_KEY) == await exports(source, OTHER_KEY)


async def test_data_keys_that_were_replaced_ask_for_an_empty_store(source: Path, tmp_path: Path) -> None:
    """After a deep rotation nothing of the old copy fits; it says so and changes no session."""
    target = tmp_path / "target.db"
    await copy(source, target)
    async with SessionManager.open(db_path=source, encryption_key=[RawKey(KEY)]) as sessions:
        await sessions.keyring.adopt(RawKey(bytes(range(50, 82))))
        assert await rotate(sessions, deep=True) == 0
    with pytest.raises(InvalidValue, match="another data key"):
        await copy(source, target, bytes(range(50, 82)))


class Breaking(SqliteStore):
    """A store whose disk is full at a given write."""

    def __init__(self, path: Path, writes: int) -> None:
        super().__init__(path)
        self.left = writes

    def __getattribute__(self, name: str) -> object:
        if name in WRITES:
            self.left -= 1
            if self.left < 0:
                raise StoreFull("the disk is full")
        return super().__getattribute__(name)


async def test_a_copy_that_breaks_off_is_taken_up(source: Path, tmp_path: Path) -> None:
    """At whichever write it was: what is there then is sound, and the next run completes it."""
    reference = tmp_path / "reference.db"
    counting = Breaking(reference, 1_000)
    await copy_into(source, counting)
    writes = 1_000 - counting.left
    assert writes >= 5
    for number in range(writes):
        target = tmp_path / f"target-{number}.db"
        with pytest.raises(StoreFull):
            await copy_into(source, Breaking(target, number))
        async with SessionManager.open(db_path=target, encryption_key=KEY) as sessions:
            assert await sessions.verify() == []
        assert (await copy(source, target)).complete
        assert await unlike(source, target) == []


class BreakingServer(PostgresStore):
    """A server that is gone between two steps of a copy."""

    async def land(self, numbers: Sequence[int], recount: Recount, mail: Mail | None = None) -> None:
        raise StoreError("the server is gone")


async def test_a_copy_onto_a_server_that_breaks_off_is_taken_up(source: Path, database: str) -> None:
    """What was on its way does not keep the next run from doing its work."""
    for _ in range(2):
        with pytest.raises(StoreError, match="is gone"):
            await copy_into(source, BreakingServer(database))
    assert (await copy_into(source, PostgresStore(database))).complete


async def test_a_reset_in_the_middle_of_a_copy_breaks_nothing(source: Path, tmp_path: Path, clock: ManualClock) -> None:
    """The next copy has both conversations as they are then."""

    class Reset(SqliteStore):
        async def sessions_after(self, number: int, limit: int) -> list[SessionRow]:
            rows = await super().sessions_after(number, 1)
            if rows and rows[0].id == current.id and not resets:
                resets.append(await sessions.reset(ANN))
            return rows

    resets: list[object] = []
    async with SessionManager.open(db_path=source, encryption_key=KEY, clock=clock) as sessions:
        current = await sessions.get_or_create_session(ANN)
        origin, target = Reset(source, read_only=True), SqliteStore(tmp_path / "target.db")
        async with both_open(origin, target, [RawKey(KEY)]) as census:
            assert not (await StoreCopy(origin, target, census, None).run()).complete
        assert (await copy(source, tmp_path / "target.db")).complete
    assert await unlike(source, tmp_path / "target.db") == []


async def test_a_target_that_went_on_by_itself_is_refused(source: Path, tmp_path: Path) -> None:
    """What was said there is never overwritten."""
    target = tmp_path / "target.db"
    await copy(source, target)
    async with SessionManager.open(db_path=target, encryption_key=KEY) as sessions:
        first, *_ = await sessions.list_sessions(ANN)
        await say(sessions, first.id, "only here")
    with pytest.raises(InvalidValue, match="copy into an empty store"):
        await copy(source, target)
    async with SessionManager.open(db_path=target, encryption_key=KEY) as sessions:
        assert "only here" in await texts(sessions, first.id)


async def test_somebody_elses_store_is_refused(source: Path, tmp_path: Path) -> None:
    """Also when it has the same key."""
    target = tmp_path / "target.db"
    async with SessionManager.open(db_path=target, encryption_key=KEY) as sessions:
        await sessions.get_or_create_session(BOB)
    with pytest.raises(InvalidValue, match="another installation"):
        await copy(source, target)


async def test_without_the_key_nothing_is_copied(source: Path, tmp_path: Path) -> None:
    """The target is not even made."""
    target = tmp_path / "target.db"
    with pytest.raises(WrongKey):
        await copy(source, target, OTHER_KEY)
    assert not target.exists()


async def test_a_store_that_is_not_there_can_not_be_copied(tmp_path: Path) -> None:
    """A store in memory is empty."""
    with pytest.raises(NotFound):
        async with both_open(SqliteStore(None), SqliteStore(tmp_path / "t.db"), [RawKey(KEY)]):
            pass


async def test_a_copy_beside_a_running_program_is_told_to_be_incomplete(
    source: Path, tmp_path: Path, clock: ManualClock
) -> None:
    """What is written meanwhile comes with the next copy."""
    target = tmp_path / "target.db"

    class Busy(SqliteStore):
        async def land(self, *how: object) -> None:
            await super().land(*how)  # type: ignore[arg-type]
            await sessions.get_or_create_session(person("late", chat="chat-9"))

    async with SessionManager.open(db_path=source, encryption_key=KEY, clock=clock) as sessions:
        assert not (await copy_into(source, Busy(target))).complete
        assert (await copy(source, target)).complete
    assert await unlike(source, target) == []


@pytest.mark.parametrize("kind", ["message", "journal", "session", "preference", "audit", "letter", "lineage"])
async def test_every_difference_is_found(source: Path, tmp_path: Path, kind: str) -> None:
    """Whichever row it is in."""
    target = tmp_path / "target.db"
    await copy(source, target)
    with closing(sqlite3.connect(target)) as connection, connection:
        if kind == "lineage":
            connection.execute("DELETE FROM lineage")
        else:
            column = {"session": "profile"}.get(kind, "body")
            connection.execute(f"UPDATE {kind} SET {column} = x'00'")  # noqa: S608  # names from this file
    assert await unlike(source, target) != []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO message SELECT max(id) + 50, branch, role, kind, keep, at, body FROM message",
        "INSERT INTO message SELECT 99999 << 24 | 1, branch, role, kind, keep, at, body FROM message LIMIT 1",
        "INSERT INTO journal SELECT (SELECT max(number) FROM session) << 24 | 1, kind, at, body FROM journal LIMIT 1",
        "INSERT INTO lineage VALUES (1, (SELECT max(number) FROM session))",
        "INSERT INTO erasure SELECT max(number) FROM session",
    ],
)
async def test_what_is_there_and_must_not_be_is_found(source: Path, tmp_path: Path, sql: str) -> None:
    """Rows beyond those of the sessions, put in by somebody else."""
    target = tmp_path / "target.db"
    await copy(source, target)
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute(sql)
    assert await unlike(source, target) != []


async def test_the_progress_ends_at_the_number_of_sessions(source: Path, tmp_path: Path) -> None:
    """Whoever watches sees it come to its end."""
    seen: list[tuple[int, int]] = []
    origin, target = SqliteStore(source, read_only=True), SqliteStore(tmp_path / "target.db")
    async with both_open(origin, target, [RawKey(KEY)]) as census:
        await StoreCopy(origin, target, census, lambda done, total: seen.append((done, total))).run()
        assert (await target.census()).audits > 0
    assert seen[-1] == (4, 4)
