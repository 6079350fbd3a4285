"""Patience: how long to wait for a model, and how often to ask again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count

from bot.models.backend import Delta, Finished, ModelBackend, Prompt, TextDelta
from bot.models.errors import (
    ModelBroken,
    ModelEmpty,
    ModelError,
    ModelRateLimited,
    ModelStalled,
    ModelUnavailable,
    spoken,
)
from bot.models.watchdog import Watchdog
from bot.models.whole_text import WholeText


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Limits in seconds.

    `first_token` and `idle` bound silence, before and after the first word; `total` bounds the
    whole reply with all its attempts. The wait before attempt n is random between 0 and
    `first_wait * 2**n`; a server that asks for more than `longest_wait` is not asked again.
    """

    first_token: float = 60.0
    idle: float = 30.0
    total: float = 600.0
    retries: int = 2
    first_wait: float = 0.5
    longest_wait: float = 20.0
    max_characters: int = 1_000_000  # at most 4 bytes each, which is what one stored message may hold


class PatientBackend:
    """Hold a backend to its limits, and ask again after a passing failure.

    Nothing is asked twice once a word was shown: the second answer would not continue the first.
    Text is yielded only in whole characters and never empty, and there is some before `Finished`. White space that
    begins a reply waits for its first word: without one there is nothing to show.
    """

    def __init__(
        self,
        backend: ModelBackend,
        patience: Patience,
        *,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._backend, self._patience = backend, patience
        self._chance, self._sleep = chance, sleep

    @property
    def name(self) -> str:
        """The name of the backend inside."""
        return self._backend.name

    async def close(self) -> None:
        """Close the backend inside."""
        await self._backend.close()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream the reply, from the first attempt that gets as far as a word."""
        deadline = _now() + self._patience.total
        for attempt in count():
            shown = False
            try:
                with Watchdog() as watchdog:
                    async with aclosing(self._attempt(prompt, deadline, watchdog)) as deltas:
                        async for delta in deltas:
                            shown = True
                            yield delta
                return
            except ModelError as error:
                if shown:
                    raise _broken_off(error) from None
                wait = self._wait(error, attempt)
                if wait is None or _now() + wait >= deadline:
                    raise
            await self._sleep(wait)

    def _wait(self, error: ModelError, attempt: int) -> float | None:
        """Give the seconds before the next attempt, None when there is none."""
        patience = self._patience
        asked = error.retry_after or 0.0
        if not error.passing or attempt >= patience.retries or asked > patience.longest_wait:
            return None
        return asked + self._chance() * min(patience.longest_wait, patience.first_wait * 2.0**attempt)

    async def _attempt(self, prompt: Prompt, deadline: float, watchdog: Watchdog) -> AsyncGenerator[Delta, None]:
        patience, text, held = self._patience, WholeText(), ""
        silence, spoke, room = patience.first_token, False, patience.max_characters
        async with aclosing(self._backend.stream(prompt)) as deltas:
            while room and isinstance(delta := await _next(deltas, silence, deadline, watchdog), TextDelta):
                piece = text.feed(delta.text)[:room]
                if not piece:
                    continue
                silence, spoke, room = patience.idle, spoke or not piece.isspace(), room - len(piece)
                held += piece
                if spoke:
                    yield TextDelta(held)
                    held = ""
        end = delta if isinstance(delta, Finished) else Finished(None, "length")
        rest = text.rest() if room else ""
        if rest:
            yield TextDelta(held + rest)
        elif not spoke:
            raise ModelEmpty(detail=f"{self.name}: {end.stop_reason}")
        yield end


async def _next(deltas: AsyncGenerator[Delta, None], silence: float, deadline: float, watchdog: Watchdog) -> Delta:
    """Wait for the next delta until either limit; a backend that just ends has broken off."""
    quiet_until = _now() + silence
    try:
        delta = await watchdog.watch(anext(deltas, None), min(quiet_until, deadline))
    except TimeoutError:
        pass
    else:
        if delta is None:
            raise ModelBroken(detail="the stream ended without saying so")
        return delta
    if deadline < quiet_until:
        raise ModelStalled("The reply took too long and was stopped.", detail="total time limit")
    raise ModelStalled(f"The model said nothing for {spoken(silence)}.", detail="silence limit")


def _broken_off(error: ModelError) -> ModelError:
    """Name a failure after the first word for what it is to the person: a reply cut short."""
    if isinstance(error, (ModelUnavailable, ModelRateLimited)):
        return ModelBroken(detail=error.detail)
    return error


def _now() -> float:
    return asyncio.get_running_loop().time()
