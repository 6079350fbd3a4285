"""Imports through the manager: what was exported comes back as it was, all of it or nothing."""

from __future__ import annotations

import asyncio
import math
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sessions.audit import AuditKind
from sessions.catalogue import Wanted
from sessions.errors import InvalidValue, NotFound, StoreFull
from sessions.export.json_format import to_json
from sessions.export.json_reader import from_json
from sessions.export.transcript import Branch, StoredMessage, Transcript
from sessions.manager import SessionManager
from sessions.message import MAX_CONTENT, Message, Usage
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from sessions.session import Session, Status, new_id
from sessions.sqlite.backup import look_into
from sessions.sqlite.store import SqliteStore
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts

ANN, BOB = person("ann"), person("bob", chat="chat-2")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
CHAT = Scope.PER_CHANNEL_PEER
Opened = Callable[[], SessionManager]


async def live_through(sessions: SessionManager) -> list[str]:
    """Have conversations with everything in them that there is; give their ids, those that others need first."""
    first = await sessions.get_or_create_session(ANN)
    await sessions.update_session(
        first.id,
        title="Größe & <b>",
        tags=["a", "b"],
        model="m",
        metadata={"n": [1, None, 0.5]},
        reset_policy=ResetPolicy(idle=timedelta(days=300)),
    )
    await sessions.add_message(first.id, role="user", content="edit me", metadata={"source": "s1"})
    await say(sessions, first.id, "one")
    await sessions.save_checkpoint(first.id, name="here", description="why")
    await sessions.add_message(first.id, role="user", content="lost", author="Ann", metadata={"k": {"v": 1}})
    await sessions.add_message(first.id, role="assistant", content="lost too", usage=Usage(5, 6, 7), kind="partial")
    await sessions.restore_checkpoint(f"{first.id}-1")
    await say(sessions, first.id, "two", "three")
    await sessions.undo(ANN)
    await say(sessions, first.id, "four")
    await sessions.clear_history(first.id)
    await say(sessions, first.id, "five", "five and a half")
    await sessions.undo(ANN, steps=3)
    assert await sessions.revise_message(ANN, source="s1", content="edited")
    await sessions.add_message(first.id, role="assistant", content="sum", kind="summary", metadata={"covers": 2})
    await sessions.add_message(first.id, role="system", content="rule")
    await sessions.add_message(first.id, role="tool", content="", important=True)
    await sessions.new_session(ANN)
    fork = await sessions.fork(first.id)
    await say(sessions, fork.id, "gone")
    await sessions.save_checkpoint(fork.id, name="there")
    await sessions.undo(ANN, steps=2)
    await say(sessions, fork.id, "six")
    second = await sessions.fork(fork.id)
    await sessions.clear_history(second.id)
    turn = await sessions.begin_turn(second.id, content="slow")
    await sessions.clear_history(second.id)
    await sessions.finish_turn(turn, content="late")
    empty = await sessions.new_session(ANN)
    return [first.id, fork.id, second.id, empty.id]


async def written(sessions: SessionManager, session_id: str) -> str:
    return to_json(await sessions.transcript(session_id, exported_at=NOON))


def made(*stored: StoredMessage, branches: tuple[Branch, ...] = (), head: int = 0, **about: object) -> Transcript:
    """Make a transcript by hand."""
    session = Session(
        id="abcdefghijkl",
        status=Status.COMPLETED,
        scope=Scope.PER_PEER,
        title=None,
        tags=(),
        model=None,
        created_at=NOON,
        last_activity_at=NOON,
        updated_at=NOON,
        message_count=0,
        usage=Usage(),
    )
    return Transcript(
        session=replace(session, **about),  # type: ignore[arg-type]
        messages=(),
        stored=stored,
        branches=branches or (Branch(number=1, start=1, parent=None),),
        head=head,
        exported_at=NOON,
    )


def spoken(n: int, text: str, *, branch: int = 1, at: datetime = NOON) -> StoredMessage:
    return StoredMessage(n, branch, Message(n, "user", text, int(at.timestamp() * 1000)))


def many(count: int) -> Transcript:
    return made(*(spoken(n, f"number {n}") for n in range(1, count + 1)), head=count)


async def take_in(sessions: SessionManager, *transcripts: Transcript, new_ids: bool = False) -> None:
    async with sessions.arrivals(new_ids=new_ids) as arrivals:
        for transcript in transcripts:
            await arrivals.add(transcript, ANN)


