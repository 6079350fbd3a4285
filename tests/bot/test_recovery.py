"""A bot that ends in the middle of something takes it up again, and does nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.inbound import Inbound
from bot.application import Application
from bot.summarizer import Summarizer
from config import load_settings
from sessions import Address, SessionManager
from sessions.errors import StoreError
from sessions.letter import Letter
from sessions.session import Session
from sessions.turn import Turn
from tests.bot.scripted import Hold, Paper, ScriptedBackend
from tests.conftest import ManualClock

ANN = Address(platform="console", account="local", chat_id="terminal", user_id="ann")
BEN = Address(platform="console", account="local", chat_id="other", user_id="ben")
CHANNEL = "console:local"


class Crash(Exception):
    """The program ends here."""


@dataclass
class Bot:
    """A bot whose letters are handled by hand."""

    sessions: SessionManager
    application: Application
    model: ScriptedBackend
    papers: list[Paper] = field(default_factory=list)

    async def receive(self, *texts: str) -> list[Letter]:
        count = len(await self.sessions.mailbox.unfinished(CHANNEL))
        updates = [(f"{count}-{number}-{text}", json.dumps(text).encode()) for number, text in enumerate(texts)]
        return await self.sessions.mailbox.receive(CHANNEL, updates)

    async def handle(
        self, letter: Letter, *, crash: asyncio.Event | None = None, paper: Paper | None = None, who: Address = ANN
    ) -> Paper:
        """Handle a letter; with `crash` the program ends when that is set."""
        paper = paper or Paper()
        self.papers.append(paper)
        async with self.sessions.mailbox.handling(letter):
            work = asyncio.ensure_future(self._work(letter, paper, who))
            if crash is not None:
                await crash.wait()
                self.application.park()
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                raise Crash
            await work
        return paper

    async def _work(self, letter: Letter, paper: Paper, who: Address) -> None:
        await self.application.handle(Inbound(address=who, text=json.loads(letter.content), source=letter.name), paper)

    async def kept(self) -> list[str]:
        session = await self.sessions.get_or_create_session(ANN)
        return [message.content for message in await self.sessions.get_history(session.id, limit=None)]


@asynccontextmanager
async def started(path: Path, clock: ManualClock, kind: type[SessionManager] = SessionManager) -> AsyncIterator[Bot]:
    """Start the program on this store."""
    model = ScriptedBackend()
    settings = load_settings(environ={"PALAVER_SESSIONS__TIMEZONE": "UTC"})
    key = bytes(range(32))
    async with kind.open(
        db_path=path / "palaver.db", encryption_key=key, clock=clock, summarizer=Summarizer(model)
    ) as sessions:
        application = Application(settings, sessions, model, ephemeral=False, clock=clock)
        try:
            yield Bot(sessions, application, model)
        finally:
            await application.close()


async def test_a_turn_that_broke_off_with_the_program_is_answered_after_it(tmp_path: Path, clock: ManualClock) -> None:
    """The question stands once, the model is asked once more, and its reply is behind the question."""
    hold = Hold()
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.receive("hello")
        bot.model.then("I be", hold, "gan.")
        with suppress(Crash):
            await bot.handle(letter, crash=hold.reached)
        assert await bot.kept() == ["hello"]
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.sessions.mailbox.unfinished(CHANNEL)
        assert (await bot.handle(letter)).finished == ["I see."]
        assert await bot.kept() == ["hello", "I see."]
        assert await bot.sessions.mailbox.unfinished(CHANNEL) == []


async def test_a_turn_is_not_tried_for_ever(tmp_path: Path, clock: ManualClock) -> None:
    """A message whose answering ends the program again and again is answered with what to do, and let go."""
    for _ in range(3):
        hold = Hold()
        async with started(tmp_path, clock) as bot:
            letters = await bot.sessions.mailbox.unfinished(CHANNEL) or await bot.receive("hello")
            bot.model.then(hold)
            with suppress(Crash):
                await bot.handle(letters[0], crash=hold.reached)
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.sessions.mailbox.unfinished(CHANNEL)
        (answer,) = (await bot.handle(letter)).said
        assert "/retry" in answer
        assert bot.model.prompts == []
        assert await bot.kept() == ["hello"]
        assert await bot.sessions.mailbox.unfinished(CHANNEL) == []


class CrashesBeforeItAnswers(Paper):
    """The program ends between what a command changes and its answer."""

    async def send(self, reply: object) -> None:
        raise Crash


async def test_a_command_that_took_effect_is_not_done_again(tmp_path: Path, clock: ManualClock) -> None:
    """/checkpoint save before the crash and after it is one checkpoint, and the person is told."""
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.receive('/checkpoint save "one"')
        with suppress(Crash):
            async with bot.sessions.mailbox.handling(letter):
                await bot.application.handle(
                    Inbound(address=ANN, text='/checkpoint save "one"'), CrashesBeforeItAnswers()
                )
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.sessions.mailbox.unfinished(CHANNEL)
        (answer,) = (await bot.handle(letter)).said
        assert "interrupted" in answer
        session = await bot.sessions.get_or_create_session(ANN)
        assert [checkpoint.name for checkpoint in await bot.sessions.list_checkpoints(session.id)] == ["one"]


async def test_what_only_reads_is_simply_answered_again(tmp_path: Path, clock: ManualClock) -> None:
    """A command without effect is run again after a crash."""
    async with started(tmp_path, clock) as bot:
        await bot.handle((await bot.receive("hello"))[0])
        (letter,) = await bot.receive("/history")
        with suppress(Crash):
            async with bot.sessions.mailbox.handling(letter):
                await bot.application.handle(Inbound(address=ANN, text="/history"), CrashesBeforeItAnswers())
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.sessions.mailbox.unfinished(CHANNEL)
        (answer,) = (await bot.handle(letter)).said
        assert "hello" in answer


async def test_a_command_that_ends_the_program_is_not_tried_for_ever(tmp_path: Path, clock: ManualClock) -> None:
    """Also if it leaves no trace before: after three times it is answered with what to do, and let go."""
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.receive("hello")
        await bot.handle(letter)
    for _ in range(3):
        async with started(tmp_path, clock) as bot:
            letters = await bot.sessions.mailbox.unfinished(CHANNEL) or await bot.receive("/history")
            with pytest.raises(Crash):
                await bot.handle(letters[0], paper=CrashesBeforeItAnswers())
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.sessions.mailbox.unfinished(CHANNEL)
        assert "each time" in (await bot.handle(letter)).said[0]
        assert await bot.sessions.mailbox.unfinished(CHANNEL) == []
        assert await bot.sessions.verify() == []


async def test_what_waits_its_turn_is_never_given_up(tmp_path: Path, clock: ManualClock) -> None:
    """However often the program ends before: it is stored, and answered in its order."""
    for _ in range(3):
        hold = Hold()
        async with started(tmp_path, clock) as bot:
            first, second = await bot.sessions.mailbox.unfinished(CHANNEL) or await bot.receive("hello", "and then")
            bot.model.then(hold)
            ends = await asyncio.gather(
                bot.handle(first, crash=hold.reached), bot.handle(second, crash=hold.reached), return_exceptions=True
            )
            assert [type(end) for end in ends] == [Crash, Crash]
            assert await bot.kept() == ["hello"]
    async with started(tmp_path, clock) as bot:
        first, second = await bot.sessions.mailbox.unfinished(CHANNEL)
        assert (first.attempts, second.attempts) == (3, 0)
        papers = await asyncio.gather(bot.handle(first), bot.handle(second))
        assert "/retry" in papers[0].said[0]
        assert papers[1].finished == ["I see."]
        assert await bot.kept() == ["hello", "and then", "I see."]


class Waits(Paper):
    """The program hangs before a command is answered, until it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def send(self, reply: object) -> None:
        self.reached.set()
        await asyncio.Event().wait()


