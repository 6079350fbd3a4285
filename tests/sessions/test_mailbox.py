"""The mailbox: what comes in is handled once, what goes out is kept until it is out, through every crash."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from sessions.errors import NotFound, StoreError
from sessions.handling import current
from sessions.letter import LetterState
from sessions.mailbox import REMEMBERED
from sessions.manager import SessionManager
from sessions.records import EntryRow, HeadUpdate, Mail, MessageRow
from sessions.sqlite.store import SqliteStore
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, texts

ANN, HERE = person("ann"), "telegram:1"


async def take_in(sessions: SessionManager, *names: str, channel: str = HERE) -> list[str]:
    """Receive updates and give the names of those that are new."""
    letters = await sessions.mailbox.receive(channel, [(name, f"update {name}".encode()) for name in names])
    return [letter.name for letter in letters]


class Crash(Exception):
    """The program ends here."""


# -- what comes in ---------------------------------------------------------------------------------


async def test_what_came_in_is_there_after_a_restart_in_its_order(open_store: Opener) -> None:
    """Updates come back with name and content, oldest first, and only those of the channel that asks."""
    async with open_store() as sessions:
        assert await take_in(sessions, "b", "a", "c") == ["b", "a", "c"]
        await take_in(sessions, "a", channel="discord:1")
    async with open_store() as sessions:
        found = await sessions.mailbox.unfinished(HERE)
        assert [(letter.name, letter.content) for letter in found] == [
            ("b", b"update b"),
            ("a", b"update a"),
            ("c", b"update c"),
        ]


async def test_only_what_had_begun_counts_as_an_attempt(open_store: Opener) -> None:
    """What waited through any number of starts is still to be tried for the first time."""
    async with open_store() as sessions:
        await take_in(sessions, "waits", "begins")
    for _ in range(3):
        async with open_store() as sessions:
            waits, begins = await sessions.mailbox.unfinished(HERE)
            assert (waits.attempts, begins.attempts) == (0, 0)
    async with open_store() as sessions:
        with suppress(Crash):
            async with sessions.mailbox.handling(begins) as handling:
                handling.begin({"at": 1})
                await handling.flush()
                raise Crash
    for start in range(1, 4):
        async with open_store() as sessions:
            waits, begins = await sessions.mailbox.unfinished(HERE)
            assert (waits.attempts, begins.attempts) == (0, start)
            assert await sessions.verify() == []


async def test_an_update_that_is_repeated_is_not_taken_in_twice(open_store: Opener) -> None:
    """Neither while it waits, nor within one call, nor when it was handled, nor after a restart."""
    async with open_store() as sessions:
        assert await take_in(sessions, "1", "2", "1") == ["1", "2"]
        assert await take_in(sessions, "2", "3") == ["3"]
        for letter in await sessions.mailbox.unfinished(HERE):
            async with sessions.mailbox.handling(letter):
                pass
    async with open_store() as sessions:
        assert await take_in(sessions, "1", "2", "3") == []
        assert await sessions.mailbox.unfinished(HERE) == []
        assert await take_in(sessions, "1", channel="telegram:2") == ["1"]


async def test_a_name_is_forgotten_after_its_time(open_store: Opener, clock: ManualClock) -> None:
    """Handled updates are remembered for eight days and no longer; those that wait stay."""
    async with open_store() as sessions:
        (done,) = await sessions.mailbox.receive(HERE, [("1", b"")])
        await take_in(sessions, "2")
        async with sessions.mailbox.handling(done):
            await sessions.mailbox.post(sessions.mailbox.parcel(HERE, b"answer"))
        (parcel,) = await sessions.mailbox.unsent(HERE)
        await sessions.mailbox.sent(parcel)
        clock.advance((REMEMBERED - timedelta(minutes=1)).total_seconds())
        assert (await sessions.mailbox.forget(), await take_in(sessions, "1")) == (0, [])
        clock.advance(120)
        assert (await sessions.mailbox.forget(), await take_in(sessions, "1", "2")) == (2, ["1"])
        assert await sessions.verify() == []


# -- handled once ----------------------------------------------------------------------------------


async def test_a_turn_goes_on_where_it_stopped(open_store: Opener) -> None:
    """After a crash between question and reply the question is not stored again, and the reply lands behind it."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"hello")])
        with suppress(Crash):
            async with sessions.mailbox.handling(letter):
                await sessions.begin_turn(session.id, content="hello")
                raise Crash
    async with open_store() as sessions:
        (letter,) = await sessions.mailbox.unfinished(HERE)
        progress = letter.progress
        assert letter.state is LetterState.begun
        assert progress is not None
        async with sessions.mailbox.handling(letter):
            turn = await sessions.resume_turn(str(progress["session"]), seq=1, position=1)
            assert turn.message.content == "hello"
            assert (await sessions.finish_turn(turn, content="hi")).current
        assert await texts(sessions, session.id) == ["hello", "hi"]
        assert await sessions.mailbox.unfinished(HERE) == []


