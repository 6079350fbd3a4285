"""palaver keys status and verify: which keys there are, what is wrapped with each, and whether it all opens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import click

from bot.commands.markup import plural
from bot.operations import reading
from bot.operator.printed_json import print_json
from bot.shell import tell
from bot.startup import ExitCode
from config.settings import Settings
from sessions.keyring import DAMAGED, KeyStanding
from sessions.message import JsonValue
from sessions.rotation import UnderWay

MOST_LINES = 1_000  # that verify writes; the rest is counted


class _Seen(NamedTuple):
    keys: list[KeyStanding]
    under_way: UnderWay | None


def show_status(settings: Settings, *, as_json: bool) -> int:
    """Print the keys, beside a running bot as well."""
    seen = asyncio.run(_look(settings))
    if as_json:
        print_json({"keys": [_fields(key) for key in seen.keys], "rotation": _progress(seen)})
        _tell_of_damage(seen)
        return ExitCode.DONE
    rows = [("KEY", "PROVIDER", "STATE", "CREATED", "SESSIONS", "SECRETS", "AT HAND"), *map(_cells, seen.keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if progress := _progress(seen):
        form, far = "deep " if progress["deep"] else "", f"{progress['moved']} of {_of(progress)} moved"
        click.echo(f"A {form}rotation to key {progress['to']} is under way: {far}.")
        click.echo("Go on with it: palaver keys rotate" + " --deep" * bool(progress["deep"]))
    _tell_of_damage(seen)
    return ExitCode.DONE


def verify(settings: Settings, *, as_json: bool) -> int:
    """Unwrap everything, and print what does not open."""
    opened, problems, untold = asyncio.run(_verify(settings))
    if as_json:
        print_json({"keys": opened, "problems": problems, "not named": untold})
    else:
        for line in problems:
            click.echo(line)
        if untold:
            click.echo(f"... and {untold} more")
        if not problems:
            click.echo(opened_in_words(opened))
    return ExitCode.UNMET if problems else ExitCode.DONE


def opened_in_words(count: int) -> str:
    """Say that all wrapped keys open."""
    if not count:
        return "There is no wrapped key."
    return "The one wrapped key opens." if count == 1 else f"All {plural(count, 'wrapped key')} open."


def needed_in_words(kid: str, sessions: int) -> str:
    """Say what a key is needed for that is not at hand."""
    need = "needs" if sessions == 1 else "need"
    return f"key {kid} is in the keyring and not at hand; {plural(sessions, 'session')} {need} it."


async def _look(settings: Settings) -> _Seen:
    async with reading(settings) as sessions:
        return _Seen(await sessions.keyring.standing(), await sessions.rotation.under_way())


async def _verify(settings: Settings) -> tuple[int, list[str], int]:
    async with reading(settings) as sessions:
        keys, problems, untold = await sessions.keyring.standing(), list[str](), 0
        async for line in sessions.keyring.verify():
            if len(problems) < MOST_LINES:
                problems.append(line)
            else:
                untold += 1
    for key in keys:
        if not key.offered and key.state != DAMAGED:
            tell(needed_in_words(key.kid, key.sessions))
    return sum(key.sessions + key.secrets for key in keys), problems, untold


def _tell_of_damage(seen: _Seen) -> None:
    if damaged := sum(key.sessions for key in seen.keys if key.state == DAMAGED):
        have = "has" if damaged == 1 else "have"
        them = "it" if damaged == 1 else "them"
        tell(f"{plural(damaged, 'session')} {have} a wrapped key that is none; palaver keys verify names {them}")


def _progress(seen: _Seen) -> dict[str, JsonValue] | None:
    """Tell how far a rotation is; the keyring counts for the shallow form, its own note for the deep one."""
    if seen.under_way is None:
        return None
    to, deep, after, before = seen.under_way
    total = sum(key.sessions for key in seen.keys)
    moved = sum(key.sessions for key in seen.keys if key.kid == to)
    if deep:  # numbers of sessions are dense enough to tell the part
        moved = total if after >= before else total * after // before
    return {"to": to, "deep": deep, "moved": moved, "of": total}


def _of(progress: Mapping[str, JsonValue]) -> str:
    of = progress["of"]
    return plural(of if isinstance(of, int) else 0, "session")


def _fields(key: KeyStanding) -> dict[str, JsonValue]:
    return {
        "key": key.kid,
        "provider": key.provider,
        "state": key.state,
        "created": None if key.created_at is None else key.created_at.isoformat(),
        "at hand": key.offered,
        "sessions": key.sessions,
        "secrets": key.secrets,
    }


def _cells(key: KeyStanding) -> tuple[str, ...]:
    created = "?" if key.created_at is None else f"{key.created_at:%Y-%m-%d %H:%M}"
    at_hand = "yes" if key.offered else "no"
    return (key.kid, key.provider, key.state, created, str(key.sessions), str(key.secrets), at_hand)
