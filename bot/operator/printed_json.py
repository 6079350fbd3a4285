"""Printed JSON: what programs read, in which a terminal finds nothing to act on, and nothing is hidden."""

from __future__ import annotations

import json
import re

import click

# JSON leaves these as they are: controls, half characters, and what Unicode calls a format character. Some turn the
# direction of what follows, some act on terminals, and words can be hidden in the rest.
_HIDDEN = re.compile(
    "[\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # To Unicode these are letters and marks, and are as blank: fillers, joiners and selectors.
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0]"
)


def to_json(value: object, *, indent: int | None = None) -> str:
    """Write a value as JSON; it reads back as it was."""
    return _HIDDEN.sub(_escaped, json.dumps(value, ensure_ascii=False, indent=indent))


def print_json(value: object) -> None:
    """Print a value, one field a line."""
    click.echo(to_json(value, indent=1))


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
