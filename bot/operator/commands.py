"""The groups of commands for whoever runs the bot."""

from __future__ import annotations

import click

from bot.operator import change_commands, db_commands, keys_commands, look_commands, move_commands, people_commands

_SESSIONS = [*look_commands.COMMANDS, *change_commands.COMMANDS, *move_commands.COMMANDS]


@click.group(commands=_SESSIONS, epilog="Example: palaver sessions list --status active")
def sessions() -> None:
    """Look at, change and move the conversations of everybody."""


@click.group(commands=keys_commands.COMMANDS, epilog="Example: palaver keys status")
def keys() -> None:
    """Look after the keys that open the store."""


@click.group(commands=db_commands.COMMANDS, epilog="Example: palaver db backup palaver-backup.db")
def db() -> None:
    """Look after the database."""


@click.group(commands=people_commands.PEOPLE, epilog="Example: palaver people export telegram:42")
def people() -> None:
    """See to it that people get what is stored of them, or have it erased."""


@click.group(commands=people_commands.AUDIT, epilog="Example: palaver audit list")
def audit() -> None:
    """Look at what was done with conversations, and by whom."""


GROUPS = (sessions, keys, db, people, audit)
