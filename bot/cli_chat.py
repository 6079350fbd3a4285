"""palaver chat: one person at this terminal, or a script behind a pipe."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.channel import Channel, Handler
from adapters.console.pipe_channel import PipeChannel
from adapters.reply import Reply
from bot.application import Application, open_application
from bot.cli_answers import Answers, leaving_by
from bot.console_address import console_address, working_folder
from bot.held_store import complain_held
from bot.shell import complain, settings_for, tell
from bot.startup import ExitCode, key_note, key_provider
from config.errors import SettingsError
from config.settings import Settings
from sessions.address import Address
from sessions.errors import NotFound, SessionError, StoreHeld, VaultError
from sessions.lifecycle import WORKDIR
from sessions.session import Session
from sessions.undisturbed import ended

if TYPE_CHECKING:
    from adapters.console.console_channel import ConsoleChannel

_UNANSWERED = "Your last message has no reply yet: /retry answers it."
_DUMB = ("dumb", "unknown", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """What was asked for on the command line."""

    session: str | None = None
    fork: str | None = None  # the id of one of this person's conversations
    resume: bool = False
    new: bool = False
    title: str | None = None
    ephemeral: bool = False
    user: str | None = None
    opening: str | None = None


def run_chat(options: ChatOptions, *, home: Path | None, config_file: Path | None) -> int:
    """Chat until the person leaves or the input ends."""
    logging.getLogger().setLevel(logging.ERROR)  # what fails is told to the person anyway
    try:
        settings = settings_for(home=home, config_file=config_file)
        address = console_address(options.user)
        return asyncio.run(_chat(settings, options, address))
    except StoreHeld as error:
        return complain_held(error, options.session or options.fork)
    except (SettingsError, SessionError) as error:
        return complain(error)
    except OSError as error:
        tell(f"The output or a file can not be written: {error.strerror}.")
        return ExitCode.UNMET


async def _chat(settings: Settings, options: ChatOptions, address: Address) -> int:
    key = None if options.ephemeral else key_provider(settings)
    async with open_application(settings, key) as application:
        note = key_note(key, application.sessions.kid)
        if note:
            tell(note)
        for problem in await application.sessions.missing():
            tell(f"Warning: the database was changed from outside: {problem}.")
        folder = working_folder()
        application.sessions.begin_with({} if folder is None else {WORKDIR: folder})
        await choose_session(application, options, address)
        channel = await _channel(settings, options, application, address)
        application.announce_through("console", channel.notify)
        application.start()
        if isinstance(channel, PipeChannel):
            return await _answer_script(channel, application.handle, options, address)
        await _until_told_to_end(channel, application.handle)
    return ExitCode.DONE


async def _answer_script(channel: PipeChannel, handler: Handler, options: ChatOptions, address: Address) -> ExitCode:
    """Answer the lines of a pipe; when the words of the command line were all, the code says how they fared."""
    answers = Answers(handler, partial(channel.notify, address))
    await _until_told_to_end(channel, answers.handle)
    return ExitCode.UNMET if options.opening is not None and answers.only_failed else ExitCode.DONE


async def choose_session(application: Application, options: ChatOptions, address: Address) -> None:
    """Make the conversation that was asked for the current one."""
    sessions = application.sessions
    if options.fork is not None:
        fork = await sessions.fork((await sessions.find_session(address, options.fork)).id, title=options.title)
        tell(f"this is conversation {fork.id}, forked from {fork.forked_from}.")
        return
    if options.session is not None:
        wanted: Session | None = await sessions.find_session(address, options.session)
    elif options.resume:
        wanted = await _last(application, address)
    elif options.title is not None:
        wanted = await sessions.current_session(address)
    else:
        return
    if wanted is not None and not wanted.status.is_current:
        await sessions.switch_session(address, wanted.id)
    if options.title is None:
        return
    if wanted is None or (options.new and wanted.message_count):
        await sessions.new_session(address, title=options.title)
    else:
        await sessions.update_session(wanted.id, title=options.title)


async def _last(application: Application, address: Address) -> Session:
    """Find the conversation in which something was said last, archived or not."""
    said = [one for one in await application.sessions.list_sessions(address) if one.message_count]
    if not said:
        raise NotFound("conversation to resume yet; palaver chat begins one")
    return max(said, key=lambda session: session.last_activity_at)


async def _channel(
    settings: Settings, options: ChatOptions, application: Application, address: Address
) -> ConsoleChannel | PipeChannel:
    exports = settings.home / "exports"
    unanswered = await _is_unanswered(application, address)
    at_terminal = sys.stdout.isatty()
    if at_terminal and sys.stdin.isatty() and os.environ.get("TERM", "") not in _DUMB:
        from adapters.console.console_channel import ConsoleChannel

        lines = ["`/help` lists the commands, Ctrl-D leaves."] + ([_UNANSWERED] if unanswered else [])
        return ConsoleChannel(
            address,
            exports=exports,
            suggester=application.suggest,
            status=lambda: application.status(address),
            greeting="\n".join(lines),
            opening=options.opening,
        )
    source = os.open(os.devnull, os.O_RDONLY) if _nobody_types(options, at_terminal) else 0
    pipe = PipeChannel(address, exports=exports, opening=options.opening, source=source, neutral=at_terminal)
    if unanswered:
        await pipe.notify(address, Reply(text=_UNANSWERED))
    return pipe


def _nobody_types(options: ChatOptions, at_terminal: bool) -> bool:
    """Tell whether nothing is to be read: as in x=$(palaver chat "hi"), or where the input was never open."""
    if sys.stdin is None:
        return True
    return options.opening is not None and sys.stdin.isatty() and not at_terminal


async def _is_unanswered(application: Application, address: Address) -> bool:
    """Tell whether the program ended before the last message was answered."""
    with suppress(VaultError):  # told when something is said; /new has to be within reach
        session = await application.sessions.current_session(address)
        if session is not None and session.message_count:
            last = await application.sessions.get_history(session.id, limit=2)
            return [message.role for message in last if message.kind != "summary"][-1:] == ["user"]
    return False


async def _until_told_to_end(channel: Channel, handler: Handler) -> None:
    """Run the channel; SIGTERM, a terminal that goes away, and the words for it, end it in order."""

    def leave() -> None:
        task.cancel()

    task = asyncio.ensure_future(channel.run(leaving_by(handler, leave)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave)
    await ended(task)
