"""When: moments and ages as people write them on the command line."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from config.settings import Settings
from sessions.errors import InvalidValue

MOST_DAYS = 36_500  # a hundred years, as the settings allow
_AGE = re.compile(r"([0-9]{1,9}) ?(m|min|h|d|w)?", re.ASCII | re.IGNORECASE)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_DAY = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", re.ASCII)
_LENGTHS = ((31_536_000, "year"), (2_592_000, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def parse_moment(text: str, zone: tzinfo) -> datetime:
    """Read a date, or a date and time, in `zone` unless it names its own; a date means its beginning.

    Raises `InvalidValue`.
    """
    said = text.strip()
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise _no_moment(text) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def parse_end(text: str, zone: tzinfo) -> datetime:
    """Read a moment up to which something goes; a date without a time means its end. Raises `InvalidValue`."""
    moment = parse_moment(text, zone)
    if not _DAY.fullmatch(text.strip()):
        return moment
    try:
        following = date.fromordinal(moment.toordinal() + 1)
    except (ValueError, OverflowError):
        raise _no_moment(text) from None
    return datetime(following.year, following.month, following.day, tzinfo=zone)


def zone_of(settings: Settings) -> ZoneInfo:
    """Give the time zone in which the operator says dates."""
    return ZoneInfo(settings.sessions.timezone)


def since_of(text: str | None, settings: Settings) -> datetime | None:
    """Read `--since`. Raises `InvalidValue`."""
    return None if text is None else parse_moment(text, zone_of(settings))


def until_of(text: str | None, settings: Settings) -> datetime | None:
    """Read `--until`: a day is included whole. Raises `InvalidValue`."""
    return None if text is None else parse_end(text, zone_of(settings))


def parse_age(text: str) -> timedelta:
    """Read how long ago something is: `30d`, `12h`, `90m`, `2w`; a number alone is days. Raises `InvalidValue`."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise InvalidValue(f"{text!r} is not an age; write 30d, 12h, 90m or 2w, or a number of days")
    age = int(found[1]) * _UNITS[(found[2] or "d")[0].lower()]
    if age > timedelta(days=MOST_DAYS):
        raise InvalidValue(f"{text!r} is too long an age; at most {MOST_DAYS}d")
    return age


def _no_moment(text: str) -> InvalidValue:
    return InvalidValue(f"{text!r} is not a date; write 2026-01-31, '2026-01-31 15:20' or 2026-01-31T15:20:00Z")


def passed(then: datetime, now: datetime) -> str:
    """Say how long ago something was: `30 minutes ago`, `1 day ago`."""
    seconds = int((now - then).total_seconds())
    for length, unit in _LENGTHS:
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def length(milliseconds: int) -> str:
    """Give a length of time in two units at most: `3.2s`, `2h 15m`, `4d 1h`."""
    minutes, seconds = milliseconds // 60_000, milliseconds / 1000
    if not minutes:
        return f"{seconds:.1f}s"
    hours, days = minutes // 60, minutes // 1440
    if not hours:
        return f"{minutes}m {int(seconds) % 60}s"
    return f"{days}d {hours % 24}h" if days else f"{hours}h {minutes % 60}m"
