"""palaver db verify: every record is opened, and what is damaged is named."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from pathlib import Path

import click

from bot.commands.markup import plural
from bot.operator.backup import contents_as_json
from bot.operator.printed_json import print_json
from bot.operator.progress_bar import progress
from bot.startup import ExitCode, key_provider, open_sessions
from bot.stores import nothing_at
from config.mask import masked
from config.settings import Settings
from sessions.sqlite.backup import look_into, structure

_SESSION = re.compile(r"session ([a-z2-7]{12}): ")


async def verify(settings: Settings, file: Path | None, *, as_json: bool) -> int:
    """Verify the store, or a backup of it, and say what is damaged."""
    began = time.monotonic()
    path = file or settings.store.file
    if path is None:
        place, (counted, holds, problems) = masked(settings.store.url), await _server(settings)
    elif file is None and not path.exists():
        raise nothing_at(settings.store)
    else:
        place, (counted, holds, problems) = str(path), await _file(settings, path)
    if as_json:
        problem_list = [{"session": _session_of(problem), "what": problem} for problem in problems]
        verdict = {"sound": not problems, "problems": problem_list, "seconds": round(time.monotonic() - began, 3)}
        print_json({"file": place, **holds, **verdict})
    else:
        for problem in problems:
            click.echo(problem)
        if unfinished := holds.get("unfinished"):
            click.echo(_of_an_import(int(str(unfinished))))
        click.echo(f"{place}: {counted} opened, {_judged(problems)}.")
    return ExitCode.SESSION if problems else ExitCode.DONE


_Found = tuple[str, Mapping[str, object], list[str]]  # what was counted in words, what there is, what is damaged


async def _file(settings: Settings, path: Path) -> _Found:
    holds, problems = look_into(path), await damage_in(settings, path)
    counted = f"{plural(holds.sessions, 'session')} and {plural(holds.messages, 'stored message')}"
    return counted, {**contents_as_json(holds), "unfinished": holds.unfinished}, problems


async def _server(settings: Settings) -> _Found:
    """Open every record of a database on a server; how its tables are built is the server's own care."""
    async with open_sessions(settings, key_provider(settings), read_only=True) as sessions:
        with progress("Verifying") as told:
            problems = await sessions.verify(told)
        counts = await sessions.catalogue.counts()
        there = await sessions.catalogue.ids()
    messages = sum(count.messages for count in counts)
    counted = f"{plural(len(there), 'session')} and {plural(messages, 'stored message')}"
    return counted, {"sessions": len(there), "messages": messages}, problems


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
