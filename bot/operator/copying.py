"""palaver db copy: all conversations into another database, sealed as they are."""

from __future__ import annotations

from dataclasses import asdict

import click

from bot.commands.markup import plural
from bot.operator.printed_json import print_json
from bot.operator.progress_bar import progress
from bot.startup import ExitCode, key_provider, old_key_providers
from bot.stores import settings_at, store_of
from config.settings import Settings
from sessions.errors import InvalidValue
from sessions.store import Store
from sessions.store_comparison import differences
from sessions.store_copy import Copied, StoreCopy, both_open

MOST_NAMED = 20  # differences


async def copy(settings: Settings, origin: str | None, target: str, *, check: bool, as_json: bool) -> int:
    """Bring over what differs, or only say what does."""
    source = settings.store if origin is None else settings_at(origin, settings.store)
    other = settings_at(target, settings.store)
    if source.url == other.url:
        raise InvalidValue("these are the same database; name another one with --to")
    ours, theirs = store_of(source, read_only=True), store_of(other, read_only=check)
    keys = [key_provider(settings), *old_key_providers(settings)]
    async with both_open(ours, theirs, keys) as census:
        if check:
            return await _compare(ours, theirs, as_json=as_json)
        with progress("Copying") as told:
            copied = await StoreCopy(ours, theirs, census, told).run()
    return _report(copied, as_json=as_json)


async def _compare(source: Store, target: Store, *, as_json: bool) -> int:
    found = [what async for what in differences(source, target)]
    if as_json:
        print_json({"same": not found, "differences": found})
    elif not found:
        click.echo("Both databases hold the same.")
    else:
        click.echo(f"They differ in {plural(len(found), 'place')}:")
        for what in found[:MOST_NAMED]:
            click.echo(f"  {what}")
        if len(found) > MOST_NAMED:
            click.echo(f"  and {len(found) - MOST_NAMED:,} more")
    return ExitCode.SESSION if found else ExitCode.DONE


def _report(copied: Copied, *, as_json: bool) -> int:
    if as_json:
        print_json(asdict(copied))
        return ExitCode.DONE
    click.echo(
        f"{plural(copied.added, 'conversation')} added, {copied.changed:,} changed, {copied.removed:,} removed; "
        f"{plural(copied.messages, 'message')} copied."
    )
    click.echo(
        "Both databases hold the same."
        if copied.complete
        else "Something was written meanwhile. Stop the bot and run this again: it brings what is missing."
    )
    return ExitCode.DONE
