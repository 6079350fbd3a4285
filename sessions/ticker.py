"""ResetTicker: the alarm clock of the scheduled resets.

APScheduler only rings; what is due is decided by the rows. One interval job in UTC: no cron trigger, whose
daylight-saving arithmetic skips and doubles days, and no job for each session.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from sessions.manager import SessionManager
from sessions.reset_warning import ResetWarning
from sessions.resets import ResetEvent

INTERVAL_SECONDS = 30
JUMP_SECONDS = 3600  # a wall clock that ran ahead of the machine's own by this much is not believed at once
log = logging.getLogger(__name__)


class ResetTicker:
    """Sweeps every `seconds`; hands each reset that happened to `on_reset`, and each that comes soon to `on_warning`.

    After the wall clock jumped ahead by more than an hour one minute is left for it to be set right, so
    that a wrong clock does not reset everybody at once.
    """

    def __init__(
        self,
        manager: SessionManager,
        on_reset: Callable[[ResetEvent], Awaitable[None]] | None = None,
        *,
        on_warning: Callable[[ResetWarning], Awaitable[None]] | None = None,
        seconds: float = INTERVAL_SECONDS,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager, self._on_reset, self._on_warning = manager, on_reset, on_warning
        self._wall, self._monotonic = wall, monotonic
        self._seen = (wall(), monotonic())
        self._hold_until = 0.0
        self._idle = asyncio.Event()
        self._idle.set()
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._scheduler.add_job(self.tick, IntervalTrigger(seconds=seconds, timezone=UTC), id="resets")

    def start(self) -> None:
        """Begin to ring, on the running event loop."""
        self._scheduler.start()

    async def stop(self) -> None:
        """Stop ringing, and wait for the sweep in progress."""
        if self._scheduler.running:
            self._scheduler.remove_all_jobs()
            await self._idle.wait()  # shutting down cancels what runs, and a reset would not be told
            self._scheduler.shutdown(wait=False)

    async def tick(self) -> None:
        """Sweep once, unless the clock has just jumped. Never raises: the next tick tries again."""
        if self._jumped():
            return
        self._idle.clear()
        try:
            await self._sweep()
            await self._warn()
        finally:
            self._idle.set()

    async def _sweep(self) -> None:
        try:
            events = await self._manager.sweep()
        except Exception:
            log.exception("the sweep for due resets failed")
            return
        if self._on_reset is None:
            return
        for event in events:
            try:
                await self._on_reset(event)
            except Exception:
                log.exception("a reset could not be announced")

    async def _warn(self) -> None:
        if self._on_warning is None:
            return
        try:
            warnings = await self._manager.sweep_warnings()
        except Exception:
            log.exception("the look for resets that come soon failed")
            return
        for warning in warnings:
            try:
                await self._on_warning(warning)
            except Exception:
                log.exception("nobody could be warned of a reset")

    def _jumped(self) -> bool:
        wall, monotonic = self._wall(), self._monotonic()
        ahead = (wall - self._seen[0]) - (monotonic - self._seen[1])
        self._seen = (wall, monotonic)
        if ahead > JUMP_SECONDS:
            self._hold_until = monotonic + 60
            log.warning("the clock jumped ahead by %d minutes; scheduled resets wait one minute", ahead // 60)
        return monotonic < self._hold_until
