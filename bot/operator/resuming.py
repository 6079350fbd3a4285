"""Resuming: finding which conversation is to go on at this console, and going on with it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bot.cli_chat import ChatOptions, run_chat
from bot.commands.markup import one_line, plural
from bot.console_address import console_address, working_folder
from bot.operations import reading
from bot.operator.creation import belongs_elsewhere
from bot.operator.picker import Choice, Picker
from bot.operator.when import zone_of
from bot.shell import complain, settings_for
from bot.stores import is_there
from config.errors import SettingsError
from config.settings import Settings
from sessions.address import Address
from sessions.errors import InvalidValue, NotFound, SessionError
from sessions.lifecycle import WORKDIR
from sessions.manager import SessionManager
from sessions.session import Session, looks_like_id

_DUMB = ("dumb", "unknown", "")
_NONE_YET = "conversation to resume {where}; palaver chat begins one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resuming:
    """What was asked for on the command line."""

    which: str | None = None
    interactive: bool = False
    backend: str | None = None
    here: bool = False
    prompt: str | None = None
    user: str | None = None


def run_resume(wanted: Resuming, *, home: Path | None, config_file: Path | None) -> int:
    """Find the conversation, and chat in it."""
    if wanted.interactive and not at_terminal():
        raise click.UsageError("--interactive needs a terminal; name a conversation, or use --last or --here.")
    try:
        settings = settings_for(home=home, config_file=config_file)
        ident = asyncio.run(_choose(settings, wanted))
    except (SettingsError, SessionError) as error:
        return complain(error)
    if ident is None:
        raise click.Abort
    options = ChatOptions(session=ident, user=wanted.user, opening=wanted.prompt)
    return run_chat(options, home=home, config_file=config_file)


def at_terminal() -> bool:
    """Tell whether somebody can choose here."""
    streams = (sys.stdin, sys.stdout)
    whole = all(stream is not None and stream.isatty() for stream in streams)
    return whole and os.environ.get("TERM", "") not in _DUMB


async def _choose(settings: Settings, wanted: Resuming) -> str | None:
    """Give the id of the conversation; None if the person chose none."""
    address = console_address(wanted.user)
    if not await is_there(settings.store):
        raise NotFound(_NONE_YET.format(where="yet"))
    async with reading(settings) as sessions:
        if wanted.which is not None:
            return await _named(sessions, address, wanted.which)
        found = [one for one in await sessions.list_sessions(address) if _fits(one, wanted)]
    if not found:
        raise NotFound(_NONE_YET.format(where=_where(wanted)))
    found.sort(key=lambda session: session.last_activity_at, reverse=True)
    if wanted.interactive:
        return await Picker("Go on with:", _choices(found, zone_of(settings))).pick()
    return found[0].id


async def _named(sessions: SessionManager, address: Address, which: str) -> str:
    """Find one of this person's own; another's is named, for whoever has this shell runs the bot."""
    try:
        return (await sessions.find_session(address, which)).id
    except NotFound:
        if looks_like_id(which.strip()):
            with suppress(NotFound):
                found = await sessions.catalogue.find(which)
                raise belongs_elsewhere(found, address) from None
        raise


def _fits(session: Session, wanted: Resuming) -> bool:
    """Tell whether there is something to go on with, and whether it is what was asked for."""
    if not (session.message_count or session.title):
        return False
    if not (session.message_count or session.status.is_current or wanted.interactive):
        return False  # a draft that was only set aside is not what anybody did last
    if wanted.backend is not None and (session.backend or "").casefold() != wanted.backend.strip().casefold():
        return False
    return not wanted.here or session.metadata.get(WORKDIR) == _here()


def _here() -> str:
    folder = working_folder()
    if folder is None:
        raise InvalidValue("this folder is gone, so no conversation is of it; name one, or use --last")
    return folder


def _where(wanted: Resuming) -> str:
    parts = ["that was begun in this folder"] if wanted.here else []
    parts += [f"with {wanted.backend}"] if wanted.backend is not None else []
    return " ".join(parts) or "yet"


def _choices(found: Sequence[Session], zone: ZoneInfo) -> list[Choice]:
    return [Choice(session.id, _line(session, zone)) for session in found]


def _line(session: Session, zone: ZoneInfo) -> str:
    when = f"{session.last_activity_at.astimezone(zone):%Y-%m-%d %H:%M}"
    said = plural(session.message_count, "message")
    return f"{session.id}  {when}  {session.status.value:<9}  {said:>14}  {one_line(session.title or '(no title)')}"
