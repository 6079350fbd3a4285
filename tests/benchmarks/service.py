"""Service: a whole bot in this process, on a store of ours, put together like `palaver run` does it."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.channel import LastingChannel
from adapters.telegram.channel import TelegramChannel
from adapters.telegram.limiter import Limiter
from bot.application import Application
from bot.commands.menu import menu
from bot.deferred_backend import DeferredBackend
from bot.models.backend import Delta, ModelBackend, Prompt, TextDelta
from bot.models.choose import ModelSettings
from bot.run import make_channels
from bot.startup import key_provider, open_sessions
from config.load import load_settings
from config.settings import Settings
from tests.benchmarks.own import KEY
from tests.benchmarks.visit import STREAMED

_HURRY = 1e6  # a clock so fast that Telegram's limits are never reached


class Endless:
    """Says one word after the other until it is cancelled."""

    name = "endless"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Never come to an end."""
        del prompt
        while True:
            yield TextDelta(f"{STREAMED} ")
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Do nothing: there is nothing open."""


def echo() -> ModelBackend:
    """Give the backend that answers at once, as the settings would."""
    return DeferredBackend(ModelSettings())


def settings_of(folder: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Give the settings of a bot whose store is in this folder; everybody may speak, and fast."""
    ours = {
        "PALAVER_HOME": str(folder),
        "PALAVER_KEY": base64.b64encode(KEY).decode(),
        "PALAVER_STORE__URL": f"sqlite:///{folder / 'store.db'}",
        "PALAVER_SESSIONS__TIMEZONE": "UTC",
        "PALAVER_ACCESS__MODE": "open",
        "PALAVER_ACCESS__MESSAGES_PER_MINUTE": "1000",
    }
    return load_settings(environ={**ours, **(environ or {})})


@asynccontextmanager
async def serving(settings: Settings, backend: ModelBackend) -> AsyncIterator[Application]:
    """Have the parts of a bot that belong to no channel running."""
    async with open_sessions(settings, key_provider(settings)) as sessions:
        application = Application(settings, sessions, backend, ephemeral=False, clock=time.time)
        application.start()
        try:
            yield application
        finally:
            await application.close()
            await backend.close()


@asynccontextmanager
async def attending(settings: Settings, backend: ModelBackend) -> AsyncIterator[Application]:
    """Have a bot running on the platform of the settings."""
    async with serving(settings, backend) as application:
        channel = _channel(settings, application)
        application.announce_through(channel.platform, channel.notify)
        task = asyncio.ensure_future(channel.run(application.handle))
        try:
            yield application
        finally:
            application.park()
            await channel.stop()
            await channel.drain(2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _channel(settings: Settings, application: Application) -> LastingChannel:
    token = settings.telegram.token
    if token is None:
        (channel,) = make_channels(settings, application)
        return channel
    return TelegramChannel(
        token=token.get_secret_value(),
        api_url=settings.telegram.api_url,
        sessions=application.sessions,
        menu=menu(),
        limiter=Limiter(lambda: time.monotonic() * _HURRY),
    )
