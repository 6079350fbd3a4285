"""Times as text: milliseconds since 1970 in UTC to ISO 8601 and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNLIKE = "not a time like 2026-11-21T08:00:01.250Z"
_MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")


def to_ms(moment: datetime) -> int:
    """Give the whole milliseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """Give the aware datetime in UTC of milliseconds since 1970."""
    return _EPOCH + ms * _MILLISECOND


def iso(ms: int) -> str:
    """Write a time as `2026-11-21T08:00:01.250Z`."""
    minute, rest = divmod(ms, 60_000)
    return f"{_minute(minute, 'T')}{rest // 1000:02}.{rest % 1000:03}Z"


def readable(ms: int) -> str:
    """Write a time as `2026-11-21 08:00:01 UTC`."""
    minute, rest = divmod(ms, 60_000)
    return f"{_minute(minute, ' ')}{rest // 1000:02} UTC"


def parse_iso(text: str) -> int:
    """Read back what `iso` writes, and nothing else; raises `ValueError`."""
    digits = text[17:19] + text[20:23]
    form = text[16:17] + text[19:20] + text[23:]
    if form != ":.Z" or len(digits) != 5 or digits >= "60" or not (digits.isascii() and digits.isdigit()):
        raise ValueError(_UNLIKE)
    return _minute_ms(text[:16]) + int(digits)


@lru_cache(maxsize=4096)
def _minute_ms(text: str) -> int:
    if not _MINUTE.fullmatch(text):
        raise ValueError(_UNLIKE)
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


@lru_cache(maxsize=4096)
def _minute(minute: int, separator: str) -> str:
    # Messages come in bursts, so most of them share their minute with a neighbour.
    return (_EPOCH + timedelta(minutes=minute)).isoformat(separator)[:17]
