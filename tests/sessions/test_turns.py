"""Turns: a question is stored before the model is asked, and its reply lands behind it or nowhere one looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from sessions.errors import InvalidValue, NotFound, NothingToUndo
from sessions.manager import SessionManager
from sessions.message import Message, Usage
from sessions.session import Session, Status
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts

ANN = person()


@dataclass
class Scene:
    """A conversation in which something was said before."""

    sessions: SessionManager
    session: Session

    async def stored(self) -> dict[str, int]:
        """Give every stored message of the session, on whatever branch, with its number as one reads."""
        export = json.loads(await self.sessions.export(self.session.id, format="json"))
        return {message["content"]: message["seq"] for message in export["messages"]}

    async def now(self) -> Session:
        return await self.sessions.get_session(self.session.id)


@pytest.fixture
async def scene(open_store: Opener) -> AsyncIterator[Scene]:
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "first")
        yield Scene(sessions, session)


BEFORE = ["first", "re: first"]


# -- in time -----------------------------------------------------------------------------------------


async def test_the_question_is_stored_before_the_reply(scene: Scene, open_store: Opener) -> None:
    """As soon as a turn has begun its question is there to read, with who asked, and durable."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?", author="Ann")
    assert (turn.message.content, turn.message.author, turn.message.seq) == ("why?", "Ann", 3)
    async with open_store(read_only=True) as reader:
        assert await texts(reader, scene.session.id) == [*BEFORE, "why?"]


async def test_a_reply_in_time_follows_its_question(scene: Scene) -> None:
    """It is the next message, is to be shown, and its tokens are counted."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    outcome = await scene.sessions.finish_turn(turn, content="because", usage=Usage(5, 7, 2), metadata={"model": "m"})
    assert outcome.current
    assert outcome.message is not None
    assert (outcome.message.seq, outcome.message.kind, outcome.message.metadata) == (4, "text", {"model": "m"})
    assert await texts(scene.sessions, scene.session.id) == [*BEFORE, "why?", "because"]
    assert (await scene.now()).usage == Usage(5, 7, 2)


async def test_a_reply_counts_after_a_restart(open_store: Opener) -> None:
    """A turn that began before a restart can be finished after it."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        turn = await sessions.begin_turn(session.id, content="why?")
    async with open_store() as sessions:
        assert (await sessions.finish_turn(turn, content="because")).current
        assert await texts(sessions, session.id) == ["why?", "because"]


async def test_a_reply_is_in_time_again_when_what_left_it_behind_was_undone(scene: Scene) -> None:
    """Clearing and undoing that before the reply comes leaves the question the last thing said."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    await scene.sessions.clear_history(scene.session.id)
    await scene.sessions.undo(ANN)
    assert (await scene.sessions.finish_turn(turn, content="because")).current
    assert await texts(scene.sessions, scene.session.id) == [*BEFORE, "why?", "because"]


async def test_a_summary_made_for_the_question_does_not_make_the_reply_late(
    open_store: Opener, clock: ManualClock
) -> None:
    """What stands between question and reply is a summary: the reply comes after it and is shown."""

    async def shorten(messages: Sequence[Message], instructions: str | None) -> str:
        return "in short"

    async with SessionManager.open(encryption_key=KEY, clock=clock, summarizer=shorten) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, *(f"{number} " + "word " * 40 for number in range(12)))
        turn = await sessions.begin_turn(session.id, content="why?")
        await sessions.compact(session.id, max_tokens=300)
        outcome = await sessions.finish_turn(turn, content="because")
        assert outcome.current
        assert (await texts(sessions, session.id))[-3:] == ["why?", "in short", "because"]


# -- too late ----------------------------------------------------------------------------------------

Leave = Callable[[SessionManager, str], Awaitable[object]]


async def restore(sessions: SessionManager, session_id: str) -> object:
    (mark,) = await sessions.list_checkpoints(session_id)
    return await sessions.restore_checkpoint(mark.id)


AWAY: dict[str, Leave] = {
    "reset": lambda sessions, _: sessions.reset(ANN),
    "new": lambda sessions, _: sessions.new_session(ANN),
    "fork": lambda sessions, session_id: sessions.fork(session_id),
}
BACK: dict[str, Leave] = {
    "clear": lambda sessions, session_id: sessions.clear_history(session_id),
    "undo": lambda sessions, _: sessions.undo(ANN),
    "restore": restore,
}


@pytest.mark.parametrize("leave", AWAY.values(), ids=AWAY)
async def test_a_reply_after_one_went_elsewhere_stays_in_its_own_session(scene: Scene, leave: Leave) -> None:
    """It is stored behind its question, is not to be shown, and the session one is in now has nothing of it."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    await leave(scene.sessions, scene.session.id)
    elsewhere = await scene.sessions.current_session(ANN)
    assert elsewhere is not None
    before = await texts(scene.sessions, elsewhere.id)
    outcome = await scene.sessions.finish_turn(turn, content="because", usage=Usage(1, 2, 3))
    assert not outcome.current
    assert await texts(scene.sessions, scene.session.id) == [*BEFORE, "why?", "because"]
    assert await scene.sessions.current_session(ANN) == elsewhere
    assert await texts(scene.sessions, elsewhere.id) == before
    assert await scene.sessions.verify() == []


