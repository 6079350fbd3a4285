"""Gathering: what several tasks ask a store at the same moment, asked once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
MOST = 500  # keys in one question


class Gathering(Generic[K, V]):
    """Asks `read` for everything that is wanted by the time the event loop comes round.

    Whoever asks gets what was stored after that, never the answer to a question that was under way already.
    """

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._read = read
        self._wanted: dict[K, asyncio.Future[V | None]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """Give what is stored under a key; None for nothing."""
        answer = self._wanted.get(key)
        if answer is None:
            loop = asyncio.get_running_loop()
            if not self._wanted:
                loop.call_soon(self._ask)
            answer = self._wanted[key] = loop.create_future()
        return await asyncio.shield(answer)

    def _ask(self) -> None:
        wanted, self._wanted = self._wanted, {}
        keys = list(wanted)
        for start in range(0, len(keys), MOST):
            some = {key: wanted[key] for key in keys[start : start + MOST]}
            task = asyncio.ensure_future(self._answer(some))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _answer(self, wanted: Mapping[K, asyncio.Future[V | None]]) -> None:
        try:
            found = await self._read(list(wanted))
        except BaseException as error:
            for answer in wanted.values():
                answer.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                answer.exception()  # nobody may be there to take it
            if not isinstance(error, Exception):
                raise
            return
        for key, answer in wanted.items():
            answer.set_result(found.get(key))
