"""What stays readable in memory: never anything but what is stored, and never more than there is room for."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from sessions.errors import NothingToUndo
from sessions.manager import SessionManager
from sessions.message import Message
from sessions.tail import Tail
from sessions.tails import _BESIDE, Tails
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts
from tests.sessions.test_transcripts import Watched

ANN = person("ann")
ALL = 1_000_000  # tokens, more than there ever are


async def test_a_long_conversation_is_read_once(db_path: Path, clock: ManualClock) -> None:
    """The second turn reads nothing, has the newest messages, and what is important shows as soon as it is said."""
    store = Watched(db_path)
    async with SessionManager.open(store=store, encryption_key=KEY, clock=clock, hot_messages=2) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, *(f"turn {n}" for n in range(400)))
        assert len(await sessions.get_context_history(session.id, max_tokens=ALL)) == 800
        store.read.clear()
        await say(sessions, session.id, "one more")
        context = await sessions.get_context_history(session.id, max_tokens=ALL)
        assert [m.seq for m in context] == list(range(1, 803))
        assert store.read == []
        await sessions.add_message(session.id, role="system", content="be kind")
        await say(sessions, session.id, *(f"late {n}" for n in range(100)))
        context = await sessions.get_context_history(session.id, max_tokens=100)
        assert context.messages[0].content == "be kind"


@pytest.mark.parametrize("seed", range(4))
async def test_memory_never_differs_from_the_disk(open_store: Opener, seed: int) -> None:
    """Whatever is done to a conversation, its context is the one that somebody finds who has only the disk."""
    chance = random.Random(seed)
    async with open_store(hot_messages=2) as sessions, open_store(hot_messages=0, read_only=True) as other:
        for n in range(60):
            await _anything(sessions, chance, n)
            for each in await sessions.list_sessions(ANN):
                budget = chance.choice((20, 90, ALL))
                ours = await sessions.get_context_history(each.id, max_tokens=budget)
                assert ours.messages == (await other.get_context_history(each.id, max_tokens=budget)).messages


async def _anything(sessions: SessionManager, chance: random.Random, n: int) -> None:
    """Do one thing that changes what is read, each as likely as the others."""
    session = await sessions.get_or_create_session(ANN)
    match chance.randrange(10):
        case 0:
            await sessions.fork(session.id)
        case 1:
            await sessions.save_checkpoint(session.id, name=f"at {n}")
        case 2 if saved := await sessions.list_checkpoints(session.id):
            await sessions.restore_checkpoint(chance.choice(saved).id)
        case 3 | 4 as which:
            with suppress(NothingToUndo):
                await (sessions.undo(ANN) if which == 3 else sessions.redo(ANN))
        case 5:
            source = f"{chance.randrange(n + 1)}"
            await sessions.revise_message(ANN, source=source, content=f"edited at {n}")
        case 6:
            other = chance.choice(await sessions.list_sessions(ANN))
            await sessions.switch_session(ANN, other.id)
        case 7:
            await sessions.add_message(session.id, role="user", content=f"mark {n}", important=True)
        case 8 if len(others := await sessions.list_sessions(ANN)) > 3:
            await sessions.delete_session(others[-1].id)
        case _:
            for part in range(chance.randrange(1, 6)):
                turn = await sessions.begin_turn(session.id, content=f"{n}.{part}", metadata={"source": f"{n}"})
                await sessions.finish_turn(turn, content=f"re: {n}.{part}")


async def test_all_forks_read_an_edited_text(open_store: Opener) -> None:
    """Also those that nobody is in just now, and that were read before the edit."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.begin_turn(session.id, content="teel", metadata={"source": "7"})
        forks = [session]
        for _ in range(2):
            await sessions.switch_session(ANN, session.id)
            forks.append(await sessions.fork(session.id))
        assert [await texts(sessions, fork.id) for fork in forks] == [["teel"]] * 3
        assert await sessions.revise_message(ANN, source="7", content="teal")
        assert [await texts(sessions, fork.id) for fork in forks] == [["teal"]] * 3


async def test_what_was_read_before_a_change_is_not_kept(open_store: Opener) -> None:
    """Messages that arrive from the disk after the head was moved are given, and not taken for the newest ones."""
    async with open_store(hot_messages=2) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
        live = await sessions._parts.cache.get(session.id)
        tails, before = Tails(2), live.tail
        found = await sessions.get_history(session.id, limit=None)
        live.forget_tail()
        tails.fill(live, before, found)
        assert live.tail.messages == []
        tails.fill(live, live.tail, found)
        assert live.tail.messages == found[-2:]
        tails.extend(before, found[:-2])
        assert live.tail.messages == found[-2:]
        tails.extend(live.tail, found[:-2])
        assert live.tail.messages == found


async def test_long_tails_share_the_room(open_store: Opener) -> None:
    """Those that were not used for longest are cut first, and one that is too long by itself is cut at once."""
    async with open_store() as sessions:
        kept: list[Tail] = []
        tails = Tails(2, room=10 * _MESSAGE, longest=6 * _MESSAGE)
        for user in ("ann", "bob", "eve"):
            session = await sessions.get_or_create_session(person(user))
            await say(sessions, session.id, "1", "2")
            live = await sessions._parts.cache.get(session.id)
            found = await sessions.get_history(session.id, limit=None)
            live.forget_tail()
            tails.fill(live, live.tail, found)
            tails.extend(live.tail, found[:-2])
            kept.append(live.tail)
        assert [len(tail.messages) for tail in kept] == [2, 4, 4]
        for number in range(5, 8):
            tails.append(live, _message(number))
        assert [len(tail.messages) for tail in kept] == [2, 4, 2]
        assert [m.seq for m in kept[-1].messages] == [6, 7]


_MESSAGE = _BESIDE + 52  # bytes of one with a text of up to three letters


def _message(number: int) -> Message:
    return Message(number, "user", f"{number}", 0)
