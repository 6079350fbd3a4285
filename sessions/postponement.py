"""Postponement: leaving a scheduled reset out once, or putting it off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from sessions.cache import SessionCache
from sessions.draft import Draft
from sessions.errors import InvalidValue
from sessions.live import LiveSession
from sessions.profile import Profile
from sessions.reset_policy import leave_out
from sessions.reset_rule import ResetRule
from sessions.resets import Resets

MIN_SNOOZE = timedelta(minutes=1)
MAX_SNOOZE = timedelta(days=1)


class Postponement:
    """Changes when a session resets next, each time with one commit."""

    def __init__(self, cache: SessionCache, resets: Resets, now: Callable[[], int]) -> None:
        self._cache, self._resets, self._now = cache, resets, now

    async def keep(self, session_id: str) -> LiveSession:
        """Leave the coming reset out; saying it twice leaves out no second one."""

        def kept(live: LiveSession, rule: ResetRule) -> Profile:
            if self._resets.next(live) is None:
                return live.profile
            left = leave_out(self._resets.times(live.row, live.profile, rule), rule.policy, self._now())
            return replace(live.profile, waived_ms=left.started_ms, kept_ms=left.kept_ms, snoozed_ms=left.snoozed_ms)

        return await self._change(session_id, kept)

    async def snooze(self, session_id: str, for_: timedelta) -> LiveSession:
        """Put the coming reset off until `for_` from now; one that comes later anyway stays where it is."""
        if not MIN_SNOOZE <= for_ <= MAX_SNOOZE:
            raise InvalidValue(f"a reset is put off by 1 minute to 24 hours, not by {for_}")
        until_ms = self._now() + for_ // timedelta(milliseconds=1)

        def snoozed(live: LiveSession, rule: ResetRule) -> Profile:
            due = self._resets.next(live)
            if due is None or due.at_ms >= until_ms:
                return live.profile
            return replace(live.profile, snoozed_ms=until_ms)

        return await self._change(session_id, snoozed)

    async def _change(self, session_id: str, change: Callable[[LiveSession, ResetRule], Profile]) -> LiveSession:
        async with self._cache.locked(session_id) as live:
            draft = Draft(live, self._now())
            draft.profile = change(live, await self._resets.rule(live))
            if draft.profile != live.profile:
                self._resets.settle(draft)
                await self._cache.commit([draft])
            return live
