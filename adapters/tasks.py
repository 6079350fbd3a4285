"""Tasks: letting those that run come to an end, and waiting for the first of several things."""

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


async def first_of(*things: asyncio.Event | asyncio.Future[None]) -> None:
    """Wait for the first of several events, or of work that ends."""
    waiting = [asyncio.ensure_future(thing.wait()) if isinstance(thing, asyncio.Event) else thing for thing in things]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for thing, task in zip(things, waiting, strict=True):
            if task is not thing:
                task.cancel()