@pytest.fixture
def another(tmp_path: Path, clock: ManualClock) -> SessionManager:
    """A store in another place, with a key of its own."""
    return SessionManager.open(db_path=tmp_path / "another" / "palaver.db", encryption_key=bytes(32), clock=clock)


async def test_what_was_exported_and_imported_is_exported_as_the_same_bytes(
    open_store: Opener, another: SessionManager, clock: ManualClock
) -> None:
    """Also forks, branches taken back, edited messages, checkpoints, usage and policies; and it is whole."""
    async with open_store() as sessions:
        ids = await live_through(sessions)
        texts_before = [await written(sessions, one) for one in ids]
        histories = [await texts(sessions, one) for one in ids]
    clock.advance(3600)
    async with another as there:
        for text, session_id, words in zip(texts_before, ids, histories, strict=True):
            session = await there.import_session(from_json(text), address=ANN)
            assert session.id == session_id
            assert await written(there, session_id) == text
            assert await texts(there, session_id) == words
        assert await there.verify() == []
        assert (await there.get_or_create_session(ANN)).id == ids[-1]


async def test_what_was_imported_can_be_lived_in(open_store: Opener, another: SessionManager) -> None:
    """Checkpoints are restored, something is said, taken back and forked, and all of it survives a restart."""
    async with open_store() as sessions:
        ids = await live_through(sessions)
        text = await written(sessions, ids[0])
        marks = await sessions.list_checkpoints(ids[0], automatic=True)
    async with another as there:
        first = await there.import_session(from_json(text), address=BOB)
        assert await there.list_checkpoints(first.id, automatic=True) == marks
        await there.switch_session(BOB, first.id)
        for mark in marks:
            restored = await there.restore_checkpoint(mark.id)
            assert restored.message_count == mark.message_count == len(await texts(there, first.id))
        await say(there, first.id, "new")
        await there.undo(BOB)
        saved = await there.save_checkpoint(first.id, name="again")
        assert saved.number == 2
        fork = await there.fork(first.id)
        await say(there, fork.id, "newer")
        await there.delete_session(first.id)
        assert (await texts(there, fork.id))[-1] == "re: newer"
        assert await there.verify() == []


async def test_a_message_that_could_not_be_read_stays_one(
    open_store: Opener, another: SessionManager, db_path: Path
) -> None:
    """It keeps its place and its number, and what was known of the loss is exported as it was."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
        fork = await sessions.fork(session.id)
        await say(sessions, fork.id, "three")
    with closing(sqlite3.connect(db_path)) as connection, connection:
        connection.execute("UPDATE message SET body = zeroblob(60) WHERE id & 16777215 IN (2, 4)")
    async with open_store() as sessions:
        before = [await written(sessions, one) for one in (session.id, fork.id)]
    assert '"damaged": 2' in before[0]
    async with another as there:
        for text in before:
            imported = await there.import_session(from_json(text), address=ANN)
            assert await written(there, imported.id) == text
        assert await there.verify() == []  # here nothing was lost


async def test_the_same_conversation_is_not_imported_twice(open_memory: Opened) -> None:
    """The error tells how to have it beside the first; then it has an id of its own."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        transcript = await sessions.transcript(session.id)
        with pytest.raises(InvalidValue, match="--new-id"):
            await sessions.import_session(transcript, address=ANN)
        other = await sessions.import_session(transcript, address=ANN, new_id=True, title="Again")
        assert (other.id != session.id, other.title) == (True, "Again")
        assert await texts(sessions, other.id) == await texts(sessions, session.id)
        assert len(await sessions.list_sessions(ANN)) == 2


@pytest.mark.parametrize(
    ("status", "alone", "beside"),
    [
        (Status.ACTIVE, Status.ACTIVE, Status.PAUSED),
        (Status.ERROR, Status.ERROR, Status.PAUSED),
        (Status.PAUSED, Status.PAUSED, Status.PAUSED),
        (Status.EXPIRED, Status.EXPIRED, Status.EXPIRED),
    ],
)
async def test_an_import_never_takes_the_place_of_the_current_conversation(
    open_memory: Opened, status: Status, alone: Status, beside: Status
) -> None:
    """It is the current one only where there is none."""
    async with open_memory() as sessions:
        first = await sessions.import_session(made(status=status, scope=Scope.PER_CHANNEL_PEER), address=ANN)
        assert first.status is alone
        current = await sessions.get_or_create_session(BOB)
        second = await sessions.import_session(
            made(status=status, scope=Scope.PER_CHANNEL_PEER), address=BOB, new_id=True
        )
        assert second.status is beside
        assert (await sessions.get_or_create_session(BOB)).id == current.id


