"""People who ask and look at the whole answer, on both platforms: to compare answers that must not differ."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable
from dataclasses import dataclass

from adapters.telegram.private import SENT
from sessions import Address, SessionManager
from tests.bot.running import TELEGRAM_TOKEN
from tests.fakes.discord.message import Message
from tests.fakes.discord.option import Value
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.message import BotMessage
from tests.fakes.telegram.person import Person
from tests.fakes.telegram.server import FakeTelegram

PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Shown:
    """All that a person sees of an answer."""

    text: str
    looks: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    files: tuple[bytes, ...] = ()
    private: bool = False

    def without(self, *words: str) -> Shown:
        """Take out what the person has said themselves."""
        text = self.text
        for word in words:
            text = text.replace(word, "…")
        return Shown(text, self.looks, self.labels, self.files, self.private)


class Asker(ABC):
    """Somebody in one chat with the bot."""

    @abstractmethod
    async def asks(self, line: str) -> Shown:
        """Type a line, and look at the next thing the bot shows."""

    @abstractmethod
    async def says(self, line: str) -> None:
        """Type a line, and wait for nothing."""

    @abstractmethod
    async def presses(self, label: str) -> None:
        """Press a button of the newest message that has it."""

    async def hears(self, expected: str) -> None:
        """Wait until the bot shows these words."""
        until = time.monotonic() + PATIENCE
        while not any(expected in shown for shown in self.glimpses()):
            assert time.monotonic() < until, f"waited in vain for {expected!r} after {self.glimpses()[-10:]}"
            await asyncio.sleep(0.01)

    @abstractmethod
    def glimpses(self) -> list[str]:
        """Give all that was ever to be seen here, with what was changed or taken away since."""

    @abstractmethod
    def everything(self) -> str:
        """Give all that the person can read of the bot, with files and buttons."""


class OnTelegram(Asker):
    """Types in a chat, and reads the answer there or in the direct chat."""

    def __init__(self, telegram: FakeTelegram, person: Person, chat: Chat, direct: Chat | None = None) -> None:
        self._telegram, self.person, self.chat = telegram, person, chat
        self._chats = [chat] if direct is None else [chat, direct]

    async def says(self, line: str) -> None:
        await self._telegram.say(self.person, self._addressed(line), chat=self.chat)

    async def presses(self, label: str) -> None:
        found = [one for one in self._answers() if label in [name for name, _ in one.buttons]]
        await self._telegram.press(self.person, found[-1], label)

    def glimpses(self) -> list[str]:
        texts = [text for one in self._answers() for text in (*one.edits, one.text)]
        return texts + [draft for chat in self._chats for draft in self._telegram.drafts(chat)]

    async def asks(self, line: str) -> Shown:
        known = {message.order for message in self._answers()}
        await self.says(line)
        await self._telegram.until(lambda: bool(self._answers(known)), PATIENCE, what=f"an answer to {line!r}")
        return shown(self._answers(known)[0])

    def _answers(self, known: Container[int] = ()) -> list[BotMessage]:
        found = [message for chat in self._chats for message in self._telegram.messages(chat)]
        return [message for message in found if message.order not in known and message.text != SENT]

    def everything(self) -> str:
        return _words(shown(message) for message in self._answers())

    def _addressed(self, line: str) -> str:
        if not self.chat.is_group:
            return line
        word, _, rest = line.partition(" ")
        return f"{word}@palaver_bot {rest}".strip() if line.startswith("/") else f"@palaver_bot {line}"


class OnDiscord(Asker):
    """Types in a channel, and reads the answer there or in the direct chat."""

    def __init__(self, fake: FakeDiscord, person: User, channel: Channel) -> None:
        self._fake, self.person, self.channel = fake, person, channel
        self._channels = [channel, fake.dm(person)] if channel.guild else [channel]

    async def says(self, line: str) -> None:
        await self._fake.say(self.person, line, channel=self.channel, mention_bot=self.channel.guild is not None)

    async def presses(self, label: str) -> None:
        found = [one for one in self._answers() if label in [name for name, _ in one.buttons]]
        await self._fake.press(self.person, found[-1], label)

    def glimpses(self) -> list[str]:
        messages = [
            message
            for channel in self._channels
            for message in self._fake.world.messages[channel.id].values()
            if message.author is self._fake.bot
        ]
        return [text for one in messages for text in (*one.edits, one.content)]

    async def asks(self, line: str) -> Shown:
        known = {message.id for message in self._answers()}
        await self.says(line)
        until = time.monotonic() + PATIENCE
        while not (found := self._answers(known)):
            assert time.monotonic() < until, f"no answer to {line!r}\n{self._fake.transcript()}"
            await asyncio.sleep(0.01)
        return seen(found[0])

    def _answers(self, known: Container[int] = ()) -> list[Message]:
        found = [message for channel in self._channels for message in self._fake.messages(channel, self.person)]
        return [message for message in found if message.id not in known and message.content != SENT]

    def everything(self) -> str:
        return _words(seen(message) for message in self._answers())

    async def uses(self, command: str, **options: Value) -> Shown:
        """Use a native command."""
        used = await self._fake.slash(self.person, command, channel=self.channel, installed_for="guild", **options)
        answer = await used.answered(timeout=PATIENCE)
        assert answer.message is not None
        return seen(answer.message)

    async def is_offered(self, command: str, option: str, typed: str) -> list[str]:
        """Type into an option, and look at what completes it."""
        choices = await self._fake.autocomplete(self.person, command, option, typed, channel=self.channel)
        return [str(choice.value) for choice in choices]


def shown(message: BotMessage) -> Shown:
    """Give what people see of a message on Telegram."""
    looks = tuple(str(sorted(entity.items(), key=str)) for entity in message.entities)
    files = (message.document[1],) if message.document else ()
    return Shown(message.text, looks, tuple(label for label, _ in message.buttons), files, message.seen_by is not None)


def seen(message: Message) -> Shown:
    """Give what people see of a message on Discord."""
    files = tuple(file.content for file in message.files)
    labels = tuple(button.label for button in message.buttons)
    return Shown(message.content, (), labels, files, message.ephemeral)


def _words(answers: Iterable[Shown]) -> str:
    return "\n".join(
        " ".join((one.text, *one.labels, *(file.decode(errors="replace") for file in one.files))) for one in answers
    )


def here(chat: int, user: int = 42) -> Address:
    """Give where somebody on Telegram writes, a group or their direct chat."""
    return Address(platform="telegram", account=TELEGRAM_TOKEN.partition(":")[0], chat_id=str(chat), user_id=str(user))


async def own_words(sessions: SessionManager, chat: int) -> list[str]:
    """Give what somebody has said in the conversation of this chat."""
    session = await sessions.current_session(here(chat))
    found = [] if session is None else await sessions.get_history(session.id)
    return [message.content for message in found if message.role == "user"]
