"""Undisturbed: what must be done to its end, even when somebody cancels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


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


async def ended(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended. Who cancels the waiting cancels the task, and still waits for its end.

    Raises what the task raised; a task that was cancelled by others has just ended.
    """
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.warning("what was broken off ended with an error: %s", type(error).__name__)
        raise
    if not task.cancelled():
        task.result()