async def test_of_two_that_claim_the_same_place_the_first_gets_it(open_memory: Opened) -> None:
    """Within one import, and beside one that is begun while it is under way."""
    async with open_memory() as sessions:
        claims = [made(status=Status.ACTIVE, id=letter * 12) for letter in "abc"]
        async with sessions.arrivals() as arrivals:
            for claim, address in zip(claims, (ANN, ANN, BOB), strict=True):
                await arrivals.add(claim, address, scope=Scope.PER_CHANNEL_PEER)
            begun = await sessions.get_or_create_session(BOB)
        assert [(await sessions.get_session(letter * 12)).status.value for letter in "abc"] == [
            "active",
            "paused",
            "paused",
        ]
        assert (await sessions.get_or_create_session(BOB)).id == begun.id
        assert await sessions.verify() == []


async def test_whoever_imports_decides_whose_it_is(open_memory: Opened) -> None:
    """The scope and the address of a file are claims: nobody reaches another's conversations through them."""
    async with open_memory() as sessions:
        await sessions.import_session(made(scope=Scope.MAIN, title="x"), address=ANN, scope=Scope.PER_CHANNEL_PEER)
        assert [one.title for one in await sessions.list_sessions(ANN)] == ["x"]
        assert await sessions.list_sessions(BOB) == []
        assert [one.title for one in await sessions.own_sessions(ANN)] == ["x"]


async def test_nothing_was_said_in_the_future(open_memory: Opened, clock: ManualClock) -> None:
    """Later times become now, so that what is said next does not stand still; earlier than 1970 becomes 1970."""
    late, early = datetime(9999, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)
    transcript = made(spoken(1, "a", at=early), spoken(2, "b", at=late), head=2, created_at=early, updated_at=late)
    async with open_memory() as sessions:
        session = await sessions.import_session(transcript, address=ANN)
        times = [message.created_ms for message in await sessions.get_history(session.id)]
        assert times == [0, int(clock() * 1000)]
        assert session.updated_at.timestamp() == clock()


async def test_gaps_in_the_numbers_are_closed(open_memory: Opened) -> None:
    """Somebody may have taken a message out of the file; the others are numbered anew."""
    transcript = made(
        spoken(3, "a"),
        spoken(7, "b"),
        spoken(9, "c", branch=2),
        branches=(Branch(number=1, start=1, parent=None), Branch(number=2, start=8, parent=3)),
        head=9,
    )
    async with open_memory() as sessions:
        session = await sessions.import_session(transcript, address=ANN)
        assert [(m.seq, m.content) for m in await sessions.get_history(session.id)] == [(1, "a"), (2, "c")]
        assert await sessions.verify() == []


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        (
            made(
                spoken(1, "a"),
                spoken(2, "b", branch=2),
                spoken(3, "c"),
                branches=(Branch(number=1, start=1, parent=None), Branch(number=2, start=2, parent=1)),
            ),
            r"messages\[2\].branch is 1",
        ),
        (made(spoken(1, "a"), branches=(Branch(number=1, start=1, parent=1),)), r"branches\[0\]"),
        (made(spoken(1, "a"), branches=(Branch(number=1, start=2, parent=None),)), r"branches\[0\]"),
        (
            made(branches=(Branch(number=1, start=1, parent=None), Branch(number=2, start=1, parent=4))),
            "message 4 is not in the file",
        ),
        (made(head=1), "message 1 is not in the file"),
        (made(title="\u202e"), "session.title needs at least one visible character"),
        (made(title="x" * 300), "session.title has at most 200 characters"),
        (made(tags=("x" * 51,)), r"session.tags\[0\] has at most 50"),
        (made(metadata={"x": "y" * 70_000}), "session.metadata: metadata is 70,"),
        (
            made(StoredMessage(1, 1, Message(1, "user", "a", 0, Usage(1 << 40, 0, 0))), head=1),
            r"messages\[0\]: token counts",
        ),
    ],
)
async def test_what_does_not_hang_together_is_refused_by_name(
    open_memory: Opened, transcript: Transcript, words: str
) -> None:
    """And nothing of it stays."""
    async with open_memory() as sessions:
        with pytest.raises(InvalidValue, match=words):
            await sessions.import_session(transcript, address=ANN)
        with pytest.raises(NotFound):
            await sessions.get_session(transcript.session.id)
        assert await sessions.verify() == []


