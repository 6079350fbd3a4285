"""Outcome: the end of a unit of work, which comes whether or not anybody still waits for it."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


class Outcome(asyncio.Future[T]):
    """The future of a unit of work. It can not be cancelled: what is begun will be finished.

    A task that is cancelled while it waits gets its `CancelledError` afterwards, so nobody ever acts on a
    half-known state.
    """

    def cancel(self, msg: object = None) -> bool:
        """Refuse; the waiting task keeps the request and is cancelled when the work is done."""
        return False


def unattended(outcome: asyncio.Future[T]) -> None:
    """Say that nobody may be there to take the error of some work."""
    outcome.add_done_callback(_taken)


def _taken(outcome: asyncio.Future[T]) -> None:
    if not outcome.cancelled():
        outcome.exception()
