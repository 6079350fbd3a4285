"""What becomes of a message: an answer to a question, a command, or a turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from adapters.inbound import Call, Inbound
from adapters.reply import Reply
from bot.application import Application
from bot.dispatcher import STOP_WAITS
from bot.mishaps import APOLOGY
from bot.summarizer import Summarizer
from config import load_settings
from sessions import Address, Session, SessionManager
from tests.bot.scripted import Hold, Paper, ScriptedBackend
from tests.conftest import ManualClock

ANN = Address(platform="console", account="local", chat_id="terminal", user_id="ann")
BEN = Address(platform="console", account="local", chat_id="terminal", user_id="ben")
MINUTE = 60.0


class Bot:
    """A whole application with a model that follows a script."""

    def __init__(self, sessions: SessionManager, model: ScriptedBackend, clock: ManualClock, **environ: str) -> None:
        settings = load_settings(environ={"PALAVER_SESSIONS__TIMEZONE": "UTC", **environ})
        self.sessions, self.model = sessions, model
        self.application = Application(settings, sessions, model, ephemeral=False, clock=clock)
        self.application.announce_through("console", self._announce)
        self.announced: list[tuple[Address, str]] = []

    async def hears(self, text: str, *, address: Address = ANN, paper: Paper | None = None) -> Paper:
        paper = paper or Paper()
        await self.application.handle(Inbound(address=address, text=text), paper)
        return paper

    async def says(self, text: str, *, address: Address = ANN) -> str:
        """Give the one complete answer to a message."""
        paper = await self.hears(text, address=address)
        (answer,) = paper.said
        return answer

    async def kept(self, *, address: Address = ANN) -> list[str]:
        manager = self.application.sessions_of(address)
        session = await manager.get_or_create_session(address)
        return [message.content for message in await manager.get_history(session.id, limit=None)]

    async def _announce(self, address: Address, reply: Reply) -> None:
        self.announced.append((address, reply.text))


@pytest.fixture
async def bot(clock: ManualClock) -> AsyncIterator[Bot]:
    model = ScriptedBackend()
    opened = SessionManager.open(
        encryption_key=bytes(range(32)), clock=clock, summarizer=Summarizer(model), idle_reset_minutes=30
    )
    async with opened as sessions:
        running = Bot(sessions, model, clock)
        yield running
        await running.application.close()


async def test_text_is_a_turn(bot: Bot) -> None:
    """What is no command goes to the model."""
    paper = await bot.hears("hello")

    assert paper.finished == ["I see."]
    assert await bot.kept() == ["hello", "I see."]


async def test_a_slash_is_a_command(bot: Bot) -> None:
    """Space before it does not matter, and nothing of it is stored."""
    assert "`/help`" in await bot.says("  /nonsense")
    assert bot.model.prompts == []
    assert await bot.kept() == []


async def test_two_slashes_send_one(bot: Bot) -> None:
    """This is how a text that begins with a slash is said."""
    await bot.hears("//etc/hosts is a file")

    assert (await bot.kept())[0] == "/etc/hosts is a file"


async def test_a_message_is_kept_as_it_was_written(bot: Bot) -> None:
    """Space around it belongs to it; only commands are trimmed."""
    await bot.hears("  indented\n")

    assert (await bot.kept())[0] == "  indented\n"


@pytest.mark.parametrize("text", ["", "  \n", "\u200b"])
async def test_a_message_without_words_is_answered_in_words(bot: Bot, text: str) -> None:
    """Neither the store nor the model sees it."""
    assert "no words" in await bot.says(text)
    assert await bot.kept() == []


async def test_yes_answers_the_question_that_is_open(bot: Bot) -> None:
    """A destructive command asks; the yes carries it out and is not said to the model."""
    await bot.hears("secret")
    assert "yes" in await bot.says("/forgetme")
    assert "erased" in await bot.says("yes")

    assert await bot.kept() == []
    assert len(bot.model.prompts) == 1


async def test_anything_else_drops_the_question_and_is_heard(bot: Bot) -> None:
    """What was asked before does not swallow what is said next; a later yes is just a word."""
    await bot.hears("secret")
    await bot.says("/forgetme")
    await bot.hears("wait, what?")
    await bot.hears("yes")

    assert await bot.kept() == ["secret", "I see.", "wait, what?", "I see.", "yes", "I see."]


async def test_nobody_else_can_answer(bot: Bot) -> None:
    """A question is answered by the person who was asked."""
    await bot.hears("secret")
    await bot.says("/forgetme")
    await bot.hears("yes", address=BEN)

    assert await bot.kept() == ["secret", "I see."]


async def test_commands_do_not_wait_for_a_reply(bot: Bot) -> None:
    """/session answers while the model still speaks."""
    hold = Hold()
    bot.model.then("slow ", hold, "reply")
    talking = asyncio.ensure_future(bot.hears("hi"))
    await hold.reached.wait()
    async with asyncio.timeout(1):
        assert "Conversation" in await bot.says("/session")

    assert not talking.done()
    hold.go.set()
    assert (await talking).finished == ["slow reply"]


async def test_stop_breaks_the_reply_off(bot: Bot) -> None:
    """By the time /stop has answered, the part is kept."""
    hold = Hold()
    bot.model.then("half", hold)
    talking = asyncio.ensure_future(bot.hears("hi"))
    await hold.reached.wait()

    assert await bot.says("/stop") == "Stopped."
    assert await bot.kept() == ["hi", "half"]
    assert (await talking).finished == ["half"]
    assert await bot.says("/stop") == "There is nothing to stop."


async def test_stop_reaches_the_message_sent_right_before_it(bot: Bot) -> None:
    """Both came at once: the reply is stopped before it begins, and the message is kept."""
    bot.model.then("too late")
    talking = asyncio.ensure_future(bot.hears("hi"))
    stopping = asyncio.ensure_future(bot.says("/stop"))

    assert await stopping == "Stopped."
    assert (await talking).finished == []
    assert await bot.kept() == ["hi"]


async def _summing_up(bot: Bot) -> tuple[Hold, asyncio.Future[Paper]]:
    """Begin a command that takes as long as the test wants."""
    for text in ("one", "two", "three"):
        await bot.hears(text * 4_000)
    hold = Hold()
    bot.model.then(hold, "a summary")
    summing = asyncio.ensure_future(bot.hears("/compact"))
    async with asyncio.timeout(5):
        await hold.reached.wait()
    return hold, summing


async def test_stop_does_not_wait_for_a_long_command(bot: Bot) -> None:
    """What takes its time before it does not hold it up."""
    hold, summing = await _summing_up(bot)
    async with asyncio.timeout(2 * STOP_WAITS):
        assert await bot.says("/stop") == "There is nothing to stop."
    hold.go.set()
    await summing


async def test_a_word_that_begins_like_stop_waits_its_turn(bot: Bot) -> None:
    """/stopwatch is no command, and does not go past a command that is being carried out."""
    hold, summing = await _summing_up(bot)
    other = asyncio.ensure_future(bot.hears("/stopwatch"))
    await asyncio.sleep(2 * STOP_WAITS)
    assert not other.done()
    hold.go.set()
    await asyncio.gather(summing, other)


async def test_stop_beyond_the_pace_is_answered_only_if_it_stops_something(clock: ManualClock) -> None:
    """So nobody fills a chat with it, and nobody is kept from it."""
    async with SessionManager.open(encryption_key=bytes(32), clock=clock) as sessions:
        bot = Bot(
            sessions, ScriptedBackend(), clock, PALAVER_ACCESS__MODE="open", PALAVER_ACCESS__MESSAGES_PER_MINUTE="2"
        )
        person = Address(platform="telegram", account="1", chat_id="2", user_id="2")
        hold = Hold()
        bot.model.then("half", hold)
        talking = asyncio.ensure_future(bot.hears("hi", address=person))
        await hold.reached.wait()
        await bot.hears("/session", address=person)

        assert await bot.says("/stop", address=person) == "Stopped."
        assert (await bot.hears("/stop", address=person)).sent == []
        call = Inbound(address=person, text="", call=Call(path=("stop",), options={}))
        paper = Paper()
        await bot.application.handle(call, paper)
        assert [reply.private for reply in paper.sent] == [True]
        await talking
        await bot.application.close()


async def test_a_native_command_closes_the_open_question(bot: Bot) -> None:
    """Who went on with another command did not say yes."""
    await bot.hears("secret")
    await bot.says("/forgetme")
    await bot.application.handle(Inbound(address=ANN, text="", call=Call(path=("session",), options={})), Paper())
    await bot.hears("yes")

    assert await bot.kept() == ["secret", "I see.", "yes", "I see."]


async def test_a_command_sent_while_the_program_was_off_comes_after_the_replies(bot: Bot, clock: ManualClock) -> None:
    """It was written after the message, and is carried out after its reply; a live one does not wait."""
    hold = Hold()
    bot.model.then("slow ", hold, "reply")
    order: list[str] = []

    async def hear(text: str, at: float) -> None:
        await bot.application.handle(Inbound(address=ANN, text=text, at=at), Paper())
        order.append(text)

    started = clock()
    late = [asyncio.ensure_future(hear(text, started - 60)) for text in ("hi", "/session")]
    await hold.reached.wait()
    await asyncio.sleep(0.05)
    assert order == []
    hold.go.set()
    await asyncio.gather(*late)
    assert order == ["hi", "/session"]

    again = Hold()
    bot.model.then("slow ", again, "reply")
    live = [asyncio.ensure_future(hear(text, started + 60)) for text in ("how are you", "/help")]
    await again.reached.wait()
    await live[1]
    assert order[-1] == "/help"
    again.go.set()
    await live[0]


async def test_a_stop_sent_while_the_program_was_off_stops_the_message_before_it(bot: Bot, clock: ManualClock) -> None:
    """Nobody wants the reply any more; what was written behind it is heard."""
    sent = [Inbound(address=ANN, text=text, at=clock() - 60) for text in ("hi", "/stop", "ho")]
    papers = [Paper() for _ in sent]
    await asyncio.gather(*(bot.application.handle(one, paper) for one, paper in zip(sent, papers, strict=True)))

    assert [paper.said for paper in papers] == [[], ["Stopped."], []]
    assert [paper.finished for paper in papers] == [[], [], ["I see."]]
    assert await bot.kept() == ["hi", "ho", "I see."]


async def test_stopping_is_for_ones_own_replies(bot: Bot) -> None:
    """Another person's /stop does not reach them."""
    hold = Hold()
    bot.model.then(hold, "done")
    talking = asyncio.ensure_future(bot.hears("hi"))
    await hold.reached.wait()

    assert await bot.says("/stop", address=BEN) == "There is nothing to stop."
    hold.go.set()
    assert (await talking).finished == ["done"]


