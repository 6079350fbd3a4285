"""palaver run: every configured channel in one process, until it is told to end."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from adapters.channel import LastingChannel
from adapters.refusal import ChannelRefused
from bot.application import Application, open_application
from bot.commands.menu import menu
from bot.control import SOCKET, Answer, Control, ControlServer
from bot.logs import log_to_standard_error
from bot.readiness import READY, Readiness, is_ready
from bot.shell import complain, settings_for, tell
from bot.startup import ExitCode, key_note, key_provider
from bot.watching import Watching, watching
from config.errors import SettingsError
from config.settings import Settings
from config.shards import parse_shards
from sessions.errors import SessionError
from sessions.message import JsonValue

if TYPE_CHECKING:
    from adapters.discord.shards import Shards
    from adapters.telegram.limiter import Limiter
    from adapters.telegram.webhook import Webhook
    from sessions.parts import Clock

DRAIN = 20.0  # seconds that turns may go on after the program was told to end
_NOTHING = (
    "No channel is configured, so there is nobody to talk to. Set telegram.token (from @BotFather) or discord.token "
    "(from the Developer Portal) in palaver.toml, or PALAVER_TELEGRAM__TOKEN or PALAVER_DISCORD__TOKEN in the "
    "environment; the README shows how, step by step. `palaver chat` talks in this terminal."
)
_NO_OPERATORS = (
    "access.operators names nobody, so people are let in from here: whoever writes to the bot gets a code, "
    "`palaver pair list` shows who waits and `palaver pair approve CODE` lets them in"
)
_OWN_HOME = "Give each worker a home folder of its own (PALAVER_HOME), and all of them the same key (PALAVER_KEY)."
log = logging.getLogger(__name__)


def run_bot(*, home: Path | None, config_file: Path | None) -> int:
    """Run the channels until SIGTERM or SIGINT."""
    log_to_standard_error()
    try:
        settings = settings_for(home=home, config_file=config_file)
        log_to_standard_error(settings.logs)
        if not (settings.telegram.token or settings.discord.token):
            tell(_NOTHING)
            return ExitCode.CONFIGURATION
        return asyncio.run(_run(settings))
    except (SettingsError, SessionError) as error:
        return complain(error)
    except ChannelRefused as error:
        tell(str(error))
        return ExitCode.CONFIGURATION
    except OSError as error:
        if error.errno == errno.EADDRINUSE and settings.store.workers == "many":
            tell(f"Another program runs in {settings.home}. {_OWN_HOME}")
            return ExitCode.HELD
        tell(f"{error.filename or 'A file or socket'} can not be used: {error.strerror or type(error).__name__}.")
        return ExitCode.UNMET


async def _run(settings: Settings) -> int:
    key = key_provider(settings, alone=settings.store.workers == "one")
    watched = watching(settings)
    async with open_application(settings, key, watch=watched.watch, shares=True) as application:
        say = log.warning if settings.logs.format == "json" else tell  # who reads JSON reads nothing else
        note = key_note(key, application.sessions.kid)
        if note:
            say(note)
        for problem in await application.sessions.missing():
            say(f"Warning: the database was changed from outside: {problem}.")
        channels = make_channels(settings, application)
        readiness = Readiness(application.sessions, channels, time.monotonic)
        for channel in channels:
            application.announce_through(channel.platform, channel.notify, channel.place)
        application.start()
        controls = {**application.controls(), **_controls(readiness)}
        async with ControlServer(settings.home / SOCKET, controls), AsyncExitStack() as stack:
            await _listen(settings, readiness, watched, stack)
            platforms = [channel.platform for channel in channels]
            # Whether the token is taken is known later: who is refused, or does not get through, says so.
            log.info("starting: %s", ", ".join(_with_address(settings, platform) for platform in platforms))
            if not settings.access.operators and "pairing" in map(application.access.mode_of, platforms):
                log.info(_NO_OPERATORS)
            await _until_told_to_end(application, channels, readiness)
    return ExitCode.DONE


def _controls(readiness: Readiness) -> Mapping[str, Control]:
    async def ready(_request: Mapping[str, JsonValue]) -> Answer:
        parts = dict(await readiness.parts())
        return {"ready": is_ready(parts), "parts": {**parts}}

    return {READY: ready}


async def _listen(settings: Settings, readiness: Readiness, watched: Watching, stack: AsyncExitStack) -> None:
    """Tell how the bot does at the address of the settings, if there is one."""
    if settings.operations.listen is not None:
        from bot.operations_server import OperationsServer  # most bots need no server

        await stack.enter_async_context(OperationsServer(settings.operations.listen, readiness, watched.page))


def _with_address(settings: Settings, platform: str) -> str:
    """Name a platform, and where it is looked for when that is not its own place."""
    address = {"telegram": settings.telegram.api_url, "discord": settings.discord.api_url}.get(platform)
    host = urlsplit(address or "").netloc
    return f"{platform} at {host}" if host and host != "api.telegram.org" else platform


def make_channels(
    settings: Settings, application: Application, *, clock: Clock = time.time, limiter: Limiter | None = None
) -> list[LastingChannel]:
    """Make the channels that have a token; each brings its library along only then.

    `clock` gives seconds since 1970, `limiter` the pace on Telegram if it is not to be Telegram's own.
    """
    channels: list[LastingChannel] = []
    commands = menu()
    if settings.telegram.token is not None:
        from adapters.telegram.channel import TelegramChannel

        channels.append(
            TelegramChannel(
                token=settings.telegram.token.get_secret_value(),
                api_url=settings.telegram.api_url,
                sessions=application.sessions,
                menu=commands,
                webhook=_webhook(settings),
                clock=clock,
                limiter=limiter,
                meter=application.meter,
            )
        )
    if settings.discord.token is not None:
        from adapters.discord.channel import DiscordChannel

        channels.append(
            DiscordChannel(
                token=settings.discord.token.get_secret_value(),
                sessions=application.sessions,
                menu=commands,
                suggester=application.suggest,
                knows=application.admits,
                api_url=settings.discord.api_url,
                gateway_url=settings.discord.gateway_url,
                always=settings.discord.always,
                shards=_shards(settings),
                clock=clock,
                meter=application.meter,
            )
        )
    return channels


def _shards(settings: Settings) -> Shards | None:
    from adapters.discord.shards import Shards

    chosen = parse_shards(settings.discord.shards)
    return None if chosen is None else Shards(tuple(chosen[0]), chosen[1])


def _webhook(settings: Settings) -> Webhook | None:
    telegram = settings.telegram
    if telegram.mode != "webhook" or telegram.webhook_url is None or telegram.webhook_secret is None:
        return None
    from adapters.telegram.webhook import Webhook

    host, _, port = telegram.webhook_listen.rpartition(":")
    return Webhook(
        listen=host.strip("[]"),
        port=int(port),
        path=urlsplit(telegram.webhook_url).path or "/",
        public_url=telegram.webhook_url,
        secret=telegram.webhook_secret.get_secret_value(),
    )


async def _until_told_to_end(
    application: Application, channels: Sequence[LastingChannel], readiness: Readiness
) -> None:
    """Run the channels; the first that ends by an error ends them all."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    running = [asyncio.ensure_future(channel.run(application.handle)) for channel in channels]
    waiting = asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait({*running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        readiness.ending = True
        await _end(application, channels)
        for task in running:
            task.cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _end(application: Application, channels: Sequence[LastingChannel]) -> None:
    """Take in nothing more, let turns go on for a while, and park the rest for the next start."""
    log.info("ending: taking in nothing more, waiting up to %d seconds for replies", DRAIN)
    await asyncio.gather(*(channel.stop() for channel in channels), return_exceptions=True)
    application.park()
    await asyncio.gather(*(channel.drain(DRAIN) for channel in channels), return_exceptions=True)
