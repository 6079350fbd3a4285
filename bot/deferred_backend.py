"""DeferredBackend: the model backend, made when it is first asked.

The vendors' SDKs take a second to load; a program that only lists conversations should not wait for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bot.models.backend import Delta, ModelBackend, Prompt
from bot.models.choose import ModelSettings, make_backend


class DeferredBackend:
    """Stands for the backend of the settings."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._making = asyncio.Lock()
        self._backend: ModelBackend | None = None

    @property
    def name(self) -> str:
        """What the settings call the backend."""
        return self._settings.backend

    def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Stream the reply; settings that can not work raise `ModelRefused` at the first step."""
        # Once there is a backend its words need not go through another pair of hands.
        return self._first(prompt) if self._backend is None else self._backend.stream(prompt)

    async def _first(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        backend = await self._made()
        async with aclosing(backend.stream(prompt)) as deltas:
            async for delta in deltas:
                yield delta

    async def close(self) -> None:
        """Close the backend if there is one."""
        if self._backend is not None:
            await self._backend.close()

    async def _made(self) -> ModelBackend:
        async with self._making:
            if self._backend is None:
                self._backend = await asyncio.to_thread(make_backend, self._settings)
            return self._backend
