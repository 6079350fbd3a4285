"""Visitors: the people of a platform's stand-in, and what they see of the bot."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN
from tests.fakes.discord.place import Channel
from tests.fakes.discord.rate import Rate, Rates
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.server import FakeTelegram

PATIENCE = 30.0  # seconds until somebody who sees nothing gives up
_GENEROUS = Rates(Rate(1_000, 1.0))


class Visitors(ABC):
    """Each has a private chat with the bot. `seen` is all that showed there, in order, drafts included."""

    def __init__(self, people: int) -> None:
        self.seen: list[list[str]] = [[] for _ in range(people)]
        self._waiting: dict[int, tuple[str, asyncio.Future[None]]] = {}

    @abstractmethod
    def environ(self) -> dict[str, str]:
        """Give the settings of a bot that is to be found here."""

    @abstractmethod
    async def connected(self) -> None:
        """Wait until the bot is there."""

    @abstractmethod
    async def watch(self) -> None:
        """Have `see` called with whatever the bot shows, until cancelled."""

    @abstractmethod
    async def say(self, person: int, text: str) -> None:
        """Send a message to the bot."""

    async def ask(self, person: int, text: str, expected: str) -> None:
        """Send a message, and wait until something shows that holds this."""
        shown = asyncio.get_running_loop().create_future()
        self._waiting[person] = (expected, shown)
        await self.say(person, text)
        async with asyncio.timeout(PATIENCE):
            await shown

    def see(self, person: int, text: str) -> None:
        """Take notice of what the bot shows."""
        self.seen[person].append(text)
        expected, shown = self._waiting.get(person, ("", None))
        if shown is not None and expected in text:
            del self._waiting[person]
            shown.set_result(None)


class TelegramVisitors(Visitors):
    """People in their private chats."""

    def __init__(self, fake: FakeTelegram, people: int) -> None:
        super().__init__(people)
        self._fake = fake
        self._chats: list[Chat] = [fake.private_chat(fake.person(1_000 + number, "Ann")) for number in range(people)]
        self._number = {str(chat.id): number for number, chat in enumerate(self._chats)}

    def environ(self) -> dict[str, str]:
        return {"PALAVER_TELEGRAM__TOKEN": TELEGRAM_TOKEN, "PALAVER_TELEGRAM__API_URL": self._fake.url}

    async def connected(self) -> None:
        await self._fake.until(lambda: self._fake.polls_open > 0, PATIENCE)

    async def watch(self) -> None:
        while True:
            calls = self._fake.calls
            for method, said in calls:
                if method in ("sendMessage", "sendMessageDraft", "editMessageText"):
                    self.see(self._number[str(said["chat_id"])], str(said["text"]))
            calls.clear()
            await self._fake.world.changed.wait()

    async def say(self, person: int, text: str) -> None:
        chat = self._chats[person]
        await self._fake.say(chat.members[chat.id], text, chat=chat)


class DiscordVisitors(Visitors):
    """People in their direct messages."""

    def __init__(self, fake: FakeDiscord, people: int) -> None:
        super().__init__(people)
        self._fake = fake
        self._chats: list[Channel] = [fake.dm(fake.person(f"Ann {number}")) for number in range(people)]
        self._number = {chat.id: number for number, chat in enumerate(self._chats)}

    def environ(self) -> dict[str, str]:
        return {
            "PALAVER_DISCORD__TOKEN": DISCORD_TOKEN,
            "PALAVER_DISCORD__API_URL": self._fake.api_url,
            "PALAVER_DISCORD__GATEWAY_URL": self._fake.gateway_url,
        }

    async def connected(self) -> None:
        await self._fake.connected(PATIENCE)

    async def watch(self) -> None:
        chronicle, count = self._fake.world.chronicle, 0
        while True:
            entries = await chronicle.next_after(count)
            count += len(entries)
            for entry in entries:
                if entry.who is self._fake.bot and entry.message is not None and not entry.message.deleted:
                    self.see(self._number[entry.channel.id], entry.text)

    async def say(self, person: int, text: str) -> None:
        chat = self._chats[person]
        await self._fake.say(chat.people[0], text, channel=chat)


@asynccontextmanager
async def visiting(platform: str, people: int) -> AsyncIterator[Visitors]:
    """Open a platform's stand-in, with so many people."""
    if platform == "telegram":
        async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram:
            yield TelegramVisitors(telegram, people)
    else:
        async with FakeDiscord.running(token=DISCORD_TOKEN, rates=_GENEROUS) as discord:
            yield DiscordVisitors(discord, people)
