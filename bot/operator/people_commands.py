"""Commands of `palaver people` and `palaver audit`: what is stored of people, and what was done with it."""

from __future__ import annotations

from pathlib import Path

import click

from bot.settings_options import settings_options

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("list", epilog="Example: palaver people list --platform telegram --limit 20")
@click.option("--platform", help="Only those of this platform: telegram, discord or console.")
@click.option("-n", "--limit", type=int, help="At most so many; all if left out.")
@_JSON
@settings_options
def list_(platform: str | None, limit: int | None, as_json: bool, home: Path | None, config: Path | None) -> int:
    """List everybody who has a conversation, whoever was there last first.

    Counted is what is theirs alone; SHARED are conversations with others that they began.
    """
    from bot.operator.errand import run
    from bot.operator.people import list_people

    return run(
        lambda settings: list_people(settings, platform=platform, limit=limit, as_json=as_json),
        home=home,
        config_file=config,
    )


@click.command("export", epilog="Example: palaver people export telegram:42 -o telegram-42.zip")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file or folder; - is standard output.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@settings_options
@click.argument("person")
def export(person: str, output: Path | None, force: bool, home: Path | None, config: Path | None) -> int:
    """Write everything that is stored of PERSON (platform:user) as one zip archive.

    Each conversation is in it as Markdown and as JSON, with a README. It is what /mydata gives in a chat, but before
    all bot accounts and whole, however large. It is in clear.
    """
    from bot.operation_table import OPERATIONS
    from bot.operator.errand import run
    from bot.operator.person_care import export_person

    return run(
        lambda settings: export_person(settings, OPERATIONS, person, output, force=force),
        home=home,
        config_file=config,
    )


@click.command("erase", epilog="Example: palaver people erase telegram:42")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
@settings_options
@click.argument("person")
def erase(person: str, yes: bool, as_json: bool, home: Path | None, config: Path | None) -> int:
    """Erase everything of PERSON (platform:user) for good, and print a receipt.

    Conversations before all bot accounts and of all linked accounts, choices, links, the day's tokens and that they
    were let in. What others share with them stays, and how much that is, is said. The bot that runs does it, if one
    does.
    """
    from bot.operation_table import OPERATIONS
    from bot.operator.errand import run
    from bot.operator.person_care import erase_person

    return run(
        lambda settings: erase_person(settings, OPERATIONS, person, yes=yes, as_json=as_json),
        home=home,
        config_file=config,
    )


@click.command("links", epilog="Example: palaver people links telegram:42")
@_JSON
@settings_options
@click.argument("person", required=False)
def links(person: str | None, as_json: bool, home: Path | None, config: Path | None) -> int:
    """List which accounts people have linked with /link; of PERSON (platform:user), or of everybody."""
    from bot.operator.errand import run
    from bot.operator.people import list_links

    return run(lambda settings: list_links(settings, person, as_json=as_json), home=home, config_file=config)


@click.command("list", epilog="Example: palaver audit list --kind erasure --since 2026-01-01")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--since", help="From this date or time on.")
@click.option("--until", help="Up to this date or time.")
@click.option("--kind", help="Only what is of this kind: reset, export, erasure, read ...")
@click.option("--by", help="Only what was done by platform:user, shell:login or program.")
@_JSON
@settings_options
def audit_list(
    limit: int,
    since: str | None,
    until: str | None,
    kind: str | None,
    by: str | None,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    """List what was done with conversations, the newest first. It holds ids and numbers, never words."""
    from bot.operator.audit_listing import Asked, list_audit
    from bot.operator.errand import run

    asked = Asked(limit=limit, since=since, until=until, kind=kind, by=by)
    return run(lambda settings: list_audit(settings, asked, as_json=as_json), home=home, config_file=config)


@click.command("verify", epilog="Example: palaver audit verify")
@_JSON
@settings_options
def audit_verify(as_json: bool, home: Path | None, config: Path | None) -> int:
    """Check that no entry was changed, removed or cut off; the exit code is 0 or 4."""
    from bot.operator.audit_listing import verify_audit
    from bot.operator.errand import run

    return run(lambda settings: verify_audit(settings, as_json=as_json), home=home, config_file=config)


PEOPLE: list[click.Command] = [list_, export, erase, links]
AUDIT: list[click.Command] = [audit_list, audit_verify]
