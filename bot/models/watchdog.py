"""Watchdog: ends a wait that takes too long, with one timer for all the waits of a reply.

`asyncio.timeout` makes a timer for each wait and drops it again. A reply has a wait for every word, and hardly any of
them takes long; here the timer is set anew only when it went off too early.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class Watchdog:
    """Watches one wait after the other; `with` puts the timer away in the end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._until = 0.0
        self._bit = False

    def __enter__(self) -> Self:
        """Begin to watch."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def watch(self, work: Awaitable[T], until: float) -> T:
        """Wait for something in the running task. Raises `TimeoutError` when the loop's time is `until`."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no task to wait in")
        self._waiting, self._until, self._bit = task, until, False
        if self._timer is None or self._timer.when() > until:
            self._set()
        asked = task.cancelling()
        try:
            return await work
        except asyncio.CancelledError:
            if self._was_ours(task, asked):
                raise TimeoutError from None
            raise
        finally:
            self._was_ours(task, asked)
            self._waiting = None

    def _was_ours(self, task: asyncio.Task[object], asked: int) -> bool:
        """Take our own cancellation back, if there is one; tell whether nobody else has asked for one."""
        bit, self._bit = self._bit, False
        return bit and task.uncancel() <= asked

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._went_off, self._until)

    def _went_off(self, at: float) -> None:
        self._timer = None
        if self._waiting is None:
            return  # the next wait sets it
        if at < self._until:
            self._set()
        else:
            self._bit = True
            self._waiting.cancel()
