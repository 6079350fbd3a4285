"""ResetPolicy: when a conversation makes room for a fresh one.

`next_reset` is pure: it sees a session's times and its policy, no clock and no store. The next message and the
sweep ask the same function, and a reset is due as soon as the clock has reached what it answers.

A day's *boundary* is the moment the person's wall clock shows the reset time: the first of two where the clock is
set back, later by the gap where it is set forward (PEP 495, fold=0). A session is reset at the first boundary after
its start, however many went by unattended. Because a fresh session starts at or after that boundary, no boundary
counts twice, whatever the wall clock does. A snooze puts a reset off, but a daily one never to the next boundary, or
the day between would have none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from sessions.errors import InvalidValue

GRACE: Final = timedelta(minutes=10)  # a daily reset waits until nobody has spoken for this long,
MAX_WAIT: Final = timedelta(hours=2)  # but not longer than this
MIN_IDLE: Final = timedelta(minutes=1)
MAX_IDLE: Final = timedelta(days=366)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY_MS = timedelta(days=1) // _MILLISECOND
_MINUTE_MS = timedelta(minutes=1) // _MILLISECOND
_GRACE_MS = GRACE // _MILLISECOND
_MAX_WAIT_MS = MAX_WAIT // _MILLISECOND

# They open like zones, but mean another one on every machine, or count leap seconds.
_NOT_ZONES = frozenset({"localtime", "posix", "posixrules", "right"})
_DAILY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?:\s+(\S.*))?")
_IDLE = re.compile(r"([0-9]{1,6})\s*(m|min|h|d)?")
_UNITS = {"m": timedelta(minutes=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class SessionTimes(NamedTuple):
    """The times of a session that decide on its reset, in milliseconds since 1970."""

    started_ms: int  # its start, or the last moment a reset was waived or the policy was changed
    last_activity_ms: int  # the last thing a person said; bookkeeping never moves it
    is_empty: bool  # nothing was said yet, so there is nothing to reset
    kept_ms: int = 0  # daily resets whose time is not after this are left out
    snoozed_ms: int = 0  # no reset before this


class Due(NamedTuple):
    """When a reset is due, and why."""

    at_ms: int
    reason: Literal["daily", "idle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPolicy:
    """A time of day, a time of silence, both or neither; neither is the default."""

    daily_at: time | None = None  # on the wall clock of `timezone`, to the minute
    timezone: str = "UTC"
    idle: timedelta | None = None

    def __post_init__(self) -> None:
        if self.daily_at is not None:
            _check_daily(self.daily_at)
        if self.idle is not None:
            _check_idle(self.idle)
        if not isinstance(self.timezone, str):
            raise InvalidValue(f"timezone must be the name of a zone such as Europe/Berlin, got {self.timezone!r}")
        find_zone(self.timezone)

    @property
    def is_off(self) -> bool:
        """Tell whether nothing is ever reset by this policy."""
        return self.daily_at is None and self.idle is None

    def describe(self) -> str:
        """Say it in a few words.

        >>> ResetPolicy(daily_at=time(4), timezone="Europe/Berlin", idle=timedelta(minutes=30)).describe()
        'daily at 04:00 Europe/Berlin; after 30 min idle'
        """
        words = []
        if self.daily_at is not None:
            words.append(f"daily at {self.daily_at:%H:%M} {self.timezone}")
        if self.idle is not None:
            words.append(f"after {_duration(self.idle)} idle")
        return "; ".join(words) or "off"


def next_reset(times: SessionTimes, policy: ResetPolicy) -> Due | None:
    """Give the earlier of the daily and the idle reset; None when there is none to come.

    A reset is due when the clock reads `at_ms` or later. A clock that was set back makes nobody idle.
    """
    if times.is_empty:
        return None
    daily = idle = None
    if policy.daily_at is not None:
        daily = Due(_daily(times, policy.timezone, policy.daily_at).at_ms, "daily")
    if policy.idle is not None:
        # A reset that was waived is not due again at once.
        since = max(times.started_ms, times.last_activity_ms)
        idle = Due(max(since + policy.idle // _MILLISECOND, times.snoozed_ms), "idle")
    if daily is None or idle is None:
        return daily or idle
    return daily if daily.at_ms <= idle.at_ms else idle


def leave_out(times: SessionTimes, policy: ResetPolicy, now_ms: int) -> SessionTimes:
    """Give the times with the coming reset left out: silence counts from now, and so do the days after the coming one.

    No day is left out that has not yet begun: saying it twice is the same as saying it once.
    """
    due = next_reset(times, policy)
    if due is None:
        return times
    kept_ms = times.kept_ms
    if due.reason == "daily" and policy.daily_at is not None:
        coming = _daily(times, policy.timezone, policy.daily_at).boundary_ms
        if coming <= _boundary_after(policy.timezone, policy.daily_at, now_ms)[0]:
            kept_ms = coming
    started_ms = max(times.started_ms, now_ms)
    return times._replace(started_ms=started_ms, kept_ms=kept_ms, snoozed_ms=0)


def mark_of(due: Due, times: SessionTimes, policy: ResetPolicy) -> int:
    """Give what tells a reset from the others of its session.

    While somebody talks into the night the reset waits and stays the same one; put off by a snooze it is another.
    """
    if due.reason == "daily" and policy.daily_at is not None:
        return _daily(times, policy.timezone, policy.daily_at).begin_ms
    return due.at_ms


class _Daily(NamedTuple):
    boundary_ms: int  # when the wall clock shows the time
    begin_ms: int  # that, or the end of a snooze
    at_ms: int  # that, or the end of a talk


def _daily(times: SessionTimes, timezone: str, daily_at: time) -> _Daily:
    boundary, day = _boundary_after(timezone, daily_at, max(times.started_ms, times.kept_ms))
    begin, latest = boundary, boundary + _MAX_WAIT_MS
    if times.snoozed_ms > boundary:
        end = _boundary_after(timezone, daily_at, boundary, day)[0] - _MINUTE_MS
        begin = max(boundary, min(times.snoozed_ms, end))
        latest = max(begin, min(begin + _MAX_WAIT_MS, end))
    return _Daily(boundary, begin, max(begin, min(times.last_activity_ms + _GRACE_MS, latest)))


def _boundary_after(timezone: str, daily_at: time, moment_ms: int, day: int | None = None) -> tuple[int, int]:
    """Give the first boundary after a moment, and its date; the search begins at `day` if that is known."""
    if day is None:
        # Every wall clock is less than a day away from UTC, so what is to come is not further back than yesterday.
        day = moment_ms // _DAY_MS - 1
    while (boundary := _boundary(timezone, daily_at, day)) <= moment_ms:
        day += 1
    return boundary, day


@lru_cache(maxsize=2048)
def _boundary(timezone: str, daily_at: time, day: int) -> int:
    """Give the moment of a reset time on the local date that is `day` days after 1970-01-01."""
    date = _EPOCH + timedelta(days=day)
    wall = datetime(date.year, date.month, date.day, daily_at.hour, daily_at.minute, tzinfo=find_zone(timezone), fold=0)
    return (wall - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=64)
def find_zone(name: str) -> ZoneInfo:
    """Give the zone of the tz database that has this name."""
    try:
        if name.partition("/")[0] not in _NOT_ZONES:
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder, or one too long for a file
        pass
    nearest = _nearest_zone(name)
    hint = f"did you mean {nearest}?" if nearest else "use a name such as Europe/Berlin"
    raise InvalidValue(f"time zone {name[:64]!r} is not in the tz database; {hint}")


def _nearest_zone(name: str) -> str | None:
    from difflib import get_close_matches

    said = "_".join(name[:64].lower().split())
    zones = sorted(available_timezones() - _NOT_ZONES)
    exact = {zone.lower(): zone for zone in zones}
    # Near is not good enough for abbreviations: CEST is not EST.
    places = {zone.rpartition("/")[2].lower(): zone for zone in zones} | exact
    places = {place: zone for place, zone in places.items() if "/" in zone}
    close = get_close_matches(said, places, n=1, cutoff=0.8)
    return exact.get(said) or (places[close[0]] if close else None)


def parse_daily(text: str) -> tuple[time | None, str | None]:
    """Read `04:00`, `4:00`, `04:00 Europe/Berlin` or `off` as a time of day and, where it was said, a zone."""
    said = text.strip()
    if said.lower() == "off":
        return None, None
    found = _DAILY.fullmatch(said)
    if not found:
        raise InvalidValue(f"reset time {said[:64]!r} is not HH:MM, HH:MM with a zone (04:00 Europe/Berlin), or off")
    if found[3]:
        find_zone(found[3])
    return time(int(found[1]), int(found[2])), found[3]


def parse_idle(text: str) -> timedelta | None:
    """Read `30` or `30m` (minutes), `2h`, `7d` or `off`."""
    said = text.strip().lower()
    if said == "off":
        return None
    found = _IDLE.fullmatch(said)
    if not found:
        raise InvalidValue(f"idle time {said[:64]!r} is not a number of minutes (30), 30m, 2h, 7d, or off")
    return _check_idle(int(found[1]) * _UNITS[found[2] or "m"])


def _check_daily(at: object) -> None:
    if not isinstance(at, time) or at.tzinfo or at.second or at.microsecond:
        raise InvalidValue(f"daily_at must be a time of day in whole minutes without a zone, got {at!r}")


def _check_idle(idle: timedelta) -> timedelta:
    if not isinstance(idle, timedelta):
        raise InvalidValue(f"idle must be a timedelta, got {idle!r}")
    if not MIN_IDLE <= idle <= MAX_IDLE:
        raise InvalidValue(f"idle time {idle} is not between 1 minute and 366 days")
    return idle


def _duration(span: timedelta) -> str:
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((span.days, "days" if span.days > 1 else "day"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
