"""Commands of `palaver db`: care of the database."""

from __future__ import annotations

import click

COMMANDS: list[click.Command] = []