@pytest.mark.parametrize("command", ["/reset", "/new", "/incognito on"])
async def test_after_a_reset_nothing_of_the_old_reply_appears(bot: Bot, command: str) -> None:
    """It is kept in the old conversation; the new one begins empty."""
    hold = Hold()
    bot.model.then("half", hold, "more")
    talking = asyncio.ensure_future(bot.hears("hi"))
    await hold.reached.wait()
    old = await bot.sessions.get_or_create_session(ANN)
    async with asyncio.timeout(1):
        await bot.says(command)
    paper = await talking

    assert "more" not in paper.fed
    assert await bot.kept() == []
    assert [message.content for message in await bot.sessions.get_history(old.id)] == ["hi", "half"]


async def test_retry_asks_the_model_again(bot: Bot) -> None:
    """The command is answered by a turn."""
    await bot.hears("hi")
    bot.model.then("Better.")

    assert (await bot.hears("/retry")).finished == ["Better."]
    assert await bot.kept() == ["hi", "Better."]


async def test_compact_sums_up_with_the_model(bot: Bot) -> None:
    """The summary is the model's, heeds the instructions, and goes along from then on."""
    for number in range(8):
        await bot.hears(f"question {number} " + "x" * 2_000)
    bot.model.then("They asked eight questions.")
    assert "They asked eight questions." in await bot.says("/compact keep numbers")
    assert "keep numbers" in bot.model.asked[-1][-1]

    await bot.hears("go on")
    assert "They asked eight questions." in bot.model.asked[-1]


