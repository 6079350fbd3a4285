"""Alone: doing something in one worker only, for as long as it is the one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from adapters.tasks import first_of
from sessions.worker import Worker

Work = Callable[[asyncio.Event], Awaitable[None]]
"""Works until the event is set, or by itself comes to an end."""


async def alone(worker: Worker | None, name: str, stopping: asyncio.Event, work: Work) -> None:
    """Do the work while this worker holds a lease, until `stopping`; without workers nobody else could do it."""
    if worker is None:
        await work(stopping)
        return
    lease = worker.lease(name)
    try:
        while not stopping.is_set():
            await first_of(lease.held, stopping)
            if stopping.is_set():
                return
            ending = asyncio.Event()
            working = asyncio.ensure_future(work(ending))
            try:
                await first_of(lease.lost, stopping, working)
            finally:
                ending.set()
                await working
    finally:
        await worker.release(lease)
