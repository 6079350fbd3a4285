"""Place: where bundles lie until they are fetched. Nobody trusts it.

It has boxes, one for each direction between two machines, and in them slots, one for each session. All names are 32 hex
digits. Only the sender writes to a box.
"""

from __future__ import annotations

import re
from typing import Protocol

MOST_SLOTS = 1_000_000  # of one box that are looked at
_NAME = re.compile(r"[0-9a-f]{32}")


class Place(Protocol):
    """Keeps bundles by box and slot. Raises `PlaceError` where it can not be used at all."""

    async def slots(self, box: str) -> list[str]:
        """List the slots of a box, in order; what is none is passed over."""

    async def head(self, box: str, slot: str, size: int) -> bytes:
        """Give the first bytes of a bundle. Raises `BadBundle` for what is no plain, bounded file."""

    async def read(self, box: str, slot: str) -> bytes:
        """Give a bundle. Raises `BadBundle`."""

    async def write(self, box: str, slot: str, data: bytes) -> None:
        """Put a bundle there instead of the one before: whole, or not at all. It is durable when this returns."""

    async def remove(self, box: str, slot: str) -> None:
        """Take a bundle away, if it is there."""

    async def close(self) -> None:
        """Let go."""


def is_name(text: str) -> bool:
    """Tell whether this can be the name of a box or a slot."""
    return _NAME.fullmatch(text) is not None