async def test_an_import_that_breaks_off_leaves_nothing(open_store: Opener) -> None:
    """Not the sessions before the one that is refused either, and not a row of what they said."""
    async with open_store() as sessions:
        async with sessions.arrivals() as arrivals:
            await arrivals.add(many(10), ANN)
        with pytest.raises(InvalidValue, match="here already"):
            await take_in(sessions, replace(many(1200), session=made(id="b" * 12).session), many(3))
        assert [one.id for one in await sessions.own_sessions(ANN)] == ["abcdefghijkl"]
        assert await sessions.verify() == []
        assert (await sessions._store.count_messages())[0][3] == 10
        assert sum(count for *_, count in await sessions._store.count_messages()) == 10


async def test_two_imports_of_one_conversation_are_not_both_let_in(open_store: Opener) -> None:
    """The later one is refused whole, although nothing was in its way when it began."""

    async def slowly(sessions: SessionManager) -> None:
        async with sessions.arrivals() as arrivals:
            await arrivals.add(many(3), ANN)
            await arrivals.add(replace(many(3), session=made(id="b" * 12).session), ANN)
            await arrivals.flush()
            await take_in(sessions, many(5))

    async with open_store() as sessions:
        with pytest.raises(InvalidValue, match="session abcdefghijkl is here already"):
            await slowly(sessions)
        assert [one.id for one in await sessions.own_sessions(ANN)] == ["abcdefghijkl"]
        assert len(await texts(sessions, "abcdefghijkl")) == 5
        assert await sessions.verify() == []
        assert sum(count for *_, count in await sessions._store.count_messages()) == 5


async def test_an_erasure_beside_an_import_does_not_touch_what_comes_in(open_store: Opener) -> None:
    """What is half there looks like something erased, but only for who starts after a crash."""
    async with open_store() as sessions:
        async with sessions.arrivals() as arrivals:
            await arrivals.add(many(1200), ANN)
            other = await sessions.get_or_create_session(BOB)
            await say(sessions, other.id, "bye")
            await sessions.delete_session(other.id)
        assert len(await texts(sessions, "abcdefghijkl")) == 1200
        assert await sessions.verify() == []


class Filling(SqliteStore):
    """A store whose disk is full after some pieces."""

    left = 2

    async def stage(self, messages: object, entries: object = (), arrivals: object = ()) -> None:
        """Store a piece, while there is room."""
        self.left -= 1
        if self.left < 0:
            raise StoreFull("the disk is full")
        await super().stage(messages, entries, arrivals)  # type: ignore[arg-type]


async def test_a_message_that_is_too_long_is_named(open_memory: Opened) -> None:
    """By its place in the file; nothing is imported then."""
    async with open_memory() as sessions:
        words = made(spoken(1, "one"), spoken(2, "x" * (MAX_CONTENT + 1)), head=2)
        with pytest.raises(InvalidValue, match=r"^messages\[1\]: content is 4,194,305 bytes long"):
            await sessions.import_session(words, address=ANN)
        assert await sessions._store.count_messages() == []


async def test_a_full_disk_leaves_nothing(tmp_path: Path, clock: ManualClock) -> None:
    """The error is the disk's, and what was stored before it is gone."""
    store = Filling(tmp_path / "palaver.db")
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock) as sessions:
        with pytest.raises(StoreFull):
            await sessions.import_session(many(2000), address=ANN)
        assert await sessions._store.count_messages() == []
        assert await sessions.verify() == []


@pytest.mark.parametrize("rounds", [1, 2, 4, 8])
async def test_an_import_that_is_cancelled_leaves_nothing(open_store: Opener, rounds: int) -> None:
    """Wherever it was; and it can be done again."""
    transcript = many(20_000)
    async with open_store() as sessions:
        task = asyncio.create_task(sessions.import_session(transcript, address=ANN))
        for _ in range(rounds):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await sessions._store.count_messages() == []
        assert await sessions.verify() == []
        await sessions.import_session(many(3), address=ANN)


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from sessions.manager import SessionManager
from sessions.sqlite.store import SqliteStore
from tests.sessions.test_importer import ANN, KEY, made, many
from dataclasses import replace

class Mortal(SqliteStore):
    left = int(sys.argv[2])

    async def stage(self, *pieces):
        await super().stage(*pieces)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def land(self, *how):
        if self.left == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        await super().land(*how)

async def run():
    async with SessionManager.open(store=Mortal(Path(sys.argv[1])), encryption_key=KEY) as sessions:
        async with sessions.arrivals() as arrivals:
            for letter in "abcd":
                await arrivals.add(replace(many(1100), session=made(id=letter * 12).session), ANN)

