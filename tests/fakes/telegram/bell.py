"""Bell: wakes whoever waits for something to happen."""

from __future__ import annotations

import asyncio


class Bell:
    """Rings at every change; each ring wakes all that wait."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all that wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next ring."""
        await self._event.wait()
