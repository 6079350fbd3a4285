"""palaver db restore: a backup takes the place of the store, which is kept beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from bot.commands.markup import plural
from bot.operations import operator, writing
from bot.operator.backup import contents_in_words
from bot.operator.in_thread import in_thread
from bot.operator.known_backups import aside
from bot.operator.progress_bar import progress
from bot.operator.verifying import damage_in
from bot.shell import tell
from bot.startup import ExitCode
from config.settings import Settings
from sessions.audit import AuditKind, acting
from sessions.errors import InvalidValue, SessionError
from sessions.sqlite.backup import Contents, copy_store, look_into, partial_file, put_in_place
from sessions.sqlite.files import OwnerLock


async def restore(settings: Settings, source: Path, *, verify: bool) -> int:
    """Put a backup in the place of the store, once it is known to be whole and to open with the key."""
    store = settings.store.path
    holds = look_into(source)
    _make_room(store, source)
    lock = OwnerLock(store)
    lock.take()  # whoever writes there would go on writing into a file that has no name any more
    try:
        with partial_file(store.parent) as copy:
            with progress("Copying") as told:
                await in_thread(lambda watch: copy_store(source, copy, watch), told)
            problems = await damage_in(settings, copy, records=verify)
            if problems:
                return _refuse(source, problems)
            kept = aside(store, datetime.now(UTC))
            was_there = put_in_place(copy, store, kept)
    finally:
        lock.release()
    await _note(settings, holds)
    _tell(holds, source, kept if was_there else None)
    return ExitCode.DONE


def _make_room(store: Path, source: Path) -> None:
    if store.exists() and source.samefile(store):
        raise InvalidValue(f"{source} is the store itself")
    store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def _refuse(source: Path, problems: list[str]) -> ExitCode:
    for problem in problems:
        tell(problem)
    tell(f"{source} is damaged, so nothing was replaced; --no-verify puts it in place all the same")
    return ExitCode.SESSION


async def _note(settings: Settings, holds: Contents) -> None:
    """Have the audit, which is an older one now, tell so."""
    try:
        async with writing(settings) as sessions:
            with acting(operator()):
                await sessions.audit.note(AuditKind.RESTORE, database=True, sessions=holds.sessions)
    except SessionError as error:
        tell(f"the audit does not tell of this: {error}")


def _tell(holds: Contents, source: Path, kept: Path | None) -> None:
    click.echo(f"Restored {contents_in_words(holds)} from {source}.")
    if kept is not None:
        click.echo(f"What was there before is kept as {kept}; delete it when you do not need it any more.")
    if holds.waiting:
        what = plural(holds.waiting, "message")
        click.echo(f"{what} waited to be answered or sent when the backup was made; the bot does that when it starts.")
