"""A bot made of the real discord.py, for the tests of the fake itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.fakes.discord.server import FakeDiscord


class Bot(discord.AutoShardedClient):
    """Keeps what it was told; `ready`, `resumed` and `heard` can be waited for."""

    def __init__(self, *, content: bool = True, heartbeat_timeout: float = 60.0) -> None:
        intents = discord.Intents.default()
        intents.message_content = content
        none = discord.AllowedMentions.none()
        super().__init__(
            intents=intents, guild_ready_timeout=0.05, heartbeat_timeout=heartbeat_timeout, allowed_mentions=none
        )
        self.tree = app_commands.CommandTree(self)
        self.messages_seen: list[discord.Message] = []
        self.heard: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.edits: asyncio.Queue[discord.RawMessageUpdateEvent] = asyncio.Queue()
        self.deletions: asyncio.Queue[discord.RawMessageDeleteEvent] = asyncio.Queue()
        self.resumed = asyncio.Event()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Spare the five seconds between two sessions, which the fake does not ask for."""

    async def on_message(self, message: discord.Message) -> None:
        self.messages_seen.append(message)
        if message.author != self.user:
            self.heard.put_nowait(message)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        self.edits.put_nowait(event)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.deletions.put_nowait(event)

    async def on_resumed(self) -> None:
        self.resumed.set()

    async def hears(self) -> discord.Message:
        """Give the next message of somebody else."""
        async with asyncio.timeout(10):
            return await self.heard.get()


def point_at(fake: FakeDiscord) -> None:
    """Point discord.py at the fake, by its settings alone."""
    Route.BASE = fake.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(fake.gateway_url)


@asynccontextmanager
async def visiting(fake: FakeDiscord, bot: Bot | None = None) -> AsyncIterator[Bot]:
    """Log in, and stay until the block is left."""
    point_at(fake)
    bot = bot or Bot()
    async with bot:
        task = asyncio.create_task(bot.start(fake.world.token))
        try:
            ready = asyncio.create_task(bot.wait_until_ready())
            await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED, timeout=10)
            ready.cancel()
            if task.done():
                task.result()
            yield bot
        finally:
            await bot.close()
            with suppress(asyncio.CancelledError, discord.ClientException):
                task.cancel()
                await task
