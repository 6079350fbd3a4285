"""Commands of `palaver sessions` that write conversations to files and read them back."""

from __future__ import annotations

import click

COMMANDS: list[click.Command] = []
