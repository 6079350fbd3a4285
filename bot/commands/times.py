"""Times: say when, the way people say it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def span(length: timedelta) -> str:
    """Give a length of time in its largest sensible unit: `6 h`, `3 days`.

    >>> span(timedelta(minutes=90))
    '1 h 30 min'
    """
    minutes = round(length.total_seconds() / 60)
    hours, days = minutes // 60, minutes // 1440
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 6 and minutes % 60:
        return f"{hours} h {minutes % 60} min"
    return f"{hours} h" if hours < 48 else f"{days} days"


def ago(then: datetime, now: datetime) -> str:
    """Say how long ago something was; the date when it is weeks."""
    passed = now - then
    if passed < timedelta(seconds=45):
        return "just now"
    return f"{span(passed)} ago" if passed < timedelta(days=14) else f"on {then:%Y-%m-%d}"


def ahead(at: datetime, now: datetime) -> str:
    """Say in what time something will be: `in 6 h`."""
    return "any moment" if at <= now else f"in {span(at - now)}"


def local(at: datetime, zone: str) -> str:
    """Give date and time in a zone: `2026-03-01 15:20`."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def weekday(at: datetime, zone: str) -> str:
    """Give day and time in a zone: `Tue 04:00`."""
    there = at.astimezone(ZoneInfo(zone))
    return f"{_DAYS[there.weekday()]} {there:%H:%M}"
