"""Parcel: one thing that is to go out to a platform, kept until the platform has it."""

from __future__ import annotations

from typing import NamedTuple


class Parcel(NamedTuple):
    """An answer as the channel will render it. `sent` counts the parts that the platform has already taken.

    `lane` says what one of several workers delivers alone.
    """

    id: int
    channel: str
    content: bytes
    sent: int = 0
    lane: int = 0
