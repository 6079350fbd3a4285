"""Queue: writes that wait for those before them, to go together as one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, NamedTuple, TypeVar

from sessions.errors import StoreError
from sessions.outcome import Outcome

T = TypeVar("T")


class Waiting(NamedTuple, Generic[T]):
    """What is wanted, and who is told how it ended."""

    wanted: T
    outcome: Outcome[None]

    def tell(self, error: Exception | None) -> None:
        """Say how it ended."""
        if error is None:
            self.outcome.set_result(None)
        else:
            self.outcome.set_exception(error)


class Queue(ABC, Generic[T]):
    """Takes what is wanted, and has it begun when the tasks of this round of the event loop have queued theirs."""

    def __init__(self) -> None:
        self._waiting: list[Waiting[T]] = []
        self._called = self._closed = False

    def put(self, wanted: T) -> Outcome[None]:
        """Queue something."""
        if self._closed:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        outcome: Outcome[None] = Outcome(loop=loop)
        self._waiting.append(Waiting(wanted, outcome))
        if not self._called:
            self._called = True
            loop.call_soon(self._begin)
        return outcome

    async def close(self) -> None:
        """Have everything that waits begin and end."""
        self._closed = True
        while self._waiting:
            await asyncio.wait([waiting.outcome for waiting in self._waiting])

    @abstractmethod
    def _begin(self) -> None:
        """Begin what can be begun, and say by `_called` whether the next one that is queued has to call again."""