async def test_a_command_beside_one_that_ends_the_program_is_not_given_up(tmp_path: Path, clock: ManualClock) -> None:
    """Its own tries are counted while nothing else can be the reason."""
    for attempt in range(3):
        async with started(tmp_path, clock) as bot:
            bad, good = await bot.sessions.mailbox.unfinished(CHANNEL) or await bot.receive("/help", "/session")
            assert (bad.attempts, good.attempts) == (max(attempt - 1, 0), 0)
            paper, other = Waits(), Waits()
            ends = await asyncio.gather(
                bot.handle(bad, crash=paper.reached, paper=paper),
                bot.handle(good, crash=paper.reached, paper=other, who=BEN),
                return_exceptions=True,
            )
            assert [type(end) for end in ends] == [Crash, Crash]
    async with started(tmp_path, clock) as bot:
        bad, good = await bot.sessions.mailbox.unfinished(CHANNEL)
        assert "each time" in (await bot.handle(bad)).said[0]
        assert "each time" not in (await bot.handle(good, who=BEN)).said[0]
        assert await bot.sessions.mailbox.unfinished(CHANNEL) == []


async def test_what_is_said_incognito_does_not_come_back(tmp_path: Path, clock: ManualClock) -> None:
    """It is let go before it is handled: after a crash nothing of it is stored."""
    hold = Hold()
    async with started(tmp_path, clock) as bot:
        for letter in await bot.receive("/incognito on"):
            await bot.handle(letter)
        (letter,) = await bot.receive("a secret")
        bot.model.then(hold)
        with suppress(Crash):
            await bot.handle(letter, crash=hold.reached)
    async with started(tmp_path, clock) as bot:
        assert await bot.sessions.mailbox.unfinished(CHANNEL) == []
        assert await bot.kept() == []


