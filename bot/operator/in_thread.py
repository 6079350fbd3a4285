"""InThread: long work of a thread that ends when the command is interrupted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

Told = Callable[[int, int], None]


class Interrupted(Exception):
    """The command ends, so the work does."""


async def in_thread(work: Callable[[Told], None], told: Told | None) -> None:
    """Do work beside the event loop; it is told to end, and waited for, when this is cancelled.

    The work has to say now and then how far it is.
    """
    stop = threading.Event()

    def watch(done: int, total: int) -> None:
        if stop.is_set():
            raise Interrupted
        if told is not None:
            told(done, total)

    def run() -> None:
        with suppress(Interrupted):  # nobody waits for it any more
            work(watch)

    working = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({working})
        raise