@pytest.mark.parametrize("leave", BACK.values(), ids=BACK)
async def test_a_reply_after_one_went_back_is_stored_and_not_shown(scene: Scene, leave: Leave) -> None:
    """It stands behind its question, one reads what one read before, and undo takes back what one did last."""
    await scene.sessions.save_checkpoint(scene.session.id, name="here")
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    await leave(scene.sessions, scene.session.id)
    before = await texts(scene.sessions, scene.session.id)
    outcome = await scene.sessions.finish_turn(turn, content="because", usage=Usage(1, 2, 3))
    assert not outcome.current
    assert outcome.message is not None
    assert outcome.message.seq == 4
    assert await texts(scene.sessions, scene.session.id) == before
    assert (await scene.stored())["because"] == 4
    assert (await scene.now()).usage == Usage(1, 2, 3)
    await scene.sessions.add_message(scene.session.id, role="user", content="else")
    assert await texts(scene.sessions, scene.session.id) == [*before, "else"]
    assert await scene.sessions.verify() == []


async def test_undo_after_a_late_reply_takes_back_what_left_it_behind(scene: Scene) -> None:
    """A late reply is no step of its own: one comes back to the question, still without the reply."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    await scene.sessions.clear_history(scene.session.id)
    await scene.sessions.finish_turn(turn, content="because")
    (step,) = await scene.sessions.undo(ANN)
    assert step.op == "clear"
    assert await texts(scene.sessions, scene.session.id) == [*BEFORE, "why?"]


async def test_a_reply_after_somebody_said_more_is_late(scene: Scene) -> None:
    """It was not written for what was said since; that stays the last message."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    await scene.sessions.add_message(scene.session.id, role="user", content="never mind")
    assert not (await scene.sessions.finish_turn(turn, content="because")).current
    assert await texts(scene.sessions, scene.session.id) == [*BEFORE, "why?", "never mind"]
    assert (await scene.stored())["because"] == 4


async def test_a_reply_is_shown_to_who_came_back_to_its_session(scene: Scene) -> None:
    """Whoever went elsewhere and returned before the reply came gets it."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    await scene.sessions.new_session(ANN)
    await scene.sessions.switch_session(ANN, scene.session.id)
    assert (await scene.sessions.finish_turn(turn, content="because")).current


async def test_a_reply_for_an_erased_session_is_refused(scene: Scene) -> None:
    """The session is gone, and the reply does not bring anything of it back."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    await scene.sessions.delete_session(scene.session.id)
    with pytest.raises(NotFound):
        await scene.sessions.finish_turn(turn, content="because")
    assert await scene.sessions.own_sessions(ANN) == []
    assert await scene.sessions.verify() == []


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("leave", ["reset", "new", "fork"])
async def test_a_reply_that_comes_while_one_leaves_does_not_bring_one_back(
    scene: Scene, leave: str, failed: bool
) -> None:
    """Whatever the order in which the two get through, the session one went to stays the current one."""
    for head_start in range(8):
        current = await scene.sessions.get_or_create_session(ANN)
        before = Status.ACTIVE if failed else Status.ERROR  # so that the reply changes it
        await scene.sessions.set_status(current.id, before)
        turn = await scene.sessions.begin_turn(current.id, content="why?")
        finishing = asyncio.ensure_future(scene.sessions.finish_turn(turn, content="because", failed=failed))
        for _ in range(head_start):
            await asyncio.sleep(0)
        fresh = await AWAY[leave](scene.sessions, current.id)
        await finishing
        assert isinstance(fresh, Session)
        there = await scene.sessions.current_session(ANN)
        assert there is not None
        assert there.id == fresh.id
        assert not (await scene.sessions.get_session(current.id)).status.is_current


