"""Division: what is divided among workers in parts of the same worth: the lanes, or the shards of a bot account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set


class Division:
    """The parts there are, by the names of their leases, and those that this worker has.

    It is to have `share` of them. Who uses them is told by `changed` when that is not what it has, or what it has has
    changed, and gives back what is too much.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.held: frozenset[int] = frozenset()
        self.share = -1
        self.changed = asyncio.Event()

    def learn(self, leases: Set[str], share: int) -> None:
        """Learn what is held, and what is to be."""
        held = frozenset(number for number, name in enumerate(self.names) if name in leases)
        if held != self.held or len(held) > share:
            self.changed.set()
        self.held, self.share = held, share

    def surplus(self) -> list[int]:
        """Give the parts that are for other workers."""
        return sorted(self.held)[max(self.share, 0) :]
