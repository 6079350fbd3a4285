"""palaver db verify: every record is opened, and what is damaged is named."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path

import click

from bot.commands.markup import plural
from bot.operator.backup import contents_as_json
from bot.operator.printed_json import print_json
from bot.operator.progress_bar import progress
from bot.startup import ExitCode, key_provider, open_sessions
from config.mask import masked
from config.settings import Settings
from sessions.errors import NotFound
from sessions.sqlite.backup import look_into, structure

_SESSION = re.compile(r"session ([a-z2-7]{12}): ")


async def verify(settings: Settings, file: Path | None, *, as_json: bool) -> int:
    """Verify the store, or a backup of it, and say what is damaged."""
    path = file or settings.store.file
    if path is None:
        return await _verify_server(settings, as_json=as_json)
    if file is None and not path.exists():
        raise NotFound("store", str(path))
    began = time.monotonic()
    holds, problems = look_into(path), await damage_in(settings, path)
    if as_json:
        said = {
            "file": str(path),
            **contents_as_json(holds),
            "unfinished": holds.unfinished,
            "sound": not problems,
            "problems": _as_json(problems),
            "seconds": round(time.monotonic() - began, 3),
        }
        print_json(said)
    else:
        for problem in problems:
            click.echo(problem)
        if holds.unfinished:
            click.echo(_of_an_import(holds.unfinished))
        counted = f"{plural(holds.sessions, 'session')} and {plural(holds.messages, 'message')}"
        click.echo(f"{path}: {counted} opened, {_judged(problems)}.")
    return ExitCode.SESSION if problems else ExitCode.DONE


async def _verify_server(settings: Settings, *, as_json: bool) -> int:
    """Open every record of a database on a server; how its tables are built is the server's own care."""
    began = time.monotonic()
    async with open_sessions(settings, key_provider(settings), read_only=True) as sessions:
        with progress("Verifying") as told:
            problems = await sessions.verify(told)
        counts = await sessions.catalogue.counts()
    messages = sum(count.messages for count in counts)
    if as_json:
        said = {"messages": messages, "sound": not problems, "problems": _as_json(problems)}
        print_json({**said, "seconds": round(time.monotonic() - began, 3)})
    else:
        for problem in problems:
            click.echo(problem)
        click.echo(f"{masked(settings.store.url)}: {plural(messages, 'message')} opened, {_judged(problems)}.")
    return ExitCode.SESSION if problems else ExitCode.DONE


def _as_json(problems: Sequence[str]) -> list[dict[str, str | None]]:
    return [{"session": _session_of(problem), "what": problem} for problem in problems]


async def damage_in(settings: Settings, path: Path, *, records: bool = True) -> list[str]:
    """Open a store file with the key and give what is damaged in it; without `records` only what opening shows."""
    there = settings.model_copy(update={"store": settings.store.model_copy(update={"url": f"sqlite:///{path}"})})
    problems = await asyncio.to_thread(structure, path) if records else []
    async with open_sessions(there, key_provider(settings), read_only=True) as sessions:
        if not records:
            return []
        with progress("Verifying") as told:
            return problems + await sessions.verify(told)


def _of_an_import(unfinished: int) -> str:
    """Tell what is no damage: conversations that nobody sees yet, and that go by themselves if they will not come."""
    belong, they = ("belongs", "it goes") if unfinished == 1 else ("belong", "they go")
    return (
        f"{plural(unfinished, 'conversation')} {belong} to an import that is under way or was broken off; "
        f"then {they} when Palaver starts next."
    )


def _judged(problems: list[str]) -> str:
    return "all sound" if not problems else f"{plural(len(problems), 'problem')} found"


def _session_of(problem: str) -> str | None:
    found = _SESSION.match(problem)
    return None if found is None else found[1]
