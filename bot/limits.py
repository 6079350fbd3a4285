"""Limits: how often a person may write, and how many tokens a day they may use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.reply import Reply
from bot.access import CONSOLE, Access, person_of
from bot.commands.markup import plural
from bot.person_notes import spending_note
from bot.silence import SILENT, Silence
from config.settings import AccessSettings
from sessions.address import Address
from sessions.manager import SessionManager
from sessions.message import JsonValue, Usage

WARN_AT = 0.8  # of the day's tokens
MOST_KNOWN = 10_000  # people whose pace is watched at a time


@dataclass(slots=True)
class _Bucket:
    """What somebody may still write; it fills as time passes."""

    left: float
    at: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class _Day:
    """What somebody has used on a day, in UTC."""

    day: str
    tokens: int = 0
    warned: bool = False


class Limits:
    """Watches pace and spending of each person. The pace is forgotten at a restart, the spending is not.

    Of several workers each counts the pace in the chats it has; the spending is counted in the store they share. A pace
    that is shared would cost a write for each message, for what only somebody in several chats at once could gain.
    """

    def __init__(self, sessions: SessionManager, access: Access, settings: AccessSettings) -> None:
        self._sessions, self._access = sessions, access
        self._rate, self._budget = settings.messages_per_minute, settings.daily_tokens
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._forgotten: dict[str, _Day] = {}  # of those who had everything erased: that must not renew their tokens

    async def allow(self, address: Address, now: float, *, costs: bool = True) -> Reply | Silence | None:
        """Decide whether a message goes on: None for yes. Too many messages are answered once, then not at all.

        `costs` says whether the model will answer it: only that needs tokens.
        """
        slow_down = self._pace(address, now)
        return await self._stop(address, now) if costs and slow_down is None else slow_down

    async def spent(self, address: Address, usage: Usage, now: float) -> Reply | None:
        """Count what a reply has cost; give the warning that is due, once a day."""
        if not self._budget or self._access.is_operator(address):
            return None
        before, after = _Day(""), _Day("")

        def add(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            nonlocal before, after
            before = self._day(said, address, now)
            tokens = before.tokens + usage.input_tokens + usage.output_tokens
            after = _Day(before.day, tokens, before.warned or tokens >= WARN_AT * self._budget)
            return {"day": after.day, "tokens": after.tokens, "warned": after.warned}

        await self._sessions.change_note(_note(address), add)
        is_due = after.warned and not before.warned
        return Reply(text=self._warning(after.tokens, now), private=True) if is_due else None

    async def keep_in_memory(self, address: Address, now: float) -> None:
        """Know what somebody used today without the store, from which it is about to be erased."""
        day = await self._today(address, now)
        self._forgotten = {person: kept for person, kept in self._forgotten.items() if kept.day == day.day}
        if self._budget and day.tokens:
            self._forgotten[person_of(address)] = day

    # -- inside ------------------------------------------------------------------------------------

    def _pace(self, address: Address, now: float) -> Reply | Silence | None:
        if not self._rate or address.platform == CONSOLE:  # a pipe may bring any number of lines
            return None
        bucket = self._bucket(person_of(address), now)
        if bucket.left >= 1:
            bucket.left -= 1
            bucket.told = False
            return None
        if bucket.told:
            return SILENT
        bucket.told = True
        seconds = max(1, round((1 - bucket.left) * 60 / self._rate))
        text = f"That was too fast: {plural(self._rate, 'message')} a minute is the most. This one was left out."
        return Reply(text=f"{text} Go on in {plural(seconds, 'second')}.", private=True, error=True)

    def _bucket(self, person: str, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(person, _Bucket(self._rate, now))
        self._buckets.move_to_end(person)
        if len(self._buckets) > MOST_KNOWN:
            self._buckets.popitem(last=False)
        gained = max(0.0, now - bucket.at) * self._rate / 60
        bucket.left, bucket.at = min(self._rate, bucket.left + gained), now
        return bucket

    async def _stop(self, address: Address, now: float) -> Reply | None:
        if not self._budget or self._access.is_operator(address):
            return None
        if (await self._today(address, now)).tokens < self._budget:
            return None
        text = f"Your {plural(self._budget, 'token')} of today are used up. {_anew(now)} Commands still work."
        return Reply(text=text, private=True, error=True)

    async def _today(self, address: Address, now: float) -> _Day:
        return self._day(await self._sessions.note(_note(address)), address, now)

    def _day(self, said: Mapping[str, JsonValue], address: Address, now: float) -> _Day:
        """Read what is noted of today; of who had everything erased the memory knows."""
        today = datetime.fromtimestamp(now, UTC).date().isoformat()
        match said:
            case {"day": str(day), "tokens": int(tokens), "warned": bool(warned)} if day == today:
                return _Day(day, tokens, warned)
        kept = self._forgotten.get(person_of(address))
        return kept if kept is not None and kept.day == today else _Day(today)

    def _warning(self, tokens: int, now: float) -> str:
        share = min(100, tokens * 100 // self._budget)
        return f"You have used {share} % of your {plural(self._budget, 'token')} of today. {_anew(now)}"


def _note(address: Address) -> str:
    return spending_note(person_of(address))


def _anew(now: float) -> str:
    midnight = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    minutes = max(1, round((midnight.timestamp() - now) / 60))
    left = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else plural(minutes, "minute")
    return f"They begin anew at 00:00 UTC, in {left}."
