"""Member: one worker, put together as `palaver run` does it, in a process of its own.

Two things differ: the pace that Telegram asks for is kept by a clock that runs a million times too fast, and the model
is one that repeats what was said, at once or over some seconds. It prints a line when it has begun, and ends with its
input or by SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.application import Application
    from config.settings import Settings

HURRY = 1e6
WORDS = 60  # of an answer, near enough
DRAIN = 10.0
ANSWER_SECONDS = "LOAD_ANSWER_SECONDS"  # the variable that says how long an answer streams


async def main() -> None:
    """Answer people until told to end."""
    from adapters.telegram.limiter import Limiter
    from bot.run import make_channels
    from config.load import load_settings

    settings = load_settings(environ={name: value for name, value in os.environ.items() if name.startswith("PALAVER_")})
    async with _application(settings, float(os.environ[ANSWER_SECONDS])) as application:
        limiter = Limiter(lambda: time.monotonic() * HURRY)
        (channel,) = make_channels(settings, application, limiter=limiter)
        application.announce_through(channel.platform, channel.notify, channel.place)
        application.start()
        running = asyncio.ensure_future(channel.run(application.handle))
        print("begun", flush=True)
        try:
            await _until_told_to_end()
        finally:
            await channel.stop()
            application.park()
            await channel.drain(DRAIN)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def _application(settings: Settings, seconds: float) -> AsyncIterator[Application]:
    from bot.application import Application
    from bot.models.echo import EchoBackend
    from bot.startup import key_provider, open_sessions
    from sessions.clock import StoreClock

    clock = StoreClock()
    async with open_sessions(settings, key_provider(settings), clock=clock) as sessions:
        await sessions.join(shares=True, on_time=clock.correct)
        backend = EchoBackend(word_delay=seconds / WORDS)
        application = Application(settings, sessions, backend, ephemeral=False, clock=clock)
        try:
            yield application
        finally:
            await application.close()


async def _until_told_to_end() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    loop.add_reader(sys.stdin.fileno(), told.set)  # nobody types here: it can only end
    await told.wait()
    loop.remove_reader(sys.stdin.fileno())


if __name__ == "__main__":
    # As a script, this file's own folder stands first: the checkout belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
