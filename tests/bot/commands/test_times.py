"""Saying when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.commands.times import ago, ahead, local, span, weekday

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=44), "just now"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(minutes=90), "1 h 30 min ago"),
        (timedelta(hours=7, minutes=20), "7 h ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=20), "on 2026-02-18"),
    ],
)
def test_the_past_is_told_by_its_age(passed: timedelta, said: str) -> None:
    """Ages grow coarser with time and end in a date; a clock set back is no reason for nonsense."""
    assert ago(NOW - passed, NOW) == said


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (timedelta(hours=6), "in 6 h"),
        (timedelta(minutes=20), "in 20 min"),
        (timedelta(seconds=5), "in less than a minute"),
        (timedelta(0), "any moment"),
        (timedelta(hours=-1), "any moment"),
    ],
)
def test_the_future_is_told_by_the_wait(wait: timedelta, said: str) -> None:
    """What is due is due any moment."""
    assert ahead(NOW + wait, NOW) == said


def test_spans_round_to_minutes() -> None:
    """A span of 59 and a half minutes is an hour."""
    assert span(timedelta(minutes=59, seconds=45)) == "1 h"


def test_times_are_told_in_a_zone() -> None:
    """Date and weekday are those of the zone."""
    late = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    assert local(late, "Europe/Berlin") == "2026-03-11 00:30"
    assert weekday(late, "Europe/Berlin") == "Wed 00:30"
