"""Inbound: one message as it came in, whatever the platform."""

from __future__ import annotations

from dataclasses import dataclass

from sessions.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What a person sent. `author` is the name to show, never used as an identity."""

    address: Address
    text: str
    author: str | None = None
