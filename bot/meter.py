"""Meter: what the whole bot counts and measures, beside its channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from adapters.meter import ChannelMeter, CountsNothing
from sessions.standing import Standing

Outcome = Literal["completed", "partial", "stopped", "failed"]
"""How a turn ended: said to its end, cut at the model's limit of length, stopped by its person, or gone wrong."""

OUTCOMES: tuple[Outcome, ...] = ("completed", "partial", "stopped", "failed")


class Meter(ChannelMeter, Protocol):
    """Counts and measures. It is told no id and no word."""

    def turn(self, backend: str, outcome: Outcome, seconds: float) -> None:
        """Count a turn, and how long it took from the stored question to the stored reply."""

    def first_token(self, backend: str, seconds: float) -> None:
        """Measure how long it took until the model said something."""

    def committed(self, seconds: float, *, stored: bool) -> None:
        """Measure a write to the store, and count it if it failed."""

    def reset(self, reason: Literal["daily", "idle"]) -> None:
        """Count a reset that was carried out by itself."""

    def unreadable(self, records: int) -> None:
        """Count records that did not open when they were needed."""

    def stands(self, ask: Callable[[], Standing]) -> None:
        """Learn how to ask how this worker stands among the others; not told where nobody shares the store."""


class MeasuresNothing(CountsNothing):
    """Stands where nobody measures."""

    def turn(self, backend: str, outcome: Outcome, seconds: float) -> None:
        """Do nothing."""

    def first_token(self, backend: str, seconds: float) -> None:
        """Do nothing."""

    def committed(self, seconds: float, *, stored: bool) -> None:
        """Do nothing."""

    def reset(self, reason: Literal["daily", "idle"]) -> None:
        """Do nothing."""

    def unreadable(self, records: int) -> None:
        """Do nothing."""

    def stands(self, ask: Callable[[], Standing]) -> None:
        """Do nothing."""


NOT_MEASURED = MeasuresNothing()
