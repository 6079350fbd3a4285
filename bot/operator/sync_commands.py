"""Commands of `palaver sync`: conversations on several machines of one person."""

from __future__ import annotations

from pathlib import Path

import click

from bot.settings_options import settings_options

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
PLACE = click.option(
    "--place", metavar="PLACE", help="The folder or database to exchange through; that of the settings if left out."
)


@click.command(epilog="Example: palaver sync identity")
@_JSON
@settings_options
def identity(as_json: bool, home: Path | None, config: Path | None) -> int:
    """Print the line by which others seal things for this machine, and know what comes from it.

    It is made at the first time, and no secret. Whoever gets it compares the fingerprint with you.
    """
    from bot.operator.errand import run
    from bot.operator.syncing import show_identity

    return run(lambda settings: show_identity(settings, as_json=as_json), home=home, config_file=config)


@click.command("add", epilog="Example: palaver sync contacts add laptop palaver-sync-1.Zm9v --mine")
@click.option("--mine", is_flag=True, help="It is another machine of mine: it may change what is here.")
@settings_options
@click.argument("name")
@click.argument("line")
def add_contact(mine: bool, name: str, line: str, home: Path | None, config: Path | None) -> int:
    """Know somebody, or another machine of yours, as NAME by the LINE that their palaver sync identity printed."""
    from bot.operator import syncing
    from bot.operator.errand import run

    return run(lambda settings: syncing.add_contact(settings, name, line, mine=mine), home=home, config_file=config)


@click.command("list", epilog="Example: palaver sync contacts list --json")
@_JSON
@settings_options
def list_contacts(as_json: bool, home: Path | None, config: Path | None) -> int:
    """List who is known, with their fingerprints, and which are machines of yours."""
    from bot.operator import syncing
    from bot.operator.errand import run

    return run(lambda settings: syncing.list_contacts(settings, as_json=as_json), home=home, config_file=config)


@click.command("remove", epilog="Example: palaver sync contacts remove laptop")
@settings_options
@click.argument("name")
def remove_contact(name: str, home: Path | None, config: Path | None) -> int:
    """Know NAME no longer: nothing is sealed for them any more, and nothing of theirs is read.

    What they have already stays theirs; to take back what they have not fetched yet, unshare it first.
    """
    from bot.operator import syncing
    from bot.operator.errand import run

    return run(lambda settings: syncing.remove_contact(settings, name), home=home, config_file=config)


@click.command("set", epilog="Example: palaver sync teams set engineering ann bob")
@settings_options
@click.argument("name")
@click.argument("members", nargs=-1, required=True)
def set_team(name: str, members: tuple[str, ...], home: Path | None, config: Path | None) -> int:
    """Let the team NAME be these contacts, whoever was in it before."""
    from bot.operator import syncing
    from bot.operator.errand import run

    return run(lambda settings: syncing.set_team(settings, name, members), home=home, config_file=config)


@click.command("list", epilog="Example: palaver sync teams list")
@_JSON
@settings_options
def list_teams(as_json: bool, home: Path | None, config: Path | None) -> int:
    """List the teams and who is in them."""
    from bot.operator import syncing
    from bot.operator.errand import run

    return run(lambda settings: syncing.list_teams(settings, as_json=as_json), home=home, config_file=config)


@click.command("remove", epilog="Example: palaver sync teams remove engineering")
@settings_options
@click.argument("name")
def remove_team(name: str, home: Path | None, config: Path | None) -> int:
    """Have no team NAME any more; who was in it is still known."""
    from bot.operator import syncing
    from bot.operator.errand import run

    return run(lambda settings: syncing.remove_team(settings, name), home=home, config_file=config)


@click.group(commands=[add_contact, list_contacts, remove_contact], epilog="Example: palaver sync contacts list")
def contacts() -> None:
    """Say whom to exchange with."""


@click.group(commands=[set_team, list_teams, remove_team], epilog="Example: palaver sync teams list")
def teams() -> None:
    """Name several contacts at once."""


_FORCE = click.option("--force", is_flag=True, help="Look at everything again, from the beginning.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say how much there is to do.")


def _synchronise(
    ways: tuple[str, ...],
    place: str | None,
    *,
    force: bool,
    dry_run: bool,
    as_json: bool,
    home: Path | None,
    config: Path | None,
) -> int:
    from bot.operator.errand import run
    from bot.operator.syncing import synchronise

    return run(
        lambda settings: synchronise(settings, ways, place, force=force, dry_run=dry_run, as_json=as_json),
        home=home,
        config_file=config,
    )


@click.command(epilog="Example: palaver sync push --place /media/stick")
@PLACE
@_FORCE
@_DRY_RUN
@_JSON
@settings_options
def push(place: str | None, force: bool, dry_run: bool, as_json: bool, home: Path | None, config: Path | None) -> int:
    """Leave what has changed here in the place, sealed for each of your other machines.

    It can be stopped at any time and run again. What was erased here since is told, and erased there when they pull.
    """
    return _synchronise(("push",), place, force=force, dry_run=dry_run, as_json=as_json, home=home, config=config)


@click.command(epilog="Example: palaver sync pull --force")
@PLACE
@_FORCE
@_DRY_RUN
@_JSON
@settings_options
def pull(place: str | None, force: bool, dry_run: bool, as_json: bool, home: Path | None, config: Path | None) -> int:
    """Take in what your other machines have left in the place.

    Nothing is overwritten: where you went on here as well, what was said there becomes a branch, which
    /checkpoint restore from NAME goes to. The exit code is 1 if something in the place had to be left out.
    """
    return _synchronise(("pull",), place, force=force, dry_run=dry_run, as_json=as_json, home=home, config=config)


@click.command(epilog="Example: palaver sync both")
@PLACE
@_FORCE
@_DRY_RUN
@_JSON
@settings_options
def both(place: str | None, force: bool, dry_run: bool, as_json: bool, home: Path | None, config: Path | None) -> int:
    """Pull, then push."""
    return _synchronise(
        ("pull", "push"), place, force=force, dry_run=dry_run, as_json=as_json, home=home, config=config
    )


COMMANDS: list[click.Command] = [identity, contacts, teams, push, pull, both]
