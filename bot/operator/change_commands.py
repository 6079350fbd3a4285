"""Commands of `palaver sessions` that change conversations."""

from __future__ import annotations

import click

COMMANDS: list[click.Command] = []
