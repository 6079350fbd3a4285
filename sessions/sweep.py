"""Sweep: carrying out what is due, costing what is due and not what exists."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence, Set
from contextlib import suppress
from datetime import timedelta

from sessions.cache import SessionCache
from sessions.errors import InvalidValue, NotFound, StaleSession, StoreError, VaultError
from sessions.lanes import Lanes
from sessions.lifecycle import Lifecycle
from sessions.live import LiveSession, moment
from sessions.persistence import persistent
from sessions.preferences import Preferences
from sessions.records import SessionRow
from sessions.resets import PlannedReset, ResetEvent, Resets
from sessions.session import Status
from sessions.store import Store

BATCH = 200
_CURRENT = {status.value for status in Status if status.is_current}
_AGE = re.compile(r"(\d{1,5})\s*(d|h|days?|hours?)?")


class Sweep:
    """Finds sessions by their times: due for a reset, or older than somebody wants to keep."""

    def __init__(
        self,
        store: Store,
        cache: SessionCache,
        lifecycle: Lifecycle,
        resets: Resets,
        preferences: Preferences,
        lanes: Lanes,
        now: Callable[[], int],
    ) -> None:
        self._preferences, self._followed = preferences, False
        self._store, self._cache, self._lifecycle = store, cache, lifecycle
        self._resets, self._lanes, self._now = resets, lanes, now

    async def run(self) -> list[ResetEvent]:
        """Reset what is due. A session in the middle of a turn waits for the next sweep."""
        if not self._followed:
            await self._follow_rules()
        await self._store.sweep_erased()  # what a reader held back the last time
        events: list[ResetEvent] = []
        try:
            await self._reset_due(events)
        except StoreError:
            if not events:
                raise
        return events  # those that happened are told, whatever stopped the others

    async def _reset_due(self, events: list[ResetEvent]) -> None:
        """Go through what is due; what can not be reset now stays so and must not stand before the rest."""
        until, passed = self._now(), set[int]()
        while rows := await self._due(until, passed):
            passed.update(row.number for row in rows)
            for row in rows:
                event = await self._reset(row)
                if event is not None:
                    events.append(event)

    async def _due(self, until: int, passed: Set[int]) -> list[SessionRow]:
        """Read what is due and was not gone through; among several workers what none of the others has taken."""
        if self._store.coordinator is not None and self._store.coordinator.id:
            return await self._store.coordinator.claim_due(until, BATCH)
        return [row for row in await self._store.due(until, BATCH + len(passed)) if row.number not in passed]

    async def _reset(self, row: SessionRow) -> ResetEvent | None:
        try:
            return await self.one(await self._cache.get(row.id))
        except (VaultError, NotFound, StaleSession):
            return None  # it says so itself when somebody uses it; or it was changed or erased meanwhile

    async def one(self, live: LiveSession) -> ResetEvent | None:
        """Reset one session if it is due; that decides for a message that comes in and for the sweep alike."""
        async with self._lifecycle.locks.hold(live.row.key_idx):
            live = await self._cache.get(live.row.id)
            await self._resets.rule(live)
            if self._lanes.is_busy(live.row.id) or not Status(live.row.status).is_current:
                return None
            due = self._resets.due(live, self._now())
            if due is None:
                await self._lifecycle.reschedule(live)  # the rule has changed since the time was written
                return None
            archived = live.snapshot()
            fresh = await self._lifecycle.expire(live)
            if fresh is None:
                return None
            return ResetEvent(
                address=live.profile.address,
                archived=archived,
                fresh=fresh.snapshot(),
                reason=due.reason,
                at=moment(self._now()),
            )

    def next(self, live: LiveSession) -> PlannedReset | None:
        """Give the reset that comes next if nobody writes any more."""
        due = self._resets.next(live)
        if due is None:
            return None
        at = moment(max(due.at_ms, self._now()))
        return PlannedReset(address=live.profile.address, session=live.snapshot(), at=at, reason=due.reason)

    async def preview(self, days: int) -> list[PlannedReset]:
        """List what `run` would do in the next days if nobody wrote any more."""
        if not 0 < days <= 366:
            raise InvalidValue(f"days must be from 1 to 366, got {days}")
        until = moment(self._now()) + timedelta(days=days)
        planned = []
        async for live in self._current():
            await self._resets.rule(live)
            plan = self.next(live)
            if plan is not None and plan.at <= until:
                planned.append(plan)
        return sorted(planned, key=lambda plan: plan.at)

    async def _follow_rules(self) -> None:
        """Work out every current session's next reset anew after the operator's rules changed."""
        rules = await self._preferences.rules()
        if not rules.applied:
            async for live in self._current():
                with suppress(NotFound):  # it was erased meanwhile
                    await persistent(self._lifecycle.reschedule)(live)
            await self._preferences.rules_applied(rules)
        self._followed = True

    async def older_than(
        self,
        age: str | timedelta,
        *,
        keep_checkpoints: bool,
        archived_only: bool,
        among: Sequence[str] | None = None,
    ) -> list[SessionRow]:
        """List the sessions without activity for that long, of all or of these ids; forks before what they came from.

        Whatever goes together with a fork need not be handed over to it.
        """
        before = self._now() - int(parse_age(age).total_seconds() * 1000)
        found = []
        async for row in self._rows() if among is None else self._named(among):
            if max(row.last_activity_at, row.updated_at) >= before or self._lanes.is_busy(row.id):
                continue
            if archived_only and row.status in _CURRENT:
                continue
            try:
                live = await self._cache.get(row.id)
            except (VaultError, NotFound):
                continue  # its times may be what was changed, or it was erased meanwhile
            if not (keep_checkpoints and _has_checkpoint(live)):
                found.append(row)
        return sorted(found, key=lambda row: row.number, reverse=True)

    async def _current(self) -> AsyncIterator[LiveSession]:
        async for row in self._rows():
            if row.status in _CURRENT:
                try:
                    yield await self._cache.get(row.id)
                except (VaultError, NotFound):
                    continue

    async def _named(self, session_ids: Sequence[str]) -> AsyncIterator[SessionRow]:
        for session_id in dict.fromkeys(session_ids):
            row = await self._store.session(session_id)
            if row is not None:
                yield row

    async def _rows(self) -> AsyncIterator[SessionRow]:
        last = 0
        while rows := await self._store.sessions_after(last, BATCH):
            for row in rows:
                yield row
            last = rows[-1].number


def _has_checkpoint(live: LiveSession) -> bool:
    return any(not mark.automatic and not mark.hidden for mark in live.journal.marks.values())


def parse_age(text: str | timedelta) -> timedelta:
    """Read an age such as `30d`, `30` (days) or `12h`. Zero is refused: it would mean everything."""
    if isinstance(text, timedelta):
        age = text
    else:
        match = _AGE.fullmatch(text.strip().lower())
        if match is None:
            raise InvalidValue(f"age {text!r} is not understood; write 30d for days or 12h for hours")
        unit = (match[2] or "d")[0]
        age = timedelta(hours=int(match[1])) if unit == "h" else timedelta(days=int(match[1]))
    if age <= timedelta(0):
        raise InvalidValue("the age must be more than 0, or everything would be erased")
    return age
