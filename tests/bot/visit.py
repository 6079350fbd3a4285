"""A scripted visit: what a person does from the first contact to the erasure, the same on every platform."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from tests.conftest import ManualClock
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram

PATIENCE = 15.0


class Visitor(ABC):
    """One person in the direct chat with the bot."""

    @abstractmethod
    async def ask(self, text: str, expected: str) -> str:
        """Say something and wait for an answer with these words; give it. Fails with the transcript."""

    @abstractmethod
    async def press(self, label: str, expected: str) -> str:
        """Press a button of the newest message that has it; wait for an answer with these words."""

    @abstractmethod
    async def hear(self, expected: str) -> str:
        """Wait for something the bot says by itself."""

    @abstractmethod
    async def file(self) -> bytes:
        """Give the newest file the bot has sent."""


class TelegramVisitor(Visitor):
    """Ann on Telegram."""

    def __init__(self, telegram: FakeTelegram) -> None:
        self._telegram, self._ann = telegram, telegram.person(42, "Ann", username="ann")
        self._chat = telegram.private_chat(self._ann)

    async def ask(self, text: str, expected: str) -> str:
        said = await self._telegram.say(self._ann, text, chat=self._chat)
        return (await self._telegram.wait_for(self._chat, expected, PATIENCE, after=said)).text

    async def press(self, label: str, expected: str) -> str:
        messages = self._telegram.messages(self._chat)
        pressed = next(one for one in reversed(messages) if label in [name for name, _ in one.buttons])
        await self._telegram.press(self._ann, pressed, label)
        return (await self._telegram.wait_for(self._chat, expected, PATIENCE, after=messages[-1])).text

    async def hear(self, expected: str) -> str:
        return (await self._telegram.wait_for(self._chat, expected, PATIENCE)).text

    async def file(self) -> bytes:
        sent = await self._telegram.wait_for(self._chat, lambda message: message.document is not None, PATIENCE)
        assert sent.document is not None
        return sent.document[1]


class DiscordVisitor(Visitor):
    """Ann on Discord."""

    def __init__(self, fake: FakeDiscord) -> None:
        self._fake, self._ann = fake, fake.person("Ann")
        self._chat = fake.dm(self._ann)

    async def ask(self, text: str, expected: str) -> str:
        seen = len(self._fake.messages(self._chat))
        await self._fake.say(self._ann, text, channel=self._chat)
        return await self._later(expected, seen)

    async def press(self, label: str, expected: str) -> str:
        messages = self._fake.messages(self._chat)
        pressed = next(one for one in reversed(messages) if label in [name for name, _ in one.buttons])
        await self._fake.press(self._ann, pressed, label)
        return await self._later(expected, len(messages))

    async def hear(self, expected: str) -> str:
        return (await self._fake.wait_for(self._chat, expected, timeout=PATIENCE)).content

    async def file(self) -> bytes:
        sent = await self._fake.wait_for(self._chat, lambda message: bool(message.files), timeout=PATIENCE)
        return sent.files[0].content

    async def _later(self, expected: str, seen: int) -> str:
        known = {message.id for message in self._fake.messages(self._chat)[:seen]}
        found = await self._fake.wait_for(
            self._chat, lambda message: message.id not in known and expected in message.content, timeout=PATIENCE
        )
        return found.content


async def offered(fake: FakeDiscord) -> None:
    """Wait until the bot has told Discord its native commands."""
    async with asyncio.timeout(PATIENCE):
        while not fake.commands.get(0):  # noqa: ASYNC110 - nothing else tells when
            await asyncio.sleep(0.02)


async def visit(ann: Visitor, clock: ManualClock) -> None:
    """Go through everything that a person expects of a good bot."""
    await ann.ask("/start", "/forgetme")
    await ann.ask("the word is teal", "I was sent 1 message")
    await ann.ask('/checkpoint save "before"', "Saved checkpoint")
    await ann.ask("the word is amber", "Message 3 of this conversation")
    await ann.ask("/checkpoint restore before", "Back at checkpoint")
    assert "amber" not in await ann.ask("/history", "the word is teal")
    await ann.ask("/undo", "Took back")
    assert "amber" in await ann.ask("/history 2", "the word is amber")
    await ann.ask("/new Trip to Rome", "A new conversation")
    await ann.ask("when in Rome", "Message 1 of this conversation")
    await ann.ask("/session list", "Trip to Rome")
    await ann.ask("/session switch 2", "Back in")
    await ann.ask("/history export", "as markdown")
    assert b"the word is teal" in await ann.file()
    await ann.ask("/history clear", "Cleared")
    await ann.ask("/undo", "Took back")
    await ann.ask("/session idle-reset 30", "begins afresh")
    clock.advance(31 * 60)
    await ann.ask("anybody there?", "Message 1 of this conversation")
    await ann.hear("nothing was said for a while")
    await ann.press("Bring it back", "Back in")
    assert "the word is teal" in await ann.ask("/history 4", "the word is teal")
    await ann.ask("/session delete 2", "Erase this conversation")
    await ann.press("Yes, erase it", "Erased")
    await ann.ask("/forgetme", "Erase everything of yours")
    await ann.press("Yes, erase everything", "Receipt")
    await ann.ask("/history", "Nothing has been said")
