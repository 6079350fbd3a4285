"""Creation: beginning a conversation from the shell, anew or from where another stands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from bot.cli_chat import ChatOptions, run_chat
from bot.console_address import console_address, working_folder
from bot.control import Answer
from bot.operation_table import OPERATIONS
from bot.operations import operator, reading
from bot.operator.changes import CREATE, FORK, create
from bot.operator.errand import run
from bot.operator.harmless import harmless
from bot.operator.printed_json import print_json
from bot.shell import complain, settings_for, tell
from bot.startup import ExitCode, key_note, key_provider, open_sessions
from bot.stores import is_there
from config.errors import SettingsError
from config.settings import Settings
from sessions.address import Address
from sessions.audit import acting
from sessions.catalogue import Listed
from sessions.errors import InvalidValue, SessionError
from sessions.lifecycle import WORKDIR
from sessions.message import JsonValue

PROVIDERS = ("echo", "openai", "anthropic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """What was asked for on the command line."""

    title: str
    tags: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    metadata: str | None = None
    activate: bool = True
    user: str | None = None
    as_json: bool = False


def run_create(wanted: Creation, *, home: Path | None, config_file: Path | None) -> int:
    """Begin a conversation and print it."""

    async def errand(settings: Settings) -> int:
        request = _request(wanted)
        answer = await _created(settings, request)
        if wanted.provider not in (None, settings.model.backend):
            tell(f"note: while model.backend is {settings.model.backend}, that is who answers.")
        _show(answer, settings, as_json=wanted.as_json)
        if wanted.activate and not wanted.as_json:
            click.echo("Activated: `palaver chat` goes on in it.")
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


def run_fork(
    which: str,
    prompt: str | None,
    *,
    title: str | None,
    as_json: bool,
    user: str | None,
    home: Path | None,
    config_file: Path | None,
) -> int:
    """Begin a conversation that goes on from another; with words to say they are answered in it."""
    if prompt is not None:
        return _fork_and_chat(which, prompt, title=title, user=user, home=home, config_file=config_file)

    async def errand(settings: Settings) -> int:
        _show(await OPERATIONS.carry_out(settings, FORK, session=which, title=title), settings, as_json=as_json)
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


def parse_metadata(text: str) -> dict[str, JsonValue]:
    """Read a JSON object. Raises `InvalidValue`, which says what is wrong with it and where."""
    try:
        value = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidValue(f"--metadata is not JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise InvalidValue("--metadata is nested too deeply") from None
    if not isinstance(value, dict):
        raise InvalidValue(f'--metadata must be an object like {{"project":"myapp"}}, not {_kind(value)}')
    return value


def belongs_elsewhere(found: Listed, address: Address) -> InvalidValue:
    """Say why a conversation can not go on at this console, and what can be done with it."""
    ident, person = found.session.id, found.person or "somebody whose record does not open"
    if person == f"{address.platform}:{address.user_id}":
        why = f"was begun in the scope {found.session.scope.value}, which does not hold here now"
    else:
        why = f"belongs to {person}, so it can not go on at this console"
    return InvalidValue(
        f"session {ident} {why}. `palaver sessions show {ident}` shows it, "
        f"`palaver sessions fork {ident}` begins another from where it stands, for whoever it belongs to"
    )


async def _created(settings: Settings, request: Mapping[str, JsonValue]) -> Answer:
    """Have it done; where nothing was ever stored this is what makes the store."""
    if await is_there(settings.store):
        return await OPERATIONS.carry_out(settings, CREATE, **request)
    key = key_provider(settings)
    async with open_sessions(settings, key) as sessions:
        note = key_note(key, sessions.kid)
        if note:
            tell(note)
        with acting(operator()):
            return await create(sessions, request)


def _request(wanted: Creation) -> dict[str, JsonValue]:
    provider = wanted.provider and wanted.provider.strip().lower()
    if provider is not None and provider not in PROVIDERS:
        raise InvalidValue(f"{wanted.provider!r} is no provider that Palaver speaks to: {', '.join(PROVIDERS)}")
    folder = working_folder()
    place: dict[str, JsonValue] = {} if folder is None else {WORKDIR: folder}
    return {
        "user": console_address(wanted.user).user_id,
        "title": wanted.title,
        "tags": [tag.strip() for text in wanted.tags for tag in text.split(",") if tag.strip()],
        "backend": provider,
        "model": wanted.model or None,
        "metadata": place | ({} if wanted.metadata is None else parse_metadata(wanted.metadata)),
        "aside": not wanted.activate,
    }


def _show(answer: Answer, settings: Settings, *, as_json: bool) -> None:
    if as_json:
        about = {("id" if name == "session" else name): value for name, value in answer.items()}
        print_json(about)
        return
    tags, title = answer.get("tags"), str(answer.get("title") or "(none)")
    backend = str(answer.get("backend") or settings.model.backend)
    model = str(answer.get("model") or settings.model.name or "(the default)")
    click.echo(f"ID: {answer.get('session')}")
    click.echo(f"Title: {harmless(title)}")
    click.echo(f"Tags: {harmless(', '.join(map(str, tags))) if isinstance(tags, list) and tags else '(none)'}")
    click.echo(f"Provider: {harmless(backend)}")
    click.echo(f"Model: {harmless(model)}")
    click.echo(f"Status: {answer.get('status')}")
    if answer.get("forked_from"):
        click.echo(f"Forked from: {answer.get('forked_from')}")


def _fork_and_chat(
    which: str, prompt: str, *, title: str | None, user: str | None, home: Path | None, config_file: Path | None
) -> int:
    """Fork where the answer is made, so that nothing is begun when nobody can answer."""
    try:
        settings = settings_for(home=home, config_file=config_file)
        ident = asyncio.run(_own(settings, which, user))
    except (SettingsError, SessionError) as error:
        return complain(error)
    options = replace(ChatOptions(user=user, opening=prompt), fork=ident, title=title)
    return run_chat(options, home=home, config_file=config_file)


async def _own(settings: Settings, which: str, user: str | None) -> str:
    """Give the id of a conversation of this console. Raises `InvalidValue` for somebody else's."""
    async with reading(settings) as sessions:
        found = await sessions.catalogue.find(which)
        address = console_address(user)
        if found.session.id not in {one.id for one in await sessions.list_sessions(address)}:
            raise belongs_elsewhere(found, address)
        return found.session.id


def _without_doubles(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    names = [name for name, _ in pairs]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InvalidValue(f"--metadata names {double!r} twice")
    return dict(pairs)


def _no_number(name: str) -> JsonValue:
    raise InvalidValue(f"--metadata holds {name}, which is no JSON number")


def _kind(value: JsonValue) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "a list" if isinstance(value, list) else "a text" if isinstance(value, str) else "a number"
