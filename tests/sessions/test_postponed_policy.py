"""Resets that are left out or put off: what the pure function promises, whatever the zone, time and moment."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from datetime import time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.reset_policy import ResetPolicy, SessionTimes, leave_out, mark_of, next_reset
from tests.sessions.test_reset_policy import (
    AT_FOUR,
    DAY,
    HALF_AN_HOUR,
    HOUR,
    MINUTE,
    chain,
    due_at,
    moments,
    policies,
    quiet,
    utc,
)

idles = st.one_of(st.none(), st.integers(1, 3000).map(lambda minutes: timedelta(minutes=minutes)))
any_policies = st.builds(
    lambda daily, idle: ResetPolicy(daily_at=daily.daily_at, timezone=daily.timezone, idle=idle), policies, idles
)
NOON = utc("2026-11-20 12:00")


# Put off.


def test_snooze_holds_a_daily_and_an_idle_reset() -> None:
    """Snoozed to five in Berlin, nothing happens at four; silence waits as well."""
    five = utc("2026-11-21 04:00")
    assert due_at(quiet(NOON)._replace(snoozed_ms=five), AT_FOUR) == five
    assert due_at(quiet(NOON)._replace(snoozed_ms=five), HALF_AN_HOUR) == five


def test_snooze_that_ends_before_the_reset_changes_nothing() -> None:
    """What comes later anyway stays where it is."""
    assert due_at(quiet(NOON)._replace(snoozed_ms=NOON + HOUR), AT_FOUR) == due_at(quiet(NOON), AT_FOUR)


def test_snoozed_reset_waits_for_a_pause_too() -> None:
    """Whoever talks when the snooze ends is not cut off."""
    five = utc("2026-11-21 04:00")
    times = SessionTimes(NOON, five - MINUTE, is_empty=False, snoozed_ms=five)
    assert due_at(times, AT_FOUR) == five + 9 * MINUTE


def test_snooze_over_the_next_boundary_ends_a_minute_before_it() -> None:
    """Each day keeps its own reset, however long one snoozes and talks."""
    four_again = utc("2026-11-22 03:00")
    for talk in (NOON, four_again, four_again + DAY):
        times = SessionTimes(NOON, talk, is_empty=False, snoozed_ms=four_again + 5 * HOUR)
        assert due_at(times, AT_FOUR) == four_again - MINUTE


@given(any_policies, moments, moments, moments)
@settings(deadline=None)
def test_snooze_never_makes_a_reset_earlier(policy: ResetPolicy, started: int, last: int, snoozed: int) -> None:
    """Also not when somebody talks; and a longer snooze is not earlier than a shorter one."""
    times = SessionTimes(started, last, is_empty=False)
    shorter, longer = times._replace(snoozed_ms=snoozed), times._replace(snoozed_ms=snoozed + HOUR)
    assert due_at(times, policy) <= due_at(shorter, policy) <= due_at(longer, policy)


@given(policies, moments, st.integers(0, 3 * DAY))
@settings(deadline=None)
def test_snooze_holds_until_its_end_or_the_end_of_the_day(policy: ResetPolicy, started: int, length: int) -> None:
    """A daily reset is not before the end of the snooze, unless that is past the last minute of the day."""
    boundary, following = chain(policy, started, 2)
    due = due_at(quiet(started)._replace(snoozed_ms=boundary + length), policy)
    assert due == min(boundary + length, following - MINUTE)


@given(policies, moments, st.lists(st.tuples(st.integers(-2 * HOUR, 30 * HOUR), st.booleans()), max_size=40))
@settings(deadline=None)
def test_each_logical_day_has_one_reset_with_snoozes(
    policy: ResetPolicy, started: int, snoozes: list[tuple[int, bool]]
) -> None:
    """However each day's session is snoozed, and talked in, no day is left out and none has two resets."""
    boundaries = chain(policy, started, len(snoozes) + 3)
    resets = []
    for length, talks in snoozes:
        boundary = due_at(quiet(started), policy)
        snoozed = boundary + length
        times = SessionTimes(started, snoozed if talks else started, is_empty=False, snoozed_ms=snoozed)
        started = due_at(times, policy)
        resets.append(bisect_right(boundaries, started))
    assert Counter(resets) == Counter(range(1, len(snoozes) + 1))


