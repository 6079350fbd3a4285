"""StoreClock: the time of the database, for programs on several machines whose own clocks differ."""

from __future__ import annotations

import time
from collections.abc import Callable


class StoreClock:
    """Seconds since 1970, by this machine's clock until the database has said what time it is there."""

    def __init__(self, own: Callable[[], float] = time.time) -> None:
        self._own, self._ahead = own, 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self._own() + self._ahead

    def correct(self, now_ms: int) -> None:
        """Learn what time it is, in ms since 1970."""
        self._ahead = now_ms / 1000 - self._own()
