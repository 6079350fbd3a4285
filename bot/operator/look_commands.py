"""Commands of `palaver sessions` that look at conversations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.operator.sync_commands import PLACE
from bot.settings_options import settings_options

if TYPE_CHECKING:
    from bot.operator.showing import Form
    from sessions.catalogue import SortBy

STATUSES = ("active", "paused", "completed", "error", "expired")
SHOWN = 20  # conversations or hits, where nobody said how many
_DATE = "2026-01-31, '2026-01-31 15:20' or ISO 8601, in the time zone of the settings."


_FORCE = click.option("--force", is_flag=True, help="Replace a file that is there already.")


@click.command(
    "list",
    epilog="Example: palaver sessions list --status active --tag work --since 2026-01-01 --sort tokens",
)
@click.option("-b", "--backend", "--provider", help="Only those that this backend answered.")
@click.option("--model", help="Only those with this model.")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only those of this status.")
@click.option("--tag", "tags", multiple=True, help="Only those with this tag; given twice, with both.")
@click.option("--project", help="Only those whose metadata names this project.")
@click.option("--search", "title", metavar="WORDS", help="Only those with this in their title.")
@click.option("--platform", help="Only those begun there: telegram, discord, console.")
@click.option("--person", metavar="PLATFORM:USER", help="Only those this person began.")
@click.option("--since", metavar="DATE", help=f"Only those used since then: {_DATE}")
@click.option("--until", metavar="DATE", help="Only those used last before then; a day counts whole.")
@click.option(
    "--sort",
    type=click.Choice(("date", "title", "messages", "tokens")),
    default="date",
    show_default=True,
    help="Newest, largest, or first in the alphabet first.",
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True, help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="Every one there is.")
@click.option("--shared", is_flag=True, help="What you shared and what was shared with you, instead of those here.")
@PLACE
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="How to print them.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, as --format json.")
@settings_options
def list_command(
    backend: str | None,
    model: str | None,
    status: str | None,
    tags: tuple[str, ...],
    project: str | None,
    title: str | None,
    platform: str | None,
    person: str | None,
    since: str | None,
    until: str | None,
    sort: SortBy,
    reverse: bool,
    limit: int,
    everything: bool,
    shared: bool,
    place: str | None,
    form: str,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """List conversations of everybody, those used last first.

    All conditions that are given must hold. One without a title is named by the first words said in it.
    """
    if shared:
        from bot.operator.errand import run
        from bot.operator.sharing import list_shared

        as_json = as_json or form == "json"
        return run(lambda settings: list_shared(settings, place, as_json=as_json), home=home, config_file=config)
    from bot.operator.listing import ListOptions, list_sessions

    options = ListOptions(
        backend=backend,
        model=model,
        status=status,
        tags=tags,
        project=project,
        title=title,
        platform=platform,
        person=person,
        since=since,
        until=until,
        sort=sort,
        reverse=reverse,
        limit=None if everything else limit,
        as_json=as_json or form == "json",
    )
    return list_sessions(options, home=home, config_file=config)


@click.command("show", epilog="Example: palaver sessions show k3n2 --skip 10 --limit 10 --format markdown")
@click.argument("which", metavar="ID")
@click.option("--summary", is_flag=True, help="Only what is known of it, without what was said.")
@click.option("--skip", type=click.IntRange(min=0), default=0, help="Leave out so many messages at the beginning.")
@click.option("-n", "--limit", type=click.IntRange(min=1), help="At most so many messages.")
@click.option("--format", "form", type=click.Choice(("text", "markdown", "json")), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object, as --format json.")
@settings_options
def show_command(
    which: str,
    summary: bool,
    skip: int,
    limit: int | None,
    form: Form,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """Show a conversation: what is known of it, then what was said, oldest first.

    ID is its id, or a beginning of it that only one has. The audit tells who looked.
    """
    from bot.operator.showing import ShowOptions, show_session

    options = ShowOptions(which=which, summary=summary, skip=skip, limit=limit, form="json" if as_json else form)
    return show_session(options, home=home, config_file=config)


@click.command("search", epilog='Example: palaver sessions search "JWT authentication" --since 2026-01-01')
@click.argument("words", nargs=-1, required=True)
@click.option("-b", "--backend", "--provider", help="Only where this backend answered.")
@click.option("--person", metavar="PLATFORM:USER", help="Only what this person began.")
@click.option("--since", metavar="DATE", help=f"Only messages since then: {_DATE}")
@click.option("--until", metavar="DATE", help="Only messages before then; a day counts whole.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True, help="At most so many.")
@click.option(
    "--export", type=click.Path(path_type=Path, dir_okay=False), help="Write the hits there as JSON, print none."
)
@_FORCE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@settings_options
def search_command(
    words: tuple[str, ...],
    backend: str | None,
    person: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    export: Path | None,
    force: bool,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """Search what was said in all conversations, archived ones included, the newest first.

    A message is found if it holds all WORDS, in any order, whatever their case. Words that begin with a dash go
    behind `--`. Ctrl-C ends the search and keeps what was found. The audit tells who searched.
    """
    from bot.operator.searching import SearchOptions, search_sessions

    options = SearchOptions(
        words=" ".join(words),
        backend=backend,
        person=person,
        since=since,
        until=until,
        limit=limit,
        export=export,
        force=force,
        as_json=as_json,
    )
    return search_sessions(options, home=home, config_file=config)


@click.command("stats", epilog="Example: palaver sessions stats k3n2 --json")
@click.argument("which", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option(
    "--png", type=click.Path(path_type=Path, dir_okay=False), help="Draw the messages of each day into this file too."
)
@_FORCE
@settings_options
def stats_command(
    which: str | None, as_json: bool, png: Path | None, force: bool, home: Path | None, config: Path | None
) -> int:
    """Count messages and tokens: of one conversation, or of all, per provider, person and day."""
    from bot.operator.statistics import StatsOptions, show_stats

    return show_stats(StatsOptions(which=which, as_json=as_json, png=png, force=force), home=home, config_file=config)


COMMANDS: list[click.Command] = [list_command, show_command, search_command, stats_command]
