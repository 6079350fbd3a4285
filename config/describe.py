"""Describe: the settings as they are in force, with secrets masked."""

from __future__ import annotations

from datetime import time
from typing import NamedTuple

from pydantic import SecretStr

from config.kinds import WhenNone
from config.mask import masked
from config.settings import Settings, fields_by_name


class Shown(NamedTuple):
    """One setting: its dotted name, its value fit for a screen, and where that came from."""

    name: str
    value: str
    source: str


def describe(settings: Settings) -> list[Shown]:
    """List every setting in the order of the schema; of a secret only whether it is set."""
    return [Shown(name, _shown(settings, name), settings.origin_of(name)) for name in fields_by_name()]


def _shown(settings: Settings, name: str) -> str:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    match value:
        case None:
            marks = fields_by_name()[name].metadata
            return next((mark.text for mark in marks if isinstance(mark, WhenNone)), "not set")
        case SecretStr():
            return "set"
        case time():
            return f"{value:%H:%M}"
        case float():
            return f"{value:g}"
        case tuple():
            return masked(", ".join(map(str, value)) or "none")
        case _:
            return masked(" ".join(str(value).split()))
