"""Ticket: what lets the bot answer a command or a button for a quarter of an hour."""

from __future__ import annotations

from dataclasses import dataclass

LIFETIME = 15 * 60 * 1_000  # milliseconds
_MARGIN = 5_000  # an answer that is on its way when it ends does not arrive


@dataclass(frozen=True, slots=True)
class Ticket:
    """An interaction's token, and when it came in, in milliseconds since 1970."""

    application: int
    token: str
    at: int

    def valid(self, now: float) -> bool:
        """Tell whether it can still be used, at so many seconds since 1970."""
        return now * 1_000 - self.at < LIFETIME - _MARGIN
