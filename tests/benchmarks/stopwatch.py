"""Stopwatch: how long things took, gathered by name."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from statistics import median
from typing import TypeVar

T = TypeVar("T")
Values = dict[str, float]


class Stopwatch:
    """Times awaitables."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = {}

    async def time(self, what: str, work: Awaitable[T]) -> T:
        """Wait for something and note how long it took."""
        began = time.perf_counter()
        result = await work
        self._taken.setdefault(what, []).append(time.perf_counter() - began)
        return result

    def medians(self) -> Values:
        """Give the median of each, in milliseconds."""
        return {what: median(taken) * 1e3 for what, taken in self._taken.items()}
