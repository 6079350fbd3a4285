"""Confirming: nothing is erased before somebody has said yes to how much it is."""

from __future__ import annotations

import sys

import click

from bot.shell import tell
from sessions.errors import InvalidValue


def confirmed(what: str, *, yes: bool) -> bool:
    """Ask at the terminal whether to go on, unless it was said already. Raises `InvalidValue` without a terminal."""
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidValue(f"{what}. There is no terminal to ask at, so nothing was erased; add --yes if you mean it")
    if click.confirm(f"{what}. Go on?", default=False, err=True):
        return True
    tell("nothing was erased.")
    return False
