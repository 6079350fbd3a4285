"""Commands of `palaver sessions` that look at conversations."""

from __future__ import annotations

import click

COMMANDS: list[click.Command] = []
