"""Moments and ages as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.operator.when import length, parse_age, parse_end, parse_moment, passed
from sessions.errors import InvalidValue

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        (" 2026-01-31 15:20 ", datetime(2026, 1, 31, 14, 20, tzinfo=UTC)),
        ("2026-07-31T15:20:01", datetime(2026, 7, 31, 13, 20, 1, tzinfo=UTC)),
        ("2026-01-31T15:20:00Z", datetime(2026, 1, 31, 15, 20, tzinfo=UTC)),
        ("2026-01-31T15:20:00-03:00", datetime(2026, 1, 31, 18, 20, tzinfo=UTC)),
    ],
)
def test_a_moment_is_in_the_zone_of_the_settings_unless_it_names_one(text: str, moment: datetime) -> None:
    """Dates, times and ISO 8601 are read."""
    assert parse_moment(text, BERLIN) == moment


def test_a_day_ends_where_the_next_begins() -> None:
    """An end without a time takes the whole day in, also one that is shorter; with a time it is that time."""
    assert parse_end("2026-01-31", BERLIN) == datetime(2026, 2, 1, tzinfo=BERLIN)
    assert parse_end("2026-03-29", BERLIN).astimezone(UTC) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert parse_end("2026-01-31 15:20", BERLIN) == datetime(2026, 1, 31, 15, 20, tzinfo=BERLIN)


@pytest.mark.parametrize("text", ["", "yesterday", "2026", "2026-13-01", "31.01.2026", "2026-02-30", "\u0662026-01-31"])
def test_what_is_no_moment_is_refused_with_what_is_allowed(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidValue, match="2026-01-31 15:20") as refused:
        parse_moment(text, UTC)
    assert repr(text) in str(refused.value)


def test_the_ends_of_the_calendar_are_no_accident() -> None:
    """The last day has no end that could be told."""
    assert parse_moment("0001-01-01", BERLIN).timestamp() < 0
    with pytest.raises(InvalidValue):
        parse_end("9999-12-31", UTC)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("30d", timedelta(days=30)),
        ("30", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("2 W", timedelta(weeks=2)),
        ("0", timedelta()),
    ],
)
def test_an_age_has_a_unit_or_is_days(text: str, age: timedelta) -> None:
    """As in the settings, a number alone is days."""
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "d", "30x", "-1d", "1.5d", "30d7", "1e3", "36501", "9999999999", "\u0663d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    """Junk never counts as the number it begins with."""
    with pytest.raises(InvalidValue):
        parse_age(text)


def test_times_gone_by_are_said_as_people_do() -> None:
    """One unit, in the singular where there is one, and never a negative."""
    now = datetime(2026, 1, 31, tzinfo=UTC)
    said = {"just now": -5, "1 minute ago": 60, "30 minutes ago": 1800, "2 hours ago": 9000, "1 day ago": 100_000}
    for words, seconds in said.items():
        assert passed(now - timedelta(seconds=seconds), now) == words
    assert passed(datetime(2024, 1, 1, tzinfo=UTC), now) == "2 years ago"


def test_lengths_have_two_units_at_most() -> None:
    """Seconds with a tenth, then minutes, hours, days."""
    assert [length(ms) for ms in (0, 3_210, 61_000, 8_100_000, 352_800_000)] == [
        "0.0s",
        "3.2s",
        "1m 1s",
        "2h 15m",
        "4d 2h",
    ]
