"""palaver db backup: a copy of the store, also while the bot runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from bot.commands.markup import plural
from bot.operator.in_thread import in_thread
from bot.operator.known_backups import remember
from bot.operator.own_files import keep_off
from bot.operator.printed_json import print_json
from bot.operator.progress_bar import progress
from bot.shell import tell
from bot.startup import ExitCode
from bot.stores import is_there, nothing_at
from config.settings import Settings
from sessions.live import maybe_moment
from sessions.sqlite.backup import Contents, back_up, look_into


async def make_backup(settings: Settings, target: Path, *, force: bool, as_json: bool) -> int:
    """Make a backup and say what is in it, and what is not."""
    if not await is_there(settings.store):
        raise nothing_at(settings.store)
    keep_off(settings, target)
    with progress("Copying") as told:
        await in_thread(lambda watch: back_up(settings.store.path, target, replace=force, progress=watch), told)
    holds, size = look_into(target), _size(target)
    _note(settings, target)
    if as_json:
        said = {"file": str(target), "bytes": size, **contents_as_json(holds), "key_included": False}
        print_json(said)
        return ExitCode.DONE
    click.echo(f"{target}: {plural(size, 'byte')}, {contents_in_words(holds)}.")
    click.echo(f"It opens only with key {' or '.join(kid[:8] for kid in holds.keys)}, and the key is not in it.")
    click.echo(f"Keep the key in another place than this file: {_where_the_key_is(settings)}")
    click.echo(f"To see that it is whole: palaver db verify --file {target}")
    return ExitCode.DONE


def _size(path: Path) -> int:
    """Give the bytes of a file."""
    return path.stat().st_size


def contents_in_words(holds: Contents) -> str:
    """Say what is in a store file."""
    return f"{plural(holds.sessions, 'session')}, {plural(holds.messages, 'stored message')}, schema {holds.version}"


def contents_as_json(holds: Contents) -> dict[str, object]:
    """Give what is in a store file as JSON."""
    newest = None if holds.newest is None else maybe_moment(holds.newest)
    return {
        "schema": holds.version,
        "sessions": holds.sessions,
        "messages": holds.messages,
        "keys": list(holds.keys),
        "newest": None if newest is None else newest.isoformat(),
    }


def _where_the_key_is(settings: Settings) -> str:
    if settings.key is not None:
        return "it is the setting key, in the environment or the settings file."
    if settings.key_passphrase_file is not None:
        return f"it is the passphrase in {settings.key_passphrase_file}."
    return f"it is {settings.key_file}."


def _note(settings: Settings, target: Path) -> None:
    try:
        remember(settings.home, target, datetime.now(UTC))
    except OSError as error:
        tell(f"that there is this backup could not be noted in {settings.home} ({error.strerror})")
