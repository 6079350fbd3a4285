"""Changing: title, tags, metadata and status of conversations, as the shell asks for it and is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bot.control import Answer
from bot.operation_table import OPERATIONS
from bot.operations import reading
from bot.operator.changes import AMEND, RENAME, STATUS
from bot.operator.errand import run
from bot.operator.harmless import harmless
from bot.operator.printed_json import print_json, to_json
from bot.shell import tell
from bot.startup import ExitCode
from config.settings import Settings
from sessions.errors import InvalidValue, NotFound
from sessions.message import JsonValue
from sessions.session import Session, Status

MAX_KEY = 100  # characters of a name in metadata
_DONE = {Status.PAUSED: "paused", Status.COMPLETED: "archived"}


def run_rename(which: str, title: str, *, home: Path | None, config_file: Path | None) -> int:
    """Give a conversation another title."""

    async def errand(settings: Settings) -> int:
        answer = await OPERATIONS.carry_out(settings, RENAME, session=which, title=title)
        click.echo(f"Session {answer.get('session')} is called {answer.get('title')} now.")
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


def run_tag(which: str, tags: tuple[str, ...], *, off: bool, home: Path | None, config_file: Path | None) -> int:
    """Add tags to a conversation, or take them off, and print those that it has then."""

    async def errand(settings: Settings) -> int:
        verb = {"untag" if off else "tag": _words(tags)}
        answer = await OPERATIONS.carry_out(settings, AMEND, session=which, **verb)
        known = _texts(answer, "tags")
        click.echo(f"Session {answer.get('session')} has the tags: {', '.join(known) or '(none)'}")
        if off:
            had = {tag.casefold() for tag in _texts(answer, "before")}
            strange = [tag for tag in tags if tag.casefold() not in had]
            if strange:
                tell(f"it had no tag {', '.join(strange)}.")
                return ExitCode.UNMET
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


def run_meta(
    which: str,
    key: str | None,
    value: str | None,
    *,
    unset: tuple[str, ...],
    json_value: bool,
    as_json: bool,
    home: Path | None,
    config_file: Path | None,
) -> int:
    """Show the metadata of a conversation, or one value of it, or change it."""

    async def errand(settings: Settings) -> int:
        if unset or value is not None:
            written = {} if value is None else {_key(key or ""): _value(value) if json_value else value}
            await _amend_metadata(settings, which, written, unset)
            return ExitCode.DONE
        async with reading(settings) as sessions:
            session = await sessions.get_session((await sessions.catalogue.find(which)).session.id)
        return _show(session, key, as_json=as_json)

    return run(errand, home=home, config_file=config_file)


def run_status(which: tuple[str, ...], status: Status, *, home: Path | None, config_file: Path | None) -> int:
    """Set a status of conversations and say what each was before."""

    async def errand(settings: Settings) -> int:
        answer = await OPERATIONS.carry_out(settings, STATUS, sessions=list(which), status=status.value)
        changed = answer.get("changed")
        for one in changed if isinstance(changed, list) else []:
            if isinstance(one, list):
                click.echo(_told(str(one[0]), Status(str(one[1])), status, changed=bool(one[2])))
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


async def _amend_metadata(
    settings: Settings, which: str, written: dict[str, JsonValue], unset: tuple[str, ...]
) -> None:
    async with reading(settings) as sessions:
        session = await sessions.get_session((await sessions.catalogue.find(which)).session.id)
    strange = [name for name in unset if name not in session.metadata]
    if strange:
        raise NotFound("metadata", ", ".join(strange))
    await OPERATIONS.carry_out(settings, AMEND, session=session.id, set=written, unset=_words(unset))
    for name, value in written.items():
        click.echo(f"Session {session.id}: {harmless(name)} = {_shown(value)}")
    for name in unset:
        click.echo(f"Session {session.id}: {harmless(name)} is gone")


def _show(session: Session, key: str | None, *, as_json: bool) -> int:
    about = dict(session.metadata)
    if key is not None:
        if key not in about:
            raise NotFound("metadata", key)
        click.echo(to_json(about[key]) if as_json else _shown(about[key]))
    elif as_json:
        print_json(about)
    else:
        click.echo(f"Title: {harmless(session.title or '(none)')}")
        click.echo(f"Tags: {harmless(', '.join(session.tags)) or '(none)'}")
        for name, value in about.items():
            click.echo(f"{harmless(name)}: {_shown(value)}")
    return ExitCode.DONE


def _told(ident: str, was: Status, wanted: Status, *, changed: bool) -> str:
    done = _DONE[wanted]
    if not changed:
        return f"Session {ident} is {done} already{'' if was.value == done else f' ({was.value})'}."
    after = " The next message begins a new one." if was.is_current else ""
    return f"Session {ident} is {done} now; it was {was.value}.{after}"


def _key(text: str) -> str:
    key = text.strip()
    if not key or len(key) > MAX_KEY or not key.isprintable():
        raise InvalidValue(f"a name in metadata has 1 to {MAX_KEY} characters that can be seen, on one line")
    return key


def _value(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidValue(f"{text!r} is not JSON; without --json-value it is kept as text") from None
    return value


def _shown(value: JsonValue) -> str:
    """Give a value as it is; at a terminal without what that would obey."""
    return harmless(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _words(texts: tuple[str, ...]) -> list[JsonValue]:
    return list(texts)


def _texts(answer: Answer, name: str) -> list[str]:
    value = answer.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []
