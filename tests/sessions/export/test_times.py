"""Times as text and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.export.times import from_ms, iso, parse_iso, readable, to_ms
from tests.sessions.export.builders import NOON, NOON_MS

LEAST = to_ms(datetime(1, 1, 1, tzinfo=UTC))
MOST = to_ms(datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC))


def test_writes_times_in_utc() -> None:
    """Both spellings are in UTC, the exact one with milliseconds."""
    assert iso(NOON_MS) == "2026-11-21T12:00:00.250Z"
    assert readable(NOON_MS) == "2026-11-21 12:00:00 UTC"


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    """An aware datetime of any zone gives the milliseconds of its instant."""
    assert to_ms(NOON.astimezone(timezone(timedelta(hours=-9)))) == NOON_MS


@given(st.integers(LEAST, MOST))
def test_every_time_reads_back(ms: int) -> None:
    """What is written reads back as the same millisecond, in all years a datetime knows."""
    assert parse_iso(iso(ms)) == ms
    assert to_ms(from_ms(ms)) == ms
    assert from_ms(ms).strftime("%H:%M:%S") in readable(ms)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00.250",
        "2026-11-21T12:00:00.250+00:00",
        "2026-11-21 12:00:00.250Z",
        "2026-11-21T12:00:00.250Z\n",
        "2026-13-21T12:00:00.250Z",
        "2026-11-31T12:00:00.250Z",
        "2026-11-21T12:60:00.250Z",
        "0000-11-21T12:00:00.250Z",
        "٢٠٢٦-11-21T12:00:00.250Z",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    """Only the one spelling is read, so that what is written again is the same."""
    with pytest.raises(ValueError, match=r"time|range|month|day|minute|hour|year"):
        parse_iso(text)