async def test_a_summary_that_fails_is_said_in_words(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """A model that is not there makes /compact fail politely, and changes nothing."""
    from bot.models.errors import ModelUnavailable

    for number in range(8):
        await bot.hears(f"question {number} " + "x" * 2_000)
    before = await bot.kept()
    bot.model.then(ModelUnavailable())
    answer = await bot.says("/compact")

    assert "nothing was changed" in answer
    assert await bot.kept() == before
    assert caplog.text == ""


async def test_an_error_of_the_store_is_said_in_words(bot: Bot) -> None:
    """A message over the limit is refused with the limit, and the conversation goes on."""
    assert "bytes" in await bot.says("x" * 5_000_000)
    assert (await bot.hears("short")).finished == ["I see."]


async def test_an_unforeseen_error_is_apologised_for(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """No stack trace for the person, no words of theirs for the log."""

    class Torn(Paper):
        async def send(self, reply: Reply) -> None:
            if reply.text != APOLOGY:
                raise RuntimeError(f"could not send {reply.text}")
            await super().send(reply)

    await bot.hears("secret")
    with caplog.at_level(logging.DEBUG):
        paper = await bot.hears("/history", paper=Torn())
    assert paper.said == [APOLOGY]
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


async def test_incognito_is_kept_in_memory_and_forgotten(bot: Bot) -> None:
    """What is said meanwhile is in no store; afterwards the old conversation goes on."""
    await bot.hears("on the record")
    await bot.says("/incognito on")
    await bot.hears("off the record")
    assert await bot.kept() == ["off the record", "I see."]
    assert bot.model.asked[-1] == ["off the record"]
    await bot.says("/incognito off")

    assert await bot.kept() == ["on the record", "I see."]
    assert (await bot.sessions.search(ANN, "off the record")) == []
    await bot.says("/incognito on")
    assert await bot.kept() == []


async def test_incognito_is_each_persons_own(bot: Bot) -> None:
    """One person's choice changes nothing for another, and they do not meet in memory."""
    await bot.says("/incognito on")
    await bot.hears("mine")
    await bot.hears("stored", address=BEN)
    await bot.says("/incognito on", address=BEN)

    assert await bot.kept(address=BEN) == []
    assert not (await bot.sessions.list_sessions(ANN))
    await bot.says("/incognito off", address=BEN)
    assert await bot.kept() == ["mine", "I see."]


async def test_a_reset_that_is_due_is_announced_before_the_answer(bot: Bot, clock: ManualClock) -> None:
    """After half an hour of silence the next message begins afresh: with the reason, and the way back."""
    await bot.hears("long ago")
    clock.advance(31 * MINUTE)
    await bot.hears("now")

    ((address, notice),) = bot.announced
    assert address == ANN
    assert "nothing was said for a while" in notice
    assert "/undo" in notice
    assert bot.model.asked[-1] == ["now"]
    await bot.hears("again")
    assert len(bot.announced) == 1


async def test_a_reset_is_announced_before_a_command_too(bot: Bot, clock: ManualClock) -> None:
    """/history after the night shows the fresh conversation and says why; /undo brings the old one back."""
    await bot.hears("long ago")
    clock.advance(31 * MINUTE)
    await bot.says("/history")
    assert len(bot.announced) == 1

    await bot.says("/undo")
    assert await bot.kept() == ["long ago", "I see."]


async def test_completion_knows_the_own_conversations(bot: Bot) -> None:
    """Ids and names are suggested to the person they belong to, and to nobody else."""
    await bot.hears("hi")
    await bot.says('/checkpoint save "before lunch"')

    assert [one.text for one in await bot.application.suggest(ANN, "/checkpoint restore b")] == ['"before lunch"']
    assert await bot.application.suggest(BEN, "/checkpoint restore b") == ()


async def test_the_status_says_where_one_is(bot: Bot) -> None:
    """Title or id, how much was said, and whether it is kept."""
    assert await bot.application.status(ANN) == "new conversation"
    await bot.hears("hi")
    await bot.says("/session title Trip to Rome")
    assert await bot.application.status(ANN) == "Trip to Rome · 2 messages"
    await bot.says("/incognito on")
    assert await bot.application.status(ANN) == "new conversation · incognito"


async def test_messages_of_one_chat_keep_their_order(clock: ManualClock) -> None:
    """A message whose conversation must be fetched first is not overtaken by those behind it."""

    class Slow(SessionManager):
        """Takes its time for the first request, as a cold store does."""

        first = True

        async def get_or_create_session(self, address: Address) -> Session:
            was, Slow.first = Slow.first, False
            await asyncio.sleep(0.05 if was else 0)
            return await super().get_or_create_session(address)

    async with Slow.open(encryption_key=bytes(32), clock=clock) as sessions:
        bot = Bot(sessions, ScriptedBackend(), clock)
        await asyncio.gather(*(bot.hears(text) for text in ("one", "two", "three")))
        assert [text for text in await bot.kept() if text != "I see."] == ["one", "two", "three"]
        await bot.application.close()


async def test_what_is_said_after_a_command_comes_after_it(bot: Bot) -> None:
    """Words sent right behind /new belong to the new conversation, however fast they come."""
    await bot.hears("before")
    await asyncio.gather(bot.hears("/new"), bot.hears("after"))

    assert await bot.kept() == ["after", "I see."]


async def test_leaving_incognito_in_one_chat_forgets_nothing_in_another(bot: Bot) -> None:
    """The same person can be incognito in two chats, and leaves them one by one."""
    other = Address(platform="console", account="local", chat_id="other", user_id="ann")
    for address in (ANN, other):
        await bot.says("/incognito on", address=address)
        await bot.hears("secret", address=address)
    await bot.says("/incognito off")

    assert await bot.kept(address=other) == ["secret", "I see."]
    assert await bot.kept() == []