async def test_an_edit_changes_what_was_said_and_runs_no_command(tmp_path: Path, clock: ManualClock) -> None:
    """Editing a message into a command does not run it; editing its words changes them."""
    async with started(tmp_path, clock) as bot:
        (letter,) = await bot.receive("teel")
        await bot.handle(letter)
        for text in ("teal", "/forgetme"):
            paper = Paper()
            await bot.application.handle(Inbound(address=ANN, text=text, edits=letter.name), paper)
            assert (paper.said, paper.finished) == ([], [])
            assert await bot.kept() == [text, "I see."]


class Flaky(SessionManager):
    """Takes nothing for a while, as a database does in which somebody holds a lock."""

    refusals = 0

    async def begin_turn(self, session_id: str, **more: object) -> Turn:
        self._refuse()
        return await super().begin_turn(session_id, **more)  # type: ignore[arg-type]

    async def reset(self, address: Address) -> Session:
        self._refuse()
        return await super().reset(address)

    def _refuse(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreError("it is too busy")


@pytest.mark.parametrize("second", ["two", "/reset"])
async def test_what_can_not_be_stored_for_a_while_keeps_its_place(
    tmp_path: Path, clock: ManualClock, second: str
) -> None:
    """It is said once that it is held; it is answered in its order, and what was said later waits behind it."""
    async with started(tmp_path, clock, Flaky) as bot:
        assert isinstance(bot.sessions, Flaky)
        first, later = await bot.receive("one", second)
        bot.sessions.refusals = 2
        papers = await asyncio.gather(bot.handle(first), bot.handle(later))
        assert sum("I hold your message" in reply.text for paper in papers for reply in paper.sent) == 1
        before, *_ = reversed(await bot.sessions.list_sessions(ANN))
        said = [message.content for message in await bot.sessions.get_history(before.id, limit=None)]
        assert said == (["one", "I see.", "two", "I see."] if second == "two" else ["one", "I see."])
        assert await bot.sessions.mailbox.unfinished(CHANNEL) == []
        assert await bot.sessions.verify() == []


async def test_what_can_not_be_stored_when_the_program_ends_is_taken_up_at_the_next_start(
    tmp_path: Path, clock: ManualClock
) -> None:
    """It is not done with, and nobody is told that it was."""
    async with started(tmp_path, clock, Flaky) as bot:
        assert isinstance(bot.sessions, Flaky)
        (letter,) = await bot.receive("one")
        bot.sessions.refusals = 1_000_000
        ending = asyncio.Event()
        handling = asyncio.ensure_future(bot.handle(letter, crash=ending))
        await asyncio.sleep(0.3)
        ending.set()
        with pytest.raises(Crash):
            await handling
    async with started(tmp_path, clock, Flaky) as bot:
        (again,) = await bot.sessions.mailbox.unfinished(CHANNEL)
        await bot.handle(again)
        assert await bot.kept() == ["one", "I see."]
        assert await bot.sessions.verify() == []
