"""Times as text: milliseconds since 1970 in UTC to ISO 8601 and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{3}Z")


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
    if not _ISO.fullmatch(text):
        raise ValueError("not a time like 2026-11-21T08:00:01.250Z")
    return _minute_ms(text[:16]) + int(text[17:19]) * 1000 + int(text[20:23])


@lru_cache(maxsize=4096)
def _minute_ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


@lru_cache(maxsize=4096)
def _minute(minute: int, separator: str) -> str:
    # Messages come in bursts, so most of them share their minute with a neighbour.
    return (_EPOCH + timedelta(minutes=minute)).isoformat(separator)[:17]
