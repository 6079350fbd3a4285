"""Upkeep: what a running program does by itself: scheduled resets, and erasing what is past its time."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.mishaps import note_mishap
from bot.retention import Retention
from sessions.errors import SessionError
from sessions.manager import SessionManager
from sessions.reset_warning import WarningNotice
from sessions.resets import ResetNotice

if TYPE_CHECKING:
    from sessions.ticker import ResetTicker

AFTER = 1.0  # seconds until the first look: a program that only answers one line does not pay for it
DAY = 86_400.0
NOTHING_GOES = Retention.everywhere(0)
log = logging.getLogger(__name__)


class Upkeep:
    """Runs beside the conversations, from `start` to `stop`."""

    def __init__(
        self,
        sessions: SessionManager,
        on_reset: ResetNotice,
        *,
        on_warning: WarningNotice | None = None,
        retention: Retention = NOTHING_GOES,
        after: float = AFTER,
        every: float = 30.0,
    ) -> None:
        self._sessions, self._on_reset, self._on_warning = sessions, on_reset, on_warning
        self._retention, self._after, self._every = retention, after, every
        self._ticker: ResetTicker | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """End, and wait for what is being written."""
        if self._ticker is not None:
            await self._ticker.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        await asyncio.sleep(self._after)
        self._ticker = await asyncio.to_thread(self._make_ticker)
        self._ticker.start()
        while self._retention.by_days():
            await self._erase_old()
            await asyncio.sleep(DAY)

    def _make_ticker(self) -> ResetTicker:
        from sessions.ticker import ResetTicker  # brings the scheduler along, a tenth of a second

        return ResetTicker(self._sessions, self._on_reset, on_warning=self._on_warning, seconds=self._every)

    async def _erase_old(self) -> None:
        try:
            erased = await self._erase()
        except SessionError as error:
            note_mishap(log, error)
            return
        if erased:
            log.info("erased %d conversations that were past their time", erased)

    async def _erase(self) -> int:
        """Erase what is archived and past its time; give how much that was."""
        days, cleanup = self._retention.one, self._sessions.cleanup
        if days is not None:
            return await cleanup(older_than=timedelta(days=days), keep_checkpoints=False, archived_only=True)
        erased = 0
        past = await self._retention.past(self._sessions, keep_checkpoints=False)
        for scope, idents in past.items():
            age = timedelta(days=self._retention.days[scope])
            erased += await cleanup(older_than=age, keep_checkpoints=False, archived_only=True, among=idents)
        return erased
