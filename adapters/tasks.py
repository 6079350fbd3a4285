"""Tasks: letting those that run come to an end."""

from __future__ import annotations

import asyncio
from collections.abc import Collection


async def drained(running: Collection[asyncio.Task[None]], seconds: float) -> None:
    """Wait so long for tasks to end by themselves, then cancel the others and wait for their end."""
    if running:
        await asyncio.wait(list(running), timeout=seconds)
    for task in list(running):
        task.cancel()
    if running:
        await asyncio.wait(list(running))
