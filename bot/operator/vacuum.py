"""palaver db vacuum and migrate: giving space back, and bringing an older store up to date."""

from __future__ import annotations

from collections.abc import Mapping

import click

from bot.arguments import Request
from bot.commands.markup import plural
from bot.control import Answer
from bot.operations import Operation, Operations, writing
from bot.operator.printed_json import print_json
from bot.startup import ExitCode
from bot.stores import is_there, nothing_at
from config.settings import Settings
from sessions.manager import SessionManager
from sessions.sqlite import schema
from sessions.sqlite.backup import look_into

VACUUM = "vacuum"


async def vacuum(settings: Settings, operations: Operations, *, as_json: bool) -> int:
    """Have the store written anew, by the bot that runs or here."""
    await _check(settings)
    answer = await operations.carry_out(settings, VACUUM)
    before, after = (_number(answer, name) for name in ("before", "after"))
    if as_json:
        print_json({"before": before, "after": after})
    else:
        given = f"{before - after:,} given back" if before >= after else "nothing to give back"
        click.echo(f"{plural(before, 'byte')} before, {plural(after, 'byte')} after: {given}.")
    return ExitCode.DONE


async def migrate(settings: Settings, *, dry_run: bool) -> int:
    """Apply the migrations that the store has not seen."""
    if settings.store.file is None:
        click.echo("A database on a server is brought up to date by every start. There is nothing to do here.")
        return ExitCode.DONE
    await _check(settings)
    path = settings.store.path
    version = look_into(path).version
    if version >= schema.LATEST:
        click.echo(f"The store has schema version {version}, which is the newest. There is nothing to do.")
        return ExitCode.DONE
    if dry_run:
        click.echo(f"The store would go from schema version {version} to {schema.LATEST}. Make a backup before.")
        return ExitCode.DONE
    async with writing(settings):  # opening the store does it, each step in a transaction of its own
        pass
    click.echo(f"The store went from schema version {version} to {look_into(path).version}.")
    return ExitCode.DONE


async def _vacuum(sessions: SessionManager, request: Request) -> Answer:
    before, after = await sessions.vacuum()
    return {"before": before, "after": after}


async def _check(settings: Settings) -> None:
    if not await is_there(settings.store):
        raise nothing_at(settings.store)


def _number(answer: Answer, name: str) -> int:
    value = answer.get(name)
    return value if isinstance(value, int) else 0


DB_OPERATIONS: Mapping[str, Operation] = {VACUUM: _vacuum}
