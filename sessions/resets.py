"""Resets: which rule holds for a session, when it strikes next, and carrying it out when due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sessions.address import Address
from sessions.draft import Draft
from sessions.live import LiveSession
from sessions.message import Message
from sessions.preferences import Preferences, RulesInForce
from sessions.profile import Profile
from sessions.records import SessionRow
from sessions.reset_policy import Due, SessionTimes, next_reset
from sessions.reset_rule import ResetRule, ResetRules
from sessions.session import Session, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetEvent:
    """A scheduled reset that happened: the archived session, the fresh one, and why."""

    address: Address
    archived: Session
    fresh: Session
    reason: Literal["daily", "idle"]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReset:
    """A scheduled reset that would happen if nobody wrote any more."""

    address: Address
    session: Session
    at: datetime
    reason: Literal["daily", "idle"]


class Resets:
    """Decides; the same pure function for a message that comes in, for the sweep and for the preview."""

    def __init__(self, preferences: Preferences, rules: ResetRules) -> None:
        self._preferences, self._rules = preferences, rules
        self._since_ms = 0

    async def follow_rules(self, now_ms: int, *, keep: bool) -> None:
        """Let rules that are new count from now on: what was said before them is not reset at once."""
        before = await self._preferences.rules()
        self._since_ms = min(before.since_ms, now_ms)  # the clock may have been ahead when they were made
        if before.described != self._rules.describe():
            self._since_ms = now_ms
            if keep:
                await self._preferences.set_rules(RulesInForce(self._rules.describe(), now_ms, applied=False))

    async def rule(self, live: LiveSession) -> ResetRule:
        """Give the rule that wins: session, then chat, platform, kind of chat, default."""
        if live.rule is None:
            live.rule = await self.find_rule(live)
        return live.rule

    async def find_rule(self, live: LiveSession) -> ResetRule:
        """Look the rule up anew."""
        address = live.profile.address
        if live.profile.policy is not None:
            return ResetRule(policy=live.profile.policy, source="session")
        if (chosen := await self._preferences.resets(live.row.key_idx)) is not None:
            return ResetRule(policy=chosen, source="chat")
        if (policy := self._rules.platforms.get(address.platform)) is not None:
            return ResetRule(policy=policy, source="platform")
        if (policy := self._rules.chat_kinds.get(address.chat_kind)) is not None:
            return ResetRule(policy=policy, source="chat kind")
        return ResetRule(policy=self._rules.default, source="default")

    def next(self, live: LiveSession, draft: Draft | None = None) -> Due | None:
        """Tell when the session resets next, as it is or as `draft` makes it; its rule has been looked up."""
        row, profile = (live.row, live.profile) if draft is None else (draft.row, draft.profile)
        if live.rule is None or live.rule.policy.is_off or not Status(row.status).is_current:
            return None
        return next_reset(self.times(row, profile, live.rule), live.rule.policy)

    def times(self, row: SessionRow, profile: Profile, rule: ResetRule) -> SessionTimes:
        """Give what decides on a session's reset under a rule."""
        return self._times(row, profile, rule, row.last_activity_at, is_empty=row.message_count == 0)

    def _times(
        self, row: SessionRow, profile: Profile, rule: ResetRule, activity: int, *, is_empty: bool
    ) -> SessionTimes:
        waived = self._waived(profile, rule)
        started, last = max(row.created_at, waived), max(activity, waived)
        return SessionTimes(started, last, is_empty, profile.kept_ms, profile.snoozed_ms)

    def _waived(self, profile: Profile, rule: ResetRule) -> int:
        """Give the moment before which nothing counts: a reset that was taken back, or the rule's own beginning."""
        own = rule.source in ("session", "chat")
        return profile.waived_ms if own else max(profile.waived_ms, self._since_ms)

    def settle(self, draft: Draft) -> None:
        """Set the time of the next reset in a draft, after its status, times or head were changed."""
        due = self.next(draft.live, draft)
        draft.row.next_reset_at = None if due is None else due.at_ms

    def after(self, live: LiveSession, message: Message) -> int | None:
        """Tell when the session resets next once `message` is stored."""
        if live.rule is None or live.rule.policy.is_off or not Status(live.row.status).is_current:
            return None
        activity = message.created_ms if message.role == "user" else live.row.last_activity_at
        times = self._times(live.row, live.profile, live.rule, activity, is_empty=False)
        due = next_reset(times, live.rule.policy)
        return None if due is None else due.at_ms

    def due(self, live: LiveSession, now_ms: int) -> Due | None:
        """Give the reset that is due now, if one is."""
        due = self.next(live)
        return due if due is not None and due.at_ms <= now_ms else None


ResetNotice = Callable[[ResetEvent], Awaitable[None]]
