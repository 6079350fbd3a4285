"""A turn: what is kept and what is shown, however it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from adapters.inbound import Inbound
from adapters.reply import Reply
from bot.mishaps import APOLOGY
from bot.models.backend import Finished
from bot.models.errors import ModelStalled, ModelUnavailable
from bot.summarizer import Summarizer
from bot.turn_runner import TurnRunner
from sessions import Address, Message, SessionManager, Status, Usage
from sessions.errors import InvalidValue, StoreFull
from sessions.handling import current as current_handling
from sessions.postgres.store import PostgresStore
from sessions.undisturbed import ended
from tests.bot.scripted import USAGE, Hold, Paper, ScriptedBackend, broken
from tests.conftest import ManualClock

ANN = Address(platform="console", account="local", chat_id="terminal", user_id="ann")
BEN = Address(platform="console", account="local", chat_id="terminal", user_id="ben")


class Talk:
    """One person, one model, and the turns between them."""

    def __init__(self, sessions: SessionManager, model: ScriptedBackend, *, max_context_tokens: int = 10_000) -> None:
        self.sessions, self.model = sessions, model
        self.turns = TurnRunner(model, max_context_tokens=max_context_tokens, system_prompt="Be kind.")

    async def say(self, text: str, paper: Paper | None = None, *, address: Address = ANN) -> Paper:
        """Say something and wait for all that comes of it."""
        paper = paper or Paper()
        await ended(await self.turns.say(self.sessions, Inbound(address=address, text=text), paper))
        return paper

    def saying(self, text: str, *, address: Address = ANN) -> asyncio.Task[Paper]:
        """Say something and go on."""
        return asyncio.ensure_future(self.say(text, address=address))

    async def stop(self) -> bool:
        session = await self.sessions.get_or_create_session(ANN)
        return await self.turns.stop(self.sessions, session.id)

    async def messages(self, *, address: Address = ANN) -> list[Message]:
        session = await self.sessions.get_or_create_session(address)
        return await self.sessions.get_history(session.id, limit=None)

    async def kept(self) -> list[tuple[str, str, str]]:
        return [(message.role, message.content, message.kind) for message in await self.messages()]


@pytest.fixture
async def talk(clock: ManualClock) -> AsyncIterator[Talk]:
    model = ScriptedBackend()
    async with SessionManager.open(
        encryption_key=bytes(range(32)), clock=clock, summarizer=Summarizer(model)
    ) as sessions:
        yield Talk(sessions, model)


async def test_a_reply_is_streamed_kept_and_counted(talk: Talk) -> None:
    """Every piece is shown as it comes; the whole is stored with what it cost and who said it."""
    talk.model.then("Hel", "lo", Finished(USAGE))
    paper = await talk.say("hi")

    assert (paper.fed, paper.finished, paper.sent) == ("Hello", ["Hello"], [])
    assert await talk.kept() == [("user", "hi", "text"), ("assistant", "Hello", "text")]
    reply = (await talk.messages())[1]
    assert reply.usage == USAGE
    assert reply.metadata == {"backend": "scripted"}


async def test_the_model_sees_the_conversation_and_the_instructions(talk: Talk) -> None:
    """What was said before goes along, oldest first, and so does the system prompt."""
    await talk.say("one")
    await talk.say("two")

    assert talk.model.asked == [["one"], ["one", "I see.", "two"]]
    assert [prompt.system for prompt in talk.model.prompts] == ["Be kind.", "Be kind."]


async def test_the_model_of_the_conversation_is_asked(talk: Talk) -> None:
    """What /model chose goes with the request."""
    session = await talk.sessions.get_or_create_session(ANN)
    await talk.sessions.update_session(session.id, model="big-one")
    await talk.say("hi")

    assert talk.model.prompts[0].model == "big-one"


async def test_the_message_is_kept_before_the_model_is_asked(talk: Talk) -> None:
    """A program that dies while the model thinks has lost nothing that was said."""
    hold = Hold()
    talk.model.then(hold, "late")
    saying = talk.saying("hi")
    await hold.reached.wait()

    assert await talk.kept() == [("user", "hi", "text")]
    hold.go.set()
    await saying


async def test_a_reply_that_breaks_off_is_kept_and_marked(talk: Talk) -> None:
    """The person keeps the beginning and is told what to do; the session takes the next message."""
    talk.model.then("The answer is", broken())
    paper = await talk.say("what is it?")

    assert paper.finished == ["The answer is"]
    assert [reply.error for reply in paper.sent] == [True]
    assert "/retry" in paper.said[0]
    assert await talk.kept() == [("user", "what is it?", "text"), ("assistant", "The answer is", "partial")]
    assert (await talk.messages())[1].metadata == {"backend": "scripted", "ending": "failed"}
    assert (await talk.sessions.get_or_create_session(ANN)).status is Status.ERROR

    await talk.say("and now?")
    assert (await talk.sessions.get_or_create_session(ANN)).status is Status.ACTIVE


@pytest.mark.parametrize("error", [ModelUnavailable(), ModelStalled("The model said nothing for 30 seconds.")])
async def test_a_model_that_does_not_begin_leaves_no_empty_reply(talk: Talk, error: Exception) -> None:
    """The advice is shown; in the transcript stands the question alone."""
    talk.model.then(error)
    paper = await talk.say("hi")

    assert paper.finished == []
    assert paper.said == [str(error)]
    assert await talk.kept() == [("user", "hi", "text")]


async def test_an_unforeseen_error_tells_nothing_of_the_inside(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    """The person gets an apology, the log gets the place, nobody gets the words."""
    talk.model.then("half", ValueError("secret words at /some/path"))
    with caplog.at_level(logging.DEBUG):
        paper = await talk.say("my secret question")

    assert paper.said == [APOLOGY]
    assert (await talk.kept())[1] == ("assistant", "half", "partial")
    assert "ValueError at" in caplog.text
    assert "secret" not in caplog.text


async def test_a_reply_cut_at_the_limit_of_length_is_marked(talk: Talk) -> None:
    """It is kept as a part, with what it cost, and the person is told how to get the rest."""
    talk.model.then("Once upon", Finished(USAGE, "length"))
    paper = await talk.say("a story")

    assert "go on" in paper.said[0]
    assert (await talk.messages())[1].kind == "partial"
    assert (await talk.messages())[1].usage == USAGE


async def test_stopping_keeps_what_was_said(talk: Talk) -> None:
    """/stop breaks the stream off at once; the part is kept and marked, the connection is closed."""
    hold = Hold()
    talk.model.then("The first half", hold, " and the second")
    saying = talk.saying("tell me")
    await hold.reached.wait()

    assert await talk.stop()
    paper = await saying
    assert paper.finished == ["The first half"]
    assert await talk.kept() == [("user", "tell me", "text"), ("assistant", "The first half", "partial")]
    assert (await talk.messages())[1].metadata == {"backend": "scripted", "ending": "stopped"}
    assert talk.model.closed == 1
    assert not await talk.stop()


async def test_stopping_before_the_first_word_keeps_the_question_alone(talk: Talk) -> None:
    """Nothing was said, so nothing is stored as said."""
    hold = Hold()
    talk.model.then(hold)
    saying = talk.saying("tell me")
    await hold.reached.wait()
    await talk.stop()

    paper = await saying
    assert (paper.fed, paper.finished, paper.sent) == ("", [], [])
    assert await talk.kept() == [("user", "tell me", "text")]


async def test_cancelling_who_waits_stops_the_turn_and_keeps_it(talk: Talk) -> None:
    """A channel that ends takes the turn with it, but not what was said by then."""
    hold = Hold()
    talk.model.then("half", hold)
    saying = talk.saying("tell me")
    await hold.reached.wait()
    saying.cancel()

    with pytest.raises(asyncio.CancelledError):
        await saying
    assert (await talk.kept())[1] == ("assistant", "half", "partial")


async def test_a_reply_that_comes_after_a_reset_is_kept_where_it_belongs_and_not_shown(talk: Talk) -> None:
    """The old conversation gets it; the new one and the person do not."""
    hold = Hold()
    talk.model.then("old ", hold, "news")
    saying = talk.saying("tell me")
    await hold.reached.wait()
    before = await talk.sessions.get_or_create_session(ANN)
    await talk.sessions.reset(ANN)
    hold.go.set()

    paper = await saying
    assert paper.finished == [""]
    assert paper.sent == []
    assert await talk.messages() == []
    old = await talk.sessions.get_history(before.id, limit=None)
    assert [message.content for message in old] == ["tell me", "old news"]


async def test_turns_of_one_conversation_never_interleave(talk: Talk) -> None:
    """The second message waits for the first reply, and the model then sees both."""
    hold = Hold()
    talk.model.then("first", hold, " reply")
    one = talk.saying("one")
    await hold.reached.wait()
    two = talk.saying("two")
    await asyncio.sleep(0.01)
    assert len(talk.model.prompts) == 1

    hold.go.set()
    await asyncio.gather(one, two)
    assert [content for _, content, _ in await talk.kept()] == ["one", "first reply", "two", "I see."]


async def test_messages_are_answered_in_the_order_in_which_they_came(talk: Talk) -> None:
    """Twenty at once come out as they went in."""
    await asyncio.gather(*(talk.say(str(number)) for number in range(20)))

    said = [content for role, content, _ in await talk.kept() if role == "user"]
    assert said == [str(number) for number in range(20)]


async def test_conversations_run_side_by_side(talk: Talk) -> None:
    """One that waits for its model does not hold up another."""
    hold = Hold()
    talk.model.then(hold, "slow")
    slow = talk.saying("hi")
    await hold.reached.wait()

    async with asyncio.timeout(5):
        await talk.say("hi", address=BEN)
    assert not slow.done()
    hold.go.set()
    await slow


async def test_a_message_that_waited_when_the_reply_was_stopped_is_kept(talk: Talk) -> None:
    """It is not answered, but neither lost nor put before the reply it came after."""
    hold = Hold()
    talk.model.then("first half", hold)
    one, two = talk.saying("one"), talk.saying("two")
    await hold.reached.wait()
    await asyncio.sleep(0.01)
    await talk.stop()

    papers = await asyncio.gather(one, two)
    assert [content for _, content, _ in await talk.kept()] == ["one", "first half", "two"]
    assert "kept" in papers[1].said[0]


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[Talk]:
    """A talk whose commits take the time that a disk takes."""
    async with SessionManager.open(db_path=tmp_path / "x.db", encryption_key=bytes(32)) as sessions:
        yield Talk(sessions, ScriptedBackend())


async def stopping(talk: Talk, *, times: int, once: Callable[[], object]) -> Paper:
    """Say hi; as soon as `once` holds, stop in every round of the event loop, so many times."""
    session = await talk.sessions.get_or_create_session(ANN)
    loop, saying, left = asyncio.get_running_loop(), talk.saying("hi"), times

    def stop_again() -> None:
        nonlocal left
        if left and once() and talk.sessions.lanes.stop(session.id):
            left -= 1
        if not saying.done():
            loop.call_soon(stop_again)

    stop_again()
    paper = await saying
    assert left < times
    return paper


@pytest.mark.parametrize("times", [1, 2, 1_000_000])
async def test_a_late_stop_does_not_take_the_end_of_a_reply(stored: Talk, times: int) -> None:
    """Once the model is done, stopping while the reply is stored changes nothing."""
    paper = await stopping(stored, times=times, once=lambda: stored.model.closed)

    assert await stored.kept() == [("user", "hi", "text"), ("assistant", "I see.", "text")]
    assert paper.finished == ["I see."]


@pytest.mark.parametrize("times", [1, 2, 1_000_000])
async def test_an_early_stop_does_not_take_the_message(stored: Talk, times: int) -> None:
    """Stopping while the message is stored leaves it there once, without a reply."""
    await stopping(stored, times=times, once=lambda: True)

    assert await stored.kept() == [("user", "hi", "text")]
    assert stored.model.prompts == []


async def test_a_stop_while_a_turn_is_given_back_does_not_keep_its_message_twice(database: str) -> None:
    """Where workers share the store a turn ends with a word to the others; a stop that comes then is too late."""
    store = PostgresStore(database, many=True, size=4)
    async with SessionManager.open(store=store, encryption_key=bytes(32)) as sessions:
        await sessions.join(shares=False)
        talk = Talk(sessions, ScriptedBackend())
        paper = await stopping(talk, times=10_000, once=lambda: talk.model.closed)

        assert await talk.kept() == [("user", "hi", "text"), ("assistant", "I see.", "text")]
        assert (paper.finished, paper.sent) == (["I see."], [])


async def test_a_stop_while_the_cost_is_counted_neither_loses_it_nor_keeps_the_message_twice(talk: Talk) -> None:
    """What the reply has cost is counted to its end, and the warning that is due is given."""
    counting, counted = Hold(), 0

    async def spent(_address: Address, usage: Usage) -> Reply:
        nonlocal counted
        counting.reached.set()
        await counting.go.wait()
        counted += usage.output_tokens
        return Reply(text="much")

    talk.turns = TurnRunner(talk.model, max_context_tokens=10_000, spent=spent)
    saying = talk.saying("hi")
    await counting.reached.wait()
    await talk.stop()
    counting.go.set()
    paper = await saying

    assert await talk.kept() == [("user", "hi", "text"), ("assistant", "I see.", "text")]
    assert (counted, paper.said) == (USAGE.output_tokens, ["much"])


class Posted(Paper):
    """A channel that keeps a reply in the post, and looks there when it is to go out."""

    def __init__(self, sessions: SessionManager) -> None:
        super().__init__()
        self._mailbox = sessions.mailbox
        self.posted, self.stored = list[int](), list[int]()

    def promise(self, reply: Reply) -> None:
        parcel, handling = self._mailbox.parcel("telegram:1", reply.text.encode()), current_handling()
        assert handling is not None
        handling.post(parcel)
        self.posted.append(parcel.id)

    async def finish(self, reply: Reply) -> None:
        self.stored += [parcel.id for parcel in await self._mailbox.unsent("telegram:1")]
        await super().finish(reply)


async def test_a_reply_is_in_the_post_before_it_goes_out_wherever_its_conversation_is(tmp_path: Path) -> None:
    """Nothing that is written to an incognito conversation carries it there; else it could be delivered twice."""
    async with (
        SessionManager.open(db_path=tmp_path / "x.db", encryption_key=bytes(32)) as kept,
        SessionManager.open(encryption_key=bytes(32)) as incognito,
    ):
        for number, sessions in enumerate((kept, incognito)):
            (letter,) = await kept.mailbox.receive("telegram:1", [(str(number), b"{}")])
            paper = Posted(kept)
            async with kept.mailbox.handling(letter):
                await Talk(sessions, ScriptedBackend()).say("hi", paper)
            assert paper.finished == ["I see."]
            assert paper.posted
            assert set(paper.posted) <= set(paper.stored)


async def test_stopping_twice_does_not_lose_what_waited(talk: Talk) -> None:
    """A message that is let go a second time, while it waits to be kept, is kept all the same."""
    hold = Hold()
    talk.model.then("first half", hold)
    one, two = talk.saying("one"), talk.saying("two")
    await hold.reached.wait()
    await asyncio.sleep(0.01)
    session = await talk.sessions.get_or_create_session(ANN)
    for _ in range(5):
        talk.sessions.lanes.stop(session.id)
        await asyncio.sleep(0)
    await asyncio.gather(one, two)

    assert [content for _, content, _ in await talk.kept()] == ["one", "first half", "two"]


async def test_a_message_too_long_for_the_model_is_refused_in_words(talk: Talk) -> None:
    """It is kept, the model is not asked, and the person learns how much fits."""
    small = Talk(talk.sessions, talk.model, max_context_tokens=300)
    paper = await small.say("x" * 4_000)

    assert "300" not in paper.said[0]  # the instructions take some of it
    assert "1,000 tokens" in paper.said[0]
    assert talk.model.prompts == []
    assert [role for role, _, _ in await talk.kept()] == ["user"]


async def test_a_conversation_over_the_budget_is_summed_up_once(talk: Talk) -> None:
    """The older part goes as a summary that the model made; the originals stay."""
    small = Talk(talk.sessions, talk.model, max_context_tokens=300)
    for number in range(12):
        talk.model.then(f"answer {number} " + "y" * 100)
        await small.say(f"question {number} " + "x" * 100)
        if any(message.kind == "summary" for message in await talk.messages()):
            break

    history = await talk.messages()
    assert sum(message.kind == "summary" for message in history) == 1
    assert history[0].content.startswith("question 0")
    assert "Sum up" in talk.model.asked[-2][-1]


async def test_a_summary_that_fails_is_told_once_and_the_turn_goes_on(talk: Talk) -> None:
    """Older messages are left out instead, and the person is told so one time."""
    async with SessionManager.open(encryption_key=bytes(32)) as sessions:  # no summarizer
        small = Talk(sessions, talk.model, max_context_tokens=300)
        papers = [await small.say("x" * 300) for _ in range(6)]

    notes = [text for paper in papers for text in paper.said]
    assert len(notes) == 1
    assert "left out" in notes[0]
    assert all(paper.fed for paper in papers)


async def test_a_channel_that_fails_does_not_cost_the_reply(talk: Talk) -> None:
    """The model is heard to its end, and the whole reply is kept and shown at its end."""

    class Clumsy(Paper):
        async def feed(self, delta: str) -> None:
            raise OSError("nobody there")

    talk.model.then("one ", "two")
    paper = await talk.say("hi", Clumsy())

    assert paper.finished == ["one two"]
    assert (await talk.kept())[1] == ("assistant", "one two", "text")


async def test_what_can_not_be_stored_is_not_sent_to_the_model(talk: Talk) -> None:
    """A message that is too large is refused before anything happens."""
    with pytest.raises(InvalidValue, match="bytes"):
        await talk.say("x" * 5_000_000)
    assert talk.model.prompts == []


async def test_a_full_disk_is_said_and_what_was_shown_is_ended(tmp_path: Path, talk: Talk) -> None:
    """The reply that could not be stored was shown to its end; then comes the error."""

    class Full(SessionManager):
        async def finish_turn(self, *arguments: object, **more: object) -> object:  # type: ignore[override]
            raise StoreFull("the disk is full")

    async with Full.open(db_path=tmp_path / "x.db", encryption_key=bytes(32)) as sessions:
        paper = Paper()
        with pytest.raises(StoreFull):
            await Talk(sessions, talk.model).say("hi", paper)
    assert paper.finished == ["I see."]


async def test_retrying_asks_the_model_again(talk: Talk) -> None:
    """The old reply is left, the question stays, and the new reply takes the place."""
    await talk.say("hi")
    session = await talk.sessions.get_or_create_session(ANN)
    turn = await talk.sessions.retry_turn(session.id)
    talk.model.then("Another.")
    paper = Paper()
    await ended(talk.turns.resume(talk.sessions, ANN, turn, paper))

    assert paper.finished == ["Another."]
    assert [content for _, content, _ in await talk.kept()] == ["hi", "Another."]
