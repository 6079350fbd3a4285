"""Commands of `palaver keys`: the keys of the store."""

from __future__ import annotations

import click

COMMANDS: list[click.Command] = []
