"""A whole bot, running in this process on fakes of the platforms, started and stopped like `palaver run` does it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.channel import LastingChannel
from bot.application import Application, open_application
from bot.run import make_channels
from bot.startup import key_provider
from config.load import load_settings

TELEGRAM_TOKEN = "1234:AAF-abcdefghijklmnopqrstuvwxyz01234"
DISCORD_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz0123456789AB"


class Bot:
    """What a test needs of the bot."""

    def __init__(self, application: Application, channels: list[LastingChannel], tasks: list[asyncio.Task[None]]) -> None:
        self.application, self.channels, self.tasks = application, channels, tasks
        self.sessions = application.sessions

    async def kill(self) -> None:
        """End it as a crash does: nothing is drained, nothing is said."""
        self.application.park()
        for channel in self.channels:
            await channel.stop()
            await channel.drain(0)


@asynccontextmanager
async def running(
    home: Path, environ: Mapping[str, str], *, clock: Callable[[], float] = time.time
) -> AsyncIterator[Bot]:
    """Run a bot with these settings until the block ends."""
    settings = load_settings(environ={"PALAVER_HOME": str(home), "PALAVER_SESSIONS__TIMEZONE": "UTC", **environ})
    async with open_application(settings, key_provider(settings), clock=clock) as application:
        channels = make_channels(settings, application)
        for channel in channels:
            application.announce_through(channel.platform, channel.notify)
        tasks = [asyncio.ensure_future(channel.run(application.handle)) for channel in channels]
        bot = Bot(application, channels, tasks)
        try:
            yield bot
        finally:
            application.park()
            for channel in channels:
                await channel.stop()
                await channel.drain(2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
