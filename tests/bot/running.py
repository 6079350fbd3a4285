"""A whole bot, running in this process on fakes of the platforms, started and stopped like `palaver run` does it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from adapters.channel import LastingChannel
from adapters.telegram.limiter import Limiter
from bot.application import Application, open_application
from bot.run import make_channels
from bot.startup import key_provider
from bot.watch import UNWATCHED, Watch
from config.load import load_settings
from config.settings import Settings
from tests.bot import where

TELEGRAM_TOKEN = "1234:AAF-abcdefghijklmnopqrstuvwxyz01234"
DISCORD_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz0123456789AB"


Make = Callable[[Settings, Application], list[LastingChannel]]


class Bot:
    """What a test needs of the bot."""

    def __init__(self, application: Application, channels: list[LastingChannel]) -> None:
        self.application, self.channels = application, channels
        self.sessions = application.sessions


class Unlimited(Limiter):
    """Lets everything go at once: for tests that need many messages, and watch something else than the pace."""

    async def room(self, chat: int) -> float:
        return self._now()

    def spare(self, chat: int, now: float | None = None) -> bool:
        return True


def clocked(clock: Callable[[], float]) -> Make:
    """Make the channels as `palaver run` does, but without Telegram's pace and with a clock of the test."""
    return partial(make_channels, clock=clock, limiter=Unlimited())


@asynccontextmanager
async def running(
    home: Path,
    environ: Mapping[str, str],
    *,
    clock: Callable[[], float] = time.time,
    paced: bool = True,
    make: Make | None = None,
    watch: Watch = UNWATCHED,
) -> AsyncIterator[Bot]:
    """Run a bot with these settings until the block ends; `make` makes its channels in another way."""
    settings = load_settings(
        environ={"PALAVER_HOME": str(home), "PALAVER_SESSIONS__TIMEZONE": "UTC", **where.environ(), **environ}
    )
    async with open_application(settings, key_provider(settings), clock=clock, watch=watch, shares=True) as application:
        make = make or (make_channels if paced else clocked(time.time))
        channels = make(settings, application)
        for channel in channels:
            application.announce_through(channel.platform, channel.notify, channel.place)
        tasks = [asyncio.ensure_future(channel.run(application.handle)) for channel in channels]
        try:
            yield Bot(application, channels)
        finally:
            application.park()
            for channel in channels:
                await channel.stop()
                await channel.drain(2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
