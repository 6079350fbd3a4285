"""StoreClock: the time of the database, for programs on several machines whose own clocks differ."""

from __future__ import annotations

import time
from collections.abc import Callable


class StoreClock:
    """Seconds since 1970, by this machine's clock until the database has said what time it is there.

    From then on what has passed since is counted, so it does not matter if somebody sets this machine's clock.
    """

    def __init__(
        self, own: Callable[[], float] = time.time, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._own, self._monotonic = own, monotonic
        self._began: float | None = None  # when the count was at 0

    def __call__(self) -> float:
        """Give the time."""
        return self._own() if self._began is None else self._began + self._monotonic()

    def correct(self, now_ms: int) -> None:
        """Learn what time it is, in ms since 1970."""
        self._began = now_ms / 1000 - self._monotonic()
