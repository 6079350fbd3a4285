"""Inbound: one message as it came in, whatever the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sessions.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A native command: its words, and the options that were given, by the names of the menu."""

    path: tuple[str, ...]
    options: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What a person sent. `author` is the name to show, never used as an identity.

    `source` is the platform's id of the message. With `edits` the text replaces that of the message with this
    id: it is never a command. With `call` there is no text: a native command was chosen. `at` is when it was sent,
    in seconds since 1970 by the platform's clock, where that is known.
    """

    address: Address
    text: str
    author: str | None = None
    source: str | None = None
    edits: str | None = None
    call: Call | None = None
    at: float | None = None
