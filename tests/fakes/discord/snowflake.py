"""Ids that tell when they were made, each larger than the one before."""

from __future__ import annotations

from collections.abc import Callable

_EPOCH_MS = 1_420_070_400_000


class Snowflakes:
    """The source of all ids."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._last = clock, 0

    def __call__(self) -> int:
        moment = (int(self._clock() * 1000) - _EPOCH_MS) << 22
        self._last = max(self._last + 1, moment)
        return self._last