# Left out.


def test_kept_conversation_stays_until_the_day_after() -> None:
    """Kept at ten to four, it has its next reset at four on the next day; a reset that waits is left out as well."""
    for moment in ("2026-11-21 02:50", "2026-11-21 03:05", NOON):
        now = utc(moment) if isinstance(moment, str) else moment
        times = SessionTimes(NOON, max(NOON, now - MINUTE), is_empty=False)
        assert due_at(leave_out(times, AT_FOUR, now), AT_FOUR) == utc("2026-11-22 03:00")


def test_kept_conversation_has_its_whole_silence_before_it() -> None:
    """Half an hour counts from the moment of keeping."""
    times = SessionTimes(NOON, NOON, is_empty=False)
    assert due_at(leave_out(times, HALF_AN_HOUR, NOON + 25 * MINUTE), HALF_AN_HOUR) == NOON + 55 * MINUTE


def test_what_is_never_reset_need_not_be_kept() -> None:
    """Nothing is waived where nothing comes."""
    times = quiet(NOON)
    assert leave_out(times, ResetPolicy(), NOON + HOUR) == times
    empty = times._replace(is_empty=True)
    assert leave_out(empty, AT_FOUR, NOON + HOUR) == empty


@given(any_policies, moments, st.integers(0, 3 * DAY), st.integers(0, DAY))
@settings(deadline=None)
def test_keeping_never_makes_a_reset_earlier(policy: ResetPolicy, started: int, silent: int, ago: int) -> None:
    """What comes next is later than what was left out."""
    times = SessionTimes(started, started + max(0, silent - ago), is_empty=False)
    now = min(started + silent, due_at(times, policy))
    assert due_at(leave_out(times, policy, now), policy) >= due_at(times, policy)


@given(policies, moments, st.integers(0, DAY), st.integers(0, HOUR))
@settings(deadline=None)
def test_keeping_leaves_out_one_day_however_often_it_is_said(
    policy: ResetPolicy, started: int, later: int, again: int
) -> None:
    """The day after has its reset, at its boundary."""
    boundary, following = chain(policy, started, 2)
    now = min(started + later, boundary - HOUR - 1)
    kept = leave_out(quiet(started), policy, now)
    assert due_at(kept, policy) == following
    assert due_at(leave_out(kept, policy, min(now + again, boundary - 1)), policy) == following


@given(policies, moments, st.integers(0, 3 * HOUR), st.integers(0, 12 * HOUR))
@settings(deadline=None)
def test_a_reset_stays_the_same_while_it_waits(policy: ResetPolicy, started: int, talk: int, snooze: int) -> None:
    """Talking into the night makes no other reset of it; a snooze does, and so does the next day."""
    boundary, following = chain(policy, started, 2)

    def mark(times: SessionTimes) -> int:
        due = next_reset(times, policy)
        assert due is not None
        return mark_of(due, times, policy)

    talking = SessionTimes(started, boundary - HOUR + talk, is_empty=False)
    assert mark(talking) == boundary
    assert mark(talking._replace(snoozed_ms=boundary + snooze)) == boundary + snooze
    assert mark(quiet(boundary)) == following


@pytest.mark.parametrize("reason", ["idle", "daily"])
def test_another_word_makes_another_idle_reset(reason: str) -> None:
    """A silence that begins anew ends in another reset; the day's stays the same one."""
    policy = HALF_AN_HOUR if reason == "idle" else ResetPolicy(daily_at=time(4))
    marks = set()
    for last in (NOON, NOON + MINUTE):
        times = SessionTimes(NOON, last, is_empty=False)
        due = next_reset(times, policy)
        assert due is not None
        marks.add(mark_of(due, times, policy))
    assert len(marks) == (2 if reason == "idle" else 1)
