"""Lease: what one worker does alone, as long as it has it."""

from __future__ import annotations

import asyncio


class Lease:
    """Whether this worker is the one; both ways can be waited for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.held, self.lost = asyncio.Event(), asyncio.Event()
        self.lost.set()

    def set(self, held: bool) -> None:
        """Learn whether it is held."""
        if held:
            self.held.set()
            self.lost.clear()
        else:
            self.lose()

    def lose(self) -> None:
        """Learn that it is not held any more."""
        self.held.clear()
        self.lost.set()