async def test_a_turn_of_an_erased_conversation_is_not_found(open_store: Opener) -> None:
    """Who erases a conversation during a restart gets no reply from it."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.begin_turn(session.id, content="hello")
        await sessions.delete_session(session.id)
        with pytest.raises(NotFound):
            await sessions.resume_turn(session.id, seq=1, position=1)


async def test_the_answer_is_stored_with_the_reply(open_store: Opener) -> None:
    """Reply, answer and the end of the letter are one unit of work: a crash right after it loses none of them."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"hello")])
        with suppress(Crash):
            async with sessions.mailbox.handling(letter) as handling:
                turn = await sessions.begin_turn(session.id, content="hello")
                handling.post(sessions.mailbox.parcel(HERE, b"hi"))
                handling.finish()
                await sessions.finish_turn(turn, content="hi")
                raise Crash
    async with open_store() as sessions:
        assert await sessions.mailbox.unfinished(HERE) == []
        assert [parcel.content for parcel in await sessions.mailbox.unsent(HERE)] == [b"hi"]
        assert await texts(sessions, session.id) == ["hello", "hi"]


async def test_a_reply_that_comes_too_late_is_not_put_into_the_post(open_store: Opener) -> None:
    """The conversation was left meanwhile: the reply is kept behind its question and goes to nobody."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"hello")])
        async with sessions.mailbox.handling(letter) as handling:
            turn = await sessions.begin_turn(session.id, content="hello")
            await sessions.clear_history(session.id)
            handling.post(sessions.mailbox.parcel(HERE, b"hi"))
            assert not (await sessions.finish_turn(turn, content="hi")).current
        assert await sessions.mailbox.unsent(HERE) == []


@pytest.mark.parametrize("noting", [True, False])
async def test_a_command_says_that_it_took_effect(open_store: Opener, noting: bool) -> None:
    """What changes something under `noting` is never done twice; what does not note is done again."""
    async with open_store() as sessions:
        await sessions.get_or_create_session(ANN)
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"/new")])
        with suppress(Crash):
            async with sessions.mailbox.handling(letter) as handling:
                handling.noting = noting
                await sessions.new_session(ANN, title="new")
                raise Crash
    async with open_store() as sessions:
        (letter,) = await sessions.mailbox.unfinished(HERE)
        assert (letter.progress is not None) is noting


class Refuses(SqliteStore):
    """Refuses what carries mail, once."""

    refusing = False

    async def post(self, mail: Mail) -> None:
        if self.refusing:
            self.refusing = False
            raise StoreError("not now")
        await super().post(mail)


async def test_what_a_failed_write_should_have_carried_stays_for_the_next(clock: ManualClock) -> None:
    """Nothing that was to be noted is lost by a write that fails."""
    store = Refuses(None)
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock) as sessions:
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"hello")])
        async with sessions.mailbox.handling(letter) as handling:
            handling.post(sessions.mailbox.parcel(HERE, b"answer"))
            store.refusing = True
            with pytest.raises(StoreError):
                await handling.flush()
            assert await sessions.mailbox.unsent(HERE) == []
        assert [parcel.content for parcel in await sessions.mailbox.unsent(HERE)] == [b"answer"]
        assert await sessions.mailbox.unfinished(HERE) == []


class SideBySide(SqliteStore):
    """Takes its time for what carries mail, and meanwhile does other writes, as a server with many connections does."""

    def __init__(self) -> None:
        super().__init__(None)
        self.go_on = asyncio.Event()
        self.carried: list[bool] = []

    async def post(self, mail: Mail) -> None:
        await self.go_on.wait()
        self.carried.append(True)
        await super().post(mail)

    async def append(
        self, update: HeadUpdate, message: MessageRow, entries: Sequence[EntryRow] = (), mail: Mail | None = None
    ) -> None:
        self.carried.append(False)
        await super().append(update, message, entries, mail)


async def test_writes_of_one_handling_happen_one_after_the_other(clock: ManualClock) -> None:
    """Who is told that a later one is durable relies on what an earlier one carried, an answer for instance."""
    store = SideBySide()
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock) as sessions:
        session = await sessions.get_or_create_session(ANN)
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"hello")])
        async with sessions.mailbox.handling(letter) as handling:
            handling.post(sessions.mailbox.parcel(HERE, b"answer"))
            early = asyncio.create_task(handling.flush())
            await asyncio.sleep(0)
            later = asyncio.create_task(sessions.add_message(session.id, role="user", content="hello"))
            for _ in range(20):
                await asyncio.sleep(0)
            assert store.carried == []
            store.go_on.set()
            await asyncio.gather(early, later)
            assert store.carried == [True, False]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_write_that_is_cancelled_on_its_way_has_happened_or_not(clock: ManualClock, fails: bool) -> None:
    """What it carried is not carried again if it is stored, and is carried by the next one if it is not."""
    store = Refuses(None)
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock) as sessions:
        session = await sessions.get_or_create_session(ANN)
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"hello")])
        async with sessions.mailbox.handling(letter) as handling:
            handling.begin({"far": 1})
            parcel = sessions.mailbox.parcel(HERE, b"answer")
            handling.post(parcel)
            store.refusing = fails
            writing = asyncio.create_task(
                handling.flush() if fails else sessions.add_message(session.id, role="user", content="hello")
            )
            await asyncio.sleep(0)
            writing.cancel()
            with pytest.raises((asyncio.CancelledError, StoreError)):
                await writing
            if not fails:
                await sessions.mailbox.sent(parcel)
        left = [parcel.content for parcel in await sessions.mailbox.unsent(HERE)]
        assert left == ([b"answer"] if fails else [])
        assert await sessions.verify() == []


async def test_another_store_carries_nothing(open_store: Opener, clock: ManualClock) -> None:
    """A conversation in memory only says nothing about letters that lie on disk."""
    async with open_store() as sessions, SessionManager.open(encryption_key=KEY, clock=clock) as elsewhere:
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"hello")])
        async with sessions.mailbox.handling(letter) as handling:
            handling.noting = True
            session = await elsewhere.get_or_create_session(ANN)
            await elsewhere.begin_turn(session.id, content="hello")
            assert handling.letter.state is LetterState.waiting


async def test_tasks_are_part_of_the_handling_that_starts_them(open_store: Opener) -> None:
    """What a turn in a task of its own writes belongs to the letter; beside it nothing does."""
    async with open_store() as sessions:
        (letter,) = await sessions.mailbox.receive(HERE, [("1", b"hello")])

        async def look() -> bool:
            return current() is not None

        async with sessions.mailbox.handling(letter):
            assert await asyncio.ensure_future(look())
        assert not await look()


# -- what goes out -----------------------------------------------------------------------------------


async def test_an_answer_stays_until_it_is_out(open_store: Opener) -> None:
    """Answers come back in their order with the number of parts that are out, and not when all are."""
    async with open_store() as sessions:
        for content in (b"one", b"two", b"three"):
            await sessions.mailbox.post(sessions.mailbox.parcel(HERE, content))
        one, two, _ = await sessions.mailbox.unsent(HERE)
        await sessions.mailbox.sent(one)
        two = await sessions.mailbox.sent(two, parts=1)
        await sessions.mailbox.sent(two, parts=2)
    async with open_store() as sessions:
        left = [(parcel.content, parcel.sent) for parcel in await sessions.mailbox.unsent(HERE)]
        assert left == [(b"two", 2), (b"three", 0)]
        assert await sessions.mailbox.unsent("telegram:2") == []
        assert await sessions.verify() == []
