"""Printed JSON: what programs read, in which a terminal finds nothing to act on."""

from __future__ import annotations

import json
import re

import click

# JSON leaves these as they are, and terminals act on some of them, or turn the direction of what follows.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def to_json(value: object, *, indent: int | None = None) -> str:
    """Write a value as JSON; it reads back as it was."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_json(value: object) -> None:
    """Print a value, one field a line."""
    click.echo(to_json(value, indent=1))