asyncio.run(run())
"""


async def test_a_kill_at_any_piece_leaves_nothing(tmp_path: Path) -> None:
    """At the next start all of it is gone, and then it can be imported again."""
    path, chance = tmp_path / "palaver.db", random.Random(4)
    for piece in (1, *chance.sample(range(2, 9), 2), 10):  # 4 x 1100 messages are 9 pieces; before the tenth it lands
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, str(path), f"{piece}", cwd=ROOT)
        assert await process.wait() == -signal.SIGKILL
        with closing(sqlite3.connect(path)) as connection:
            there = connection.execute("SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM message)")
            sessions_there, messages_there = there.fetchone()
        assert sessions_there == 0
        assert messages_there > 0
        left = look_into(path)
        assert (left.sessions, left.messages, left.unfinished) == (0, 0, math.ceil(min(piece * 500, 4400) / 1100))
        async with SessionManager.open(db_path=path, encryption_key=KEY, read_only=True) as looking:
            assert await looking.verify() == []  # it is no damage
        async with SessionManager.open(db_path=path, encryption_key=KEY) as sessions:
            assert await sessions._store.count_messages() == []
            assert await sessions.verify() == []
            assert look_into(path).unfinished == 0
    async with SessionManager.open(db_path=path, encryption_key=KEY) as sessions:
        await sessions.import_session(many(1100), address=ANN)
        assert len(await texts(sessions, "abcdefghijkl")) == 1100


async def test_the_audit_tells_of_an_import(open_memory: Opened) -> None:
    """With the ids and the numbers, once; of one that was refused it does not."""
    async with open_memory() as sessions:
        with pytest.raises(InvalidValue):
            await sessions.import_session(made(head=1), address=ANN)
        async with sessions.arrivals() as arrivals:
            await arrivals.add(many(3), ANN)
            await arrivals.add(made(id="b" * 12), BOB)
        (entry,) = await sessions.audit.newest()
        assert (entry.kind, entry.about) == (
            AuditKind.IMPORT.value,
            {"sessions": ["abcdefghijkl", "b" * 12], "count": 2, "messages": 3},
        )


async def test_an_import_is_not_reset_at_once(tmp_path: Path, clock: ManualClock) -> None:
    """A reset that would be due already is waived; the next one comes by the rules that hold here."""
    async with SessionManager.open(
        db_path=tmp_path / "palaver.db", encryption_key=KEY, clock=clock, idle_reset_minutes=60
    ) as sessions:
        clock.advance(7 * 86_400)
        old = made(spoken(1, "a"), head=1, status=Status.ACTIVE, scope=Scope.PER_CHANNEL_PEER)
        session = await sessions.import_session(old, address=ANN)
        assert session.next_reset_at == datetime.fromtimestamp(clock() + 3600, UTC)
        assert (await sessions.get_or_create_session(ANN)).id == session.id


async def test_links_between_conversations_that_come_together_are_kept(open_memory: Opened) -> None:
    """A fork under a new id names its original by the new id as well."""
    async with open_memory() as sessions:
        async with sessions.arrivals(new_ids=True) as arrivals:
            first = await arrivals.add(made(), ANN)
            second = await arrivals.add(made(id="b" * 12, forked_from="abcdefghijkl"), ANN)
            third = await arrivals.add(made(id="c" * 12, forked_from="z" * 12), ANN)
        assert (await sessions.get_session(second)).forked_from == first
        assert (await sessions.get_session(third)).forked_from == "z" * 12


async def test_one_conversation_does_not_come_twice_in_one_import(open_memory: Opened) -> None:
    """Not under new ids either: the file is no export then."""
    async with open_memory() as sessions:
        with pytest.raises(InvalidValue, match="twice"):
            await take_in(sessions, made(), made(), new_ids=True)


async def test_more_come_in_together_than_one_statement_takes(open_store: Opener) -> None:
    """Each with its own place, its messages and its checkpoints, whatever group it falls into."""
    said = [StoredMessage(n, 1, Message(n, "user", f"{n}", 0)) for n in range(1, 4)]
    async with open_store() as sessions:
        async with sessions.arrivals() as arrivals:
            for n in range(600):
                address = person(f"p{n % 300}", chat=f"c{n % 300}")
                await arrivals.add(made(*said, status=Status.ACTIVE, id=new_id(), head=3), address, scope=CHAT)
        statuses = Counter([listed.session.status async for listed in sessions.catalogue.each(Wanted())])
        assert statuses == {Status.ACTIVE: 300, Status.PAUSED: 300}
        current = await sessions.get_or_create_session(person("p7", chat="c7"))
        assert await texts(sessions, current.id) == ["1", "2", "3"]
        assert await sessions.verify() == []
