"""Commands of `palaver sessions` that give conversations to others, and take theirs."""

from __future__ import annotations

from pathlib import Path

import click

from bot.operator.sync_commands import PLACE
from bot.settings_options import settings_options


@click.command(epilog="Example: palaver sessions share abc123 --team engineering")
@click.option("--with", "names", metavar="NAME", multiple=True, help="A contact; may be given several times.")
@click.option("--team", metavar="TEAM", help="Everybody in this team.")
@PLACE
@settings_options
@click.argument("which", metavar="ID")
def share(
    which: str, names: tuple[str, ...], team: str | None, place: str | None, home: Path | None, config: Path | None
) -> int:
    """Let others have the conversation ID as it is now: what one reads of it, and nothing besides.

    It is sealed for each of them and left in the place. What is said in it later is shared when you share it again.
    """
    if not names and team is None:
        raise click.UsageError("Say with whom: --with NAME or --team TEAM.")
    from bot.operator import sharing
    from bot.operator.errand import run

    return run(lambda settings: sharing.share(settings, which, names, team, place), home=home, config_file=config)


@click.command(epilog="Example: palaver sessions unshare abc123 --with ann")
@click.option("--with", "names", metavar="NAME", multiple=True, help="A contact; all of them if left out.")
@click.option("--team", metavar="TEAM", help="Everybody in this team.")
@PLACE
@settings_options
@click.argument("which", metavar="ID")
def unshare(
    which: str, names: tuple[str, ...], team: str | None, place: str | None, home: Path | None, config: Path | None
) -> int:
    """Take the conversation ID out of the place again; whoever has made a copy keeps it."""
    from bot.operator import sharing
    from bot.operator.errand import run

    return run(lambda settings: sharing.unshare(settings, which, names, team, place), home=home, config_file=config)


@click.command(epilog="Example: palaver sessions clone shared-0f3a")
@click.option("--from", "sender", metavar="NAME", help="Only of what this contact shared.")
@click.option("--user", help="Whose it will be: a user of this console; you if left out.")
@PLACE
@settings_options
@click.argument("which", metavar="SHARED-ID")
def clone(
    which: str, sender: str | None, user: str | None, place: str | None, home: Path | None, config: Path | None
) -> int:
    """Make a conversation of your own of what somebody shared: palaver sessions list --shared names it.

    It has a new id and goes on by itself: nothing that is said in it comes to whoever shared it.
    """
    from bot.operator import sharing
    from bot.operator.errand import run

    return run(lambda settings: sharing.clone(settings, which, sender, user, place), home=home, config_file=config)


COMMANDS: list[click.Command] = [share, unshare, clone]
