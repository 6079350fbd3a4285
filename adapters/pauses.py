"""Pauses: how long to wait between attempts, each time twice as long, up to a limit."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

FIRST, LONGEST = 1.0, 60.0  # seconds


class Pauses:
    """The pauses of one thing that is tried again; a new one begins with the shortest."""

    def __init__(self, first: float = FIRST, longest: float = LONGEST) -> None:
        self._first, self._longest = first, longest
        self._pause = first

    def next(self) -> float:
        """Give the next one in seconds, drawn between its half and its whole, so that many do not try at once."""
        pause, self._pause = self._pause, min(2 * self._pause, self._longest)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load

    def restart(self) -> None:
        """Begin with the shortest again: it worked."""
        self._pause = self._first

    async def wait(self, told: asyncio.Event) -> None:
        """Wait for the next one, or until told to wait no longer."""
        with suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), self.next())
