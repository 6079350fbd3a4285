"""palaver pair: let people in, or out again, through the bot that runs or in the store itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from adapters.reply import Reply
from bot.access import Access
from bot.commands.markup import one_line
from bot.control import SOCKET, Answer, ask
from bot.operator.printed_json import print_json
from bot.operators import Operators
from bot.pair_requests import APPROVE, LIST, REFUSE, REVOKE, pair_requests
from bot.pairing import Pairing
from bot.shell import complain, settings_for, tell
from bot.startup import ExitCode, key_provider, open_sessions
from bot.stores import is_there
from config.errors import SettingsError
from config.settings import Settings
from sessions.address import Address
from sessions.errors import NotFound, SessionError
from sessions.message import JsonValue


def list_waiting(*, as_json: bool, home: Path | None, config_file: Path | None) -> int:
    """Print who waits, first come first."""
    answer = _ask({"do": LIST}, home=home, config_file=config_file)
    if isinstance(answer, ExitCode):
        return answer
    found = answer.get("waiting")
    waiting = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    if as_json:
        print_json(waiting)
        return ExitCode.DONE
    for one in waiting:
        click.echo(_line(one))
    if not waiting:
        click.echo("Nobody waits to be let in.")
    return ExitCode.DONE


def approve(code: str, *, home: Path | None, config_file: Path | None) -> int:
    """Let in whoever has the code."""
    return _change({"do": APPROVE, "code": code}, "is let in", home=home, config_file=config_file)


def refuse(code: str, *, home: Path | None, config_file: Path | None) -> int:
    """Leave outside whoever has the code."""
    return _change({"do": REFUSE, "code": code}, "is not let in", home=home, config_file=config_file)


def revoke(person: str, *, home: Path | None, config_file: Path | None) -> int:
    """Let somebody in no longer."""
    return _change({"do": REVOKE, "person": person}, "is let in no longer", home=home, config_file=config_file)


def _change(request: Mapping[str, JsonValue], done: str, *, home: Path | None, config_file: Path | None) -> int:
    answer = _ask(request, home=home, config_file=config_file)
    if isinstance(answer, ExitCode):
        return answer
    click.echo(f"{answer.get('person')} {done}.")
    return ExitCode.DONE


def _ask(request: Mapping[str, JsonValue], *, home: Path | None, config_file: Path | None) -> Answer | ExitCode:
    """Give the answer to a request, or the code to end with after saying why there is none."""
    try:
        settings = settings_for(home=home, config_file=config_file)
        answer = asyncio.run(_answer(settings, request))
    except (SettingsError, SessionError) as error:
        return complain(error)
    if "error" not in answer:
        return answer
    tell(str(answer["error"]))
    code = answer.get("code")
    return ExitCode(code) if isinstance(code, int) and code in list(ExitCode) else ExitCode.SESSION


async def _answer(settings: Settings, request: Mapping[str, JsonValue]) -> Answer:
    answer = await ask(settings.home / SOCKET, request)
    if answer is not None:
        return answer
    if not await is_there(settings.store):
        return _without_store(request)
    looks = request["do"] == LIST
    async with open_sessions(settings, key_provider(settings), read_only=looks) as sessions:
        access = Access(sessions, settings.access)
        pairing = Pairing(sessions, access, Operators(sessions, access), notify=_nobody, clock=time.time)
        return await pair_requests(pairing)[str(request["do"])](request)


def _without_store(request: Mapping[str, JsonValue]) -> Answer:
    """Answer where nothing was ever stored: nobody waits, and nothing is made to say so."""
    if request["do"] == LIST:
        return {"waiting": []}
    if request["do"] == REVOKE:
        raise NotFound("approved person", str(request["person"]))
    raise NotFound("pairing code", str(request["code"]))


async def _nobody(address: Address, reply: Reply) -> None:
    """Tell nobody: no channel is open."""


def _line(one: Mapping[str, JsonValue]) -> str:
    until = one.get("until")
    when = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC" if isinstance(until, int) else "?"
    name = one.get("name")
    called = f"  {one_line(name)}" if isinstance(name, str) else ""
    return f"{one.get('code')}  until {when}  {one.get('person')}{called}"
