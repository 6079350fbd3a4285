"""ResetWarning: saying in good time that a reset will come, once for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from sessions.address import Address
from sessions.cache import SessionCache
from sessions.draft import Draft
from sessions.errors import NotFound, StaleSession, StoreError, VaultError
from sessions.lanes import Lanes
from sessions.live import LiveSession, moment
from sessions.records import SessionRow
from sessions.reset_policy import Due, ResetPolicy, mark_of
from sessions.reset_rule import ResetRule
from sessions.resets import Resets
from sessions.session import Session
from sessions.store import Store

WARN_AHEAD: Final = timedelta(minutes=10)
MIN_IDLE: Final = timedelta(minutes=30)  # whoever chose a shorter silence would be warned all day long
BATCH = 200
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetWarning:
    """A scheduled reset that comes soon unless somebody writes, keeps the session or puts the reset off."""

    address: Address
    session: Session
    at: datetime
    reason: Literal["daily", "idle"]
    timezone: str  # the one of the rule
    now: datetime  # when this was found


class ResetWarnings:
    """Finds the resets that come soon. Which were warned of is kept with the session, sealed."""

    def __init__(self, store: Store, cache: SessionCache, resets: Resets, lanes: Lanes, now: Callable[[], int]) -> None:
        self._store, self._cache, self._resets, self._lanes, self._now = store, cache, resets, lanes, now
        self._passed: dict[int, int] = {}  # by session, the reset that needs no second look

    async def run(self) -> list[ResetWarning]:
        """Give a warning for each reset that comes soon and was not warned of before.

        A session in the middle of a turn is asked about the next time.
        """
        rows = await self._soon()
        due = {(row.number, row.next_reset_at) for row in rows}
        self._passed = {number: at for number, at in self._passed.items() if (number, at) in due}
        warnings: list[ResetWarning] = []
        for row in rows:
            if row.number in self._passed or self._lanes.is_busy(row.id):
                continue
            try:
                warning = await self._warn(row)
            except StoreError:
                if not warnings:
                    raise
                break  # those that are noted are told, whatever stopped the others
            except (VaultError, NotFound, StaleSession):
                warning = None  # it says so itself when somebody uses it; or it was changed or erased meanwhile
            if warning is not None:
                warnings.append(warning)
        return warnings

    async def _soon(self) -> list[SessionRow]:
        """Read what is due soon, but not what is due already: that is for the sweep."""
        now, limit = self._now(), BATCH
        until = now + WARN_AHEAD // _MILLISECOND
        while len(rows := await self._store.due(until, limit)) == limit:
            limit *= 2
        return [row for row in rows if row.next_reset_at is not None and row.next_reset_at > now]

    async def _warn(self, row: SessionRow) -> ResetWarning | None:
        async with self._cache.locked(row.id) as live:
            due, rule = self._resets.next(live), await self._resets.rule(live)
            if due is None or not 0 < due.at_ms - self._now() <= WARN_AHEAD // _MILLISECOND:
                return None  # somebody has written since, or settled it otherwise
            mark = mark_of(due, self._resets.times(live.row, live.profile, rule), rule.policy)
            wanted = mark != live.profile.warned_ms and _is_worth_it(due, rule.policy)
            if wanted:
                await self._note(live, mark)
            if live.row.next_reset_at is not None:
                self._passed[live.row.number] = live.row.next_reset_at
            return self._warning(live, due, rule) if wanted else None

    def _warning(self, live: LiveSession, due: Due, rule: ResetRule) -> ResetWarning:
        return ResetWarning(
            address=live.profile.address,
            session=live.snapshot(),
            at=moment(due.at_ms),
            reason=due.reason,
            timezone=rule.policy.timezone,
            now=moment(self._now()),
        )

    async def _note(self, live: LiveSession, mark: int) -> None:
        """Note what will be warned of: better no warning than the same one at every start."""
        draft = Draft(live, self._now())
        draft.profile = replace(live.profile, warned_ms=mark)
        await self._cache.commit([draft])


def _is_worth_it(due: Due, policy: ResetPolicy) -> bool:
    return due.reason == "daily" or policy.idle is None or policy.idle >= MIN_IDLE


WarningNotice = Callable[[ResetWarning], Awaitable[None]]
"""Tells somebody of a reset that comes soon."""