# -- broken off, failed ------------------------------------------------------------------------------


async def test_a_reply_that_broke_off_is_kept_and_marked(scene: Scene) -> None:
    """Its text is there as partial, and the session goes on."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    outcome = await scene.sessions.finish_turn(turn, content="becau", partial=True)
    assert outcome.message is not None
    assert (outcome.message.kind, outcome.current) == ("partial", True)
    assert (await scene.sessions.get_history(scene.session.id))[-1].kind == "partial"
    assert (await scene.now()).status is Status.ACTIVE


async def test_a_failed_turn_leaves_the_question_and_an_error(scene: Scene) -> None:
    """Without a word of reply nothing is stored; the session is in error until the next reply comes."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    outcome = await scene.sessions.finish_turn(turn, content="", failed=True)
    assert (outcome.message, outcome.current) == (None, True)
    assert (await scene.now()).status is Status.ERROR
    assert await texts(scene.sessions, scene.session.id) == [*BEFORE, "why?"]
    again = await scene.sessions.retry_turn(scene.session.id)
    assert (await scene.sessions.finish_turn(again, content="because")).current
    assert (await scene.now()).status is Status.ACTIVE
    assert await texts(scene.sessions, scene.session.id) == [*BEFORE, "why?", "because"]


async def test_a_turn_that_failed_on_its_way_keeps_what_was_said(scene: Scene) -> None:
    """The beginning of the reply is stored as partial, and the session is in error."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    outcome = await scene.sessions.finish_turn(turn, content="becau", failed=True)
    assert outcome.message is not None
    assert outcome.message.kind == "partial"
    assert (await scene.now()).status is Status.ERROR


async def test_a_late_failure_puts_nobody_in_error(scene: Scene) -> None:
    """Neither the session that was left nor the one one is in now."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    fresh = await scene.sessions.reset(ANN)
    outcome = await scene.sessions.finish_turn(turn, content="", failed=True)
    assert (outcome.message, outcome.current) == (None, False)
    assert (await scene.now()).status is Status.COMPLETED
    assert (await scene.sessions.get_session(fresh.id)).status is Status.ACTIVE


