"""The groups of commands for whoever runs the bot."""

from __future__ import annotations

from pathlib import Path

import click

from bot.operator import (
    change_commands,
    db_commands,
    keys_commands,
    look_commands,
    move_commands,
    people_commands,
    sharing_commands,
    sync_commands,
)
from bot.settings_options import settings_options

_SESSIONS = [
    *look_commands.COMMANDS,
    *change_commands.COMMANDS,
    *move_commands.COMMANDS,
    *sharing_commands.COMMANDS,
]


@click.group(commands=_SESSIONS, epilog="Example: palaver sessions list --status active")
def sessions() -> None:
    """Look at, change and move the conversations of everybody."""


@click.group(commands=keys_commands.COMMANDS, epilog="Example: palaver keys status")
def keys() -> None:
    """Look after the keys that open the store."""


@click.group(commands=db_commands.COMMANDS, epilog="Example: palaver db backup palaver-backup.db")
def db() -> None:
    """Look after the database."""


@click.group(commands=sync_commands.COMMANDS, epilog="Example: palaver sync both")
def sync() -> None:
    """Have the same conversations on several machines of yours."""


@click.group(commands=people_commands.PEOPLE, epilog="Example: palaver people export telegram:42")
def people() -> None:
    """See to it that people get what is stored of them, or have it erased."""


@click.group(commands=people_commands.AUDIT, epilog="Example: palaver audit list")
def audit() -> None:
    """Look at what was done with conversations, and by whom."""


@click.command(epilog="Example: palaver doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list with what, verdict, found and mend.")
@settings_options
def doctor(as_json: bool, home: Path | None, config: Path | None) -> int:
    """Look for what is wrong or could go wrong, and say how to mend it; the exit code is 0 or 1.

    Checks settings, key, permissions, versions, clock, disk, backups, and whether the bot that runs answers.
    """
    from bot.operator.doctor import examine

    return examine(home=home, config_file=config, as_json=as_json)


GROUPS: tuple[click.Command, ...] = (sessions, sync, keys, db, people, audit, doctor)
