"""Undisturbed: what must be done to its end, even by a task that is being cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def undisturbed(work: Coroutine[object, object, T]) -> tuple[T, bool]:
    """Do the work whatever happens; give its result, and whether somebody cancelled meanwhile.

    Only for work that ends soon: a task that runs it can not be hurried.
    """
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    return task.result(), cancelled