async def test_a_reply_that_can_not_be_stored_changes_nothing(scene: Scene) -> None:
    """Impossible token counts are refused before anything is written; the turn can still be finished."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    with pytest.raises(InvalidValue, match="token counts"):
        await scene.sessions.finish_turn(turn, content="because", usage=Usage(-1))
    assert await texts(scene.sessions, scene.session.id) == [*BEFORE, "why?"]
    assert (await scene.sessions.finish_turn(turn, content="because")).current


# -- again -------------------------------------------------------------------------------------------


async def test_retry_makes_room_for_another_reply(scene: Scene) -> None:
    """One stands at the question again; the new reply follows it, and undo brings the old one back."""
    turn = await scene.sessions.retry_turn(scene.session.id)
    assert turn.message.content == "first"
    assert await texts(scene.sessions, scene.session.id) == ["first"]
    assert (await scene.sessions.finish_turn(turn, content="better")).current
    assert await texts(scene.sessions, scene.session.id) == ["first", "better"]
    await scene.sessions.restore_checkpoint(
        (await scene.sessions.list_checkpoints(scene.session.id, automatic=True))[-1].id
    )
    assert await texts(scene.sessions, scene.session.id) == BEFORE


async def test_there_is_nothing_to_retry_where_nobody_asked(scene: Scene) -> None:
    """A session without a question says so and stays as it is."""
    fresh = await scene.sessions.new_session(ANN)
    await scene.sessions.add_message(fresh.id, role="system", content="be kind")
    with pytest.raises(NothingToUndo):
        await scene.sessions.retry_turn(fresh.id)
    assert await texts(scene.sessions, fresh.id) == ["be kind"]


async def test_retry_in_a_fork_asks_what_was_asked_before_it(scene: Scene) -> None:
    """The question may lie in the session that the fork came from; that one keeps its own reply."""
    fork = await scene.sessions.fork(scene.session.id)
    turn = await scene.sessions.retry_turn(fork.id)
    assert (await scene.sessions.finish_turn(turn, content="better")).current
    assert await texts(scene.sessions, fork.id) == ["first", "better"]
    assert await texts(scene.sessions, scene.session.id) == BEFORE
    assert await scene.sessions.verify() == []


async def test_a_late_reply_to_a_retried_question_stands_behind_it(scene: Scene) -> None:
    """Also where the question lies in the session that a fork came from, clearing meanwhile loses nothing."""
    fork = await scene.sessions.fork(scene.session.id)
    turn = await scene.sessions.retry_turn(fork.id)
    await scene.sessions.clear_history(fork.id)
    assert not (await scene.sessions.finish_turn(turn, content="better")).current
    assert await texts(scene.sessions, fork.id) == []
    stored = await Scene(scene.sessions, fork).stored()
    assert stored["better"] == 2
    assert await scene.sessions.verify() == []


# -- what goes with it -------------------------------------------------------------------------------


async def test_a_reply_keeps_the_time_of_the_next_reset_though_others_were_busy_meanwhile(
    clock: ManualClock,
) -> None:
    """Also when the session was let go from memory while the model thought."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30, hot_sessions=1) as sessions:
        session = await sessions.get_or_create_session(ANN)
        turn = await sessions.begin_turn(session.id, content="why?")
        due = (await sessions.get_session(session.id)).next_reset_at
        await sessions.get_or_create_session(person("bob"))
        await sessions.finish_turn(turn, content="because")
        assert due is not None
        assert (await sessions.get_session(session.id)).next_reset_at == due


async def test_times_within_a_turn_do_not_run_backwards(scene: Scene, clock: ManualClock) -> None:
    """Though the clock was set back between question and reply."""
    turn = await scene.sessions.begin_turn(scene.session.id, content="why?")
    clock.advance(-3600)
    outcome = await scene.sessions.finish_turn(turn, content="because")
    assert outcome.message is not None
    assert outcome.message.created_at >= turn.message.created_at


async def test_a_summary_made_for_a_retry_in_a_fork_does_not_make_the_reply_late(clock: ManualClock) -> None:
    """The question lies in the session the fork came from; its reply belongs behind it all the same."""

    async def brief(messages: Sequence[Message], instructions: str | None) -> str:
        return "they talked"

    async with SessionManager.open(encryption_key=KEY, clock=clock, summarizer=brief) as sessions:
        original = await sessions.get_or_create_session(ANN)
        await say(sessions, original.id, *(f"turn {number} " + "x" * 40 for number in range(30)))
        fork = await sessions.fork(original.id)
        turn = await sessions.retry_turn(fork.id)
        context = await sessions.get_context_history(fork.id, max_tokens=200, strategy="summarize")
        assert any(message.kind == "summary" for message in context)
        outcome = await sessions.finish_turn(turn, content="another answer")
        assert outcome.current
        assert (await texts(sessions, fork.id))[-1] == "another answer"


async def test_an_export_in_the_middle_of_a_turn_is_of_one_moment(scene: Scene) -> None:
    """What is said while the export is gathered is in it as a whole or not at all; it reads back either way."""
    from sessions.export.json_reader import from_json

    async def talk() -> None:
        for number in range(20):
            await say(scene.sessions, scene.session.id, f"{number}")

    talking = asyncio.ensure_future(talk())
    for _ in range(20):
        transcript = from_json(await scene.sessions.export(scene.session.id, format="json"))
        assert transcript.head == len(transcript.stored)
    await talking
