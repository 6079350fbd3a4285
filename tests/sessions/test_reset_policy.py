"""Resets: when one is due, in which zone, and what can be said about it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from timeit import repeat
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.errors import InvalidValue, SessionError
from sessions.reset_policy import (
    GRACE,
    MAX_WAIT,
    Due,
    ResetPolicy,
    SessionTimes,
    find_zone,
    next_reset,
    parse_daily,
    parse_idle,
)

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
GRACE_MS, MAX_WAIT_MS = GRACE // timedelta(milliseconds=1), MAX_WAIT // timedelta(milliseconds=1)
AT_FOUR = ResetPolicy(daily_at=time(4), timezone="Europe/Berlin")
HALF_AN_HOUR = ResetPolicy(idle=timedelta(minutes=30))


def utc(text: str) -> int:
    """Milliseconds of a moment in UTC, as `2026-03-29 01:30`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def show(moment: int, zone: str = "UTC") -> str:
    return f"{datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def quiet(started: int) -> SessionTimes:
    """A session in which nobody has spoken for long."""
    return SessionTimes(started, started - DAY, is_empty=False)


def due_at(times: SessionTimes, policy: ResetPolicy) -> int:
    due = next_reset(times, policy)
    assert due is not None
    return due.at_ms


def chain(policy: ResetPolicy, start: int, count: int) -> list[int]:
    """The moments at which sessions follow each other when each is reset as soon as it is due."""
    moments: list[int] = []
    for _ in range(count):
        start = due_at(quiet(start), policy)
        moments.append(start)
    return moments


def daily(at: str, zone: str, start: str, count: int) -> list[str]:
    return [
        show(moment) for moment in chain(ResetPolicy(daily_at=time.fromisoformat(at), timezone=zone), utc(start), count)
    ]


# When nothing is to be done.


def test_policy_is_off_unless_asked_for() -> None:
    """A policy without a time of day or of silence resets nothing and says that it is off."""
    policy = ResetPolicy()
    assert policy.is_off
    assert policy.describe() == "off"
    assert next_reset(quiet(0), policy) is None


def test_empty_session_is_never_reset() -> None:
    """Where nothing was said there is nothing to reset, neither daily nor for silence."""
    policy = ResetPolicy(daily_at=time(4), idle=timedelta(minutes=30))
    assert not policy.is_off
    assert next_reset(SessionTimes(0, 0, is_empty=True), policy) is None


# Daily, on the wall clocks of real places.


def test_utc_day() -> None:
    """In UTC a day is a day."""
    assert daily("04:00", "UTC", "2026-11-21 03:59", 3) == ["2026-11-21 04:00", "2026-11-22 04:00", "2026-11-23 04:00"]


def test_session_begun_at_the_boundary_belongs_to_the_new_day() -> None:
    """A session that starts exactly at the reset time is reset on the next day, one begun just before at once."""
    boundary = utc("2026-11-21 03:00")
    assert due_at(quiet(boundary), AT_FOUR) == boundary + DAY
    assert due_at(quiet(boundary - 1), AT_FOUR) == boundary


def test_zone_of_the_person_counts() -> None:
    """Four in the morning is where the person lives, to the quarter of an hour."""
    assert daily("04:00", "Asia/Kathmandu", "2026-11-21 00:00", 2) == ["2026-11-21 22:15", "2026-11-22 22:15"]


def test_zones_at_the_edges_of_the_date_line() -> None:
    """Where the date is far from that of UTC, late and early times of day are found on the right day."""
    assert daily("23:45", "Pacific/Pago_Pago", "2026-11-21 05:00", 2) == ["2026-11-21 10:45", "2026-11-22 10:45"]
    assert daily("00:00", "Pacific/Kiritimati", "2026-11-21 23:00", 2) == ["2026-11-22 10:00", "2026-11-23 10:00"]
    assert daily("00:00", "Pacific/Kiritimati", "2026-11-21 05:00", 1) == ["2026-11-21 10:00"]


def test_gap_shifts_the_reset_by_its_length() -> None:
    """Berlin, 29 March 2026: 02:30 does not exist and becomes 03:30; the days around it are as ever."""
    assert daily("02:30", "Europe/Berlin", "2026-03-27 12:00", 3) == [
        "2026-03-28 01:30",
        "2026-03-29 01:30",
        "2026-03-30 00:30",
    ]


def test_overlap_resets_at_the_first_of_two() -> None:
    """Berlin, 25 October 2026: 02:30 comes twice, the reset once."""
    assert daily("02:30", "Europe/Berlin", "2026-10-24 12:00", 2) == ["2026-10-25 00:30", "2026-10-26 01:30"]


def test_session_begun_in_the_repeated_hour_is_not_reset_in_it() -> None:
    """Berlin, 25 October 2026: who begins at 02:10 for the second time has the day's reset behind them at 02:30."""
    assert daily("02:30", "Europe/Berlin", "2026-10-25 01:10", 1) == ["2026-10-26 01:30"]


def test_overlap_in_new_york() -> None:
    """New York, 1 November 2026: 01:30 comes twice, the reset once."""
    assert daily("01:30", "America/New_York", "2026-10-31 12:00", 2) == ["2026-11-01 05:30", "2026-11-02 06:30"]


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        ("Europe/Berlin", "2026-03-28 12:00", ["2026-03-28 23:30", "2026-03-29 22:30", "2026-03-30 22:30"]),
        ("America/New_York", "2026-03-07 12:00", ["2026-03-08 05:30", "2026-03-09 04:30", "2026-03-10 04:30"]),
    ],
)
def test_day_after_a_spring_night_is_not_skipped(zone: str, start: str, expected: list[str]) -> None:
    """Half past midnight comes on the day after the clocks went forward too, 23 hours after the last."""
    assert daily("00:30", zone, start, 3) == expected


def test_missing_midnight_in_santiago() -> None:
    """Santiago, 6 September 2026: the day begins at 01:00, and so does the reset."""
    assert daily("00:00", "America/Santiago", "2026-09-05 12:00", 2) == ["2026-09-06 04:00", "2026-09-07 03:00"]


def test_repeated_hour_before_midnight_in_santiago() -> None:
    """Santiago, 4 April 2026: 23:30 comes twice, the reset once; midnight comes once, after both."""
    assert daily("23:30", "America/Santiago", "2026-04-04 12:00", 2) == ["2026-04-05 02:30", "2026-04-06 03:30"]
    assert daily("00:00", "America/Santiago", "2026-04-04 12:00", 2) == ["2026-04-05 04:00", "2026-04-06 04:00"]


def test_missing_and_late_midnight_in_cairo() -> None:
    """Cairo: 24 April 2026 begins at 01:00; the hour before the midnight of 30 October comes twice."""
    assert daily("00:00", "Africa/Cairo", "2026-04-23 12:00", 2) == ["2026-04-23 22:00", "2026-04-24 21:00"]
    assert daily("00:00", "Africa/Cairo", "2026-10-29 12:00", 2) == ["2026-10-29 22:00", "2026-10-30 22:00"]


def test_date_that_comes_back_in_st_johns() -> None:
    """St. John's, 6 November 2011: just after midnight it was yesterday again; the second midnight resets nothing."""
    assert daily("00:00", "America/St_Johns", "2011-11-05 12:00", 2) == ["2011-11-06 02:30", "2011-11-07 03:30"]


def test_half_hour_of_lord_howe() -> None:
    """Lord Howe Island sets its clock by half an hour: 02:15 does not exist, 01:45 comes twice."""
    assert daily("02:15", "Australia/Lord_Howe", "2026-10-03 00:00", 2) == ["2026-10-03 15:45", "2026-10-04 15:15"]
    assert daily("01:45", "Australia/Lord_Howe", "2026-04-04 00:00", 2) == ["2026-04-04 14:45", "2026-04-05 15:15"]


@pytest.mark.parametrize(
    ("zone", "at", "start", "expected"),
    [
        ("Pacific/Apia", "04:00", "2011-12-29 00:00", ["2011-12-29 14:00", "2011-12-30 14:00", "2011-12-31 14:00"]),
        ("Pacific/Apia", "00:00", "2011-12-29 00:00", ["2011-12-29 10:00", "2011-12-30 10:00", "2011-12-31 10:00"]),
        (
            "Pacific/Kwajalein",
            "04:00",
            "1993-08-20 00:00",
            ["1993-08-20 16:00", "1993-08-21 16:00", "1993-08-22 16:00"],
        ),
    ],
)
def test_date_that_never_was_has_no_reset(zone: str, at: str, start: str, expected: list[str]) -> None:
    """Samoa had no 30 December 2011 and Kwajalein no 21 August 1993: no reset for them, none too many after."""
    assert daily(at, zone, start, 3) == expected


def test_gap_over_midnight_in_nuuk() -> None:
    """Nuuk, 28 March 2026, jumps from 23:00 to midnight: the reset of 23:45 comes at 00:45, Sunday's own at 23:45."""
    policy = ResetPolicy(daily_at=time(23, 45), timezone="America/Nuuk")
    moments = chain(policy, utc("2026-03-28 12:00"), 2)
    assert [show(moment, "America/Nuuk") for moment in moments] == ["2026-03-29 00:45", "2026-03-29 23:45"]


# Daily, when life is not regular.


def test_missed_days_collapse_into_one() -> None:
    """After four days without service one reset is due, and the next one tomorrow."""
    monday, friday = utc("2026-11-16 12:00"), utc("2026-11-20 12:00")
    assert due_at(quiet(monday), AT_FOUR) == utc("2026-11-17 03:00") < friday
    assert due_at(quiet(friday), AT_FOUR) == utc("2026-11-21 03:00")


def test_clock_set_back_does_not_reset_again() -> None:
    """A session begun at the boundary stays when the clock then falls back before it."""
    boundary = utc("2026-11-21 03:00")
    due = due_at(quiet(boundary), AT_FOUR)
    assert not any(now >= due for now in (boundary - HOUR, boundary - 1, boundary, boundary + HOUR))


def test_clock_back_in_1970_costs_one_reset() -> None:
    """A session begun while the clock read 1970 is reset once when the clock is right again."""
    now = utc("2026-11-21 12:00")
    assert due_at(quiet(5), AT_FOUR) < now
    assert due_at(quiet(now), AT_FOUR) == utc("2026-11-22 03:00")


def test_waived_reset_does_not_come_back_the_same_day() -> None:
    """When a reset is taken back at eight, the conversation is left alone until four on the next morning."""
    yesterday, eight = utc("2026-11-20 18:00"), utc("2026-11-21 07:00")
    assert due_at(SessionTimes(eight, yesterday, is_empty=False), AT_FOUR) == utc("2026-11-22 03:00")


def test_new_zone_decides_on_the_same_times() -> None:
    """A person who moves is reset at four in the new place; counted from the move, the day has no second reset."""
    reset_in_berlin, move = utc("2026-11-21 03:00"), utc("2026-11-21 15:00")
    new_york = ResetPolicy(daily_at=time(4), timezone="America/New_York")
    assert due_at(quiet(reset_in_berlin), new_york) == utc("2026-11-21 09:00")
    assert due_at(quiet(move), new_york) == utc("2026-11-22 09:00")


# Not in the middle of a talk.


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("2026-11-20 23:00", "2026-11-21 03:00"),  # long silent
        ("2026-11-21 02:50", "2026-11-21 03:00"),  # silent just long enough
        ("2026-11-21 02:55", "2026-11-21 03:05"),  # talking at five to four
        ("2026-11-21 03:02", "2026-11-21 03:12"),  # and still
        ("2026-11-21 04:49", "2026-11-21 04:59"),
        ("2026-11-21 04:51", "2026-11-21 05:00"),  # without end
        ("2026-11-21 08:00", "2026-11-21 05:00"),
    ],
)
def test_daily_reset_waits_for_a_pause(last: str, expected: str) -> None:
    """The daily reset comes after ten minutes of silence, at the latest two hours after its time."""
    times = SessionTimes(utc("2026-11-20 12:00"), utc(last), is_empty=False)
    assert next_reset(times, AT_FOUR) == Due(utc(expected), "daily")


def test_reset_that_waited_does_not_shorten_the_next_day() -> None:
    """After a reset at 05:00 that was due at 04:00, the next one is at 04:00 as ever."""
    assert due_at(quiet(utc("2026-11-21 04:00")), AT_FOUR) == utc("2026-11-22 03:00")


def test_speaker_from_a_clock_ahead_counts_as_speaking_now() -> None:
    """A last word that lies in the future, by a clock set back since, holds a reset up like one said just now."""
    times = SessionTimes(utc("2026-11-20 12:00"), utc("2026-11-23 12:00"), is_empty=False)
    assert due_at(times, AT_FOUR) == utc("2026-11-21 05:00")


# Idle.


def test_idle_counts_from_the_last_word_of_a_person() -> None:
    """Half an hour after the last word the reset is due, not a millisecond before, whenever the session began."""
    last = utc("2026-11-21 12:00")
    assert next_reset(SessionTimes(0, last, is_empty=False), HALF_AN_HOUR) == Due(last + 30 * MINUTE, "idle")


def test_idle_counts_from_a_later_start() -> None:
    """A conversation taken up again has its half hour from then on."""
    last = utc("2026-11-21 12:00")
    assert due_at(SessionTimes(last + DAY, last, is_empty=False), HALF_AN_HOUR) == last + DAY + 30 * MINUTE


def test_clock_set_back_makes_nobody_idle() -> None:
    """A last word in the future has an age of nothing, not of less than nothing."""
    now = utc("2026-11-21 12:00")
    assert due_at(SessionTimes(now + HOUR, now + HOUR, is_empty=False), HALF_AN_HOUR) > now


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("2026-11-21 02:00", Due(utc("2026-11-21 02:30"), "idle")),
        ("2026-11-21 02:30", Due(utc("2026-11-21 03:00"), "daily")),  # a draw: the day is the better known reason
        ("2026-11-21 02:45", Due(utc("2026-11-21 03:00"), "daily")),
        ("2026-11-21 02:55", Due(utc("2026-11-21 03:05"), "daily")),
    ],
)
def test_earlier_reset_wins_and_says_why(last: str, expected: Due) -> None:
    """Of a daily and an idle reset the earlier one comes, and gives its own reason."""
    policy = ResetPolicy(daily_at=time(4), timezone="Europe/Berlin", idle=timedelta(minutes=30))
    assert next_reset(SessionTimes(utc("2026-11-20 12:00"), utc(last), is_empty=False), policy) == expected


# What must hold for every zone, time and moment.

zones = st.sampled_from(sorted(available_timezones() - {"localtime"}))
times_of_day = st.builds(time, st.integers(0, 23), st.integers(0, 59))
policies = st.builds(ResetPolicy, daily_at=times_of_day, timezone=zones)
moments = st.integers(0, utc("2100-01-01 00:00"))


@given(policies, moments, st.integers(0, 400 * DAY))
@settings(deadline=None)
def test_later_start_has_no_earlier_reset(policy: ResetPolicy, started: int, later: int) -> None:
    """The next daily reset never moves back when a session starts later or is spoken in later."""
    due = due_at(quiet(started), policy)
    assert due <= due_at(quiet(started + later), policy)
    assert due <= due_at(SessionTimes(started, started + later, is_empty=False), policy) <= due + MAX_WAIT_MS


@given(policies, moments)
@settings(deadline=None)
def test_reset_is_within_two_days_of_the_start(policy: ResetPolicy, started: int) -> None:
    """A daily reset is always later than its start, and no day is longer than two."""
    assert started < due_at(quiet(started), policy) <= started + 2 * DAY


@given(policies, moments)
@settings(deadline=None)
def test_no_date_has_two_resets(policy: ResetPolicy, started: int) -> None:
    """In a chain of sessions no date shows its reset time at two resets; a gap alone can shift one to a later time."""
    walls = [
        datetime.fromtimestamp(moment // 1000, ZoneInfo(policy.timezone)) for moment in chain(policy, started, 400)
    ]
    dates: list[date] = [wall.date() for wall in walls if wall.time().replace(second=0) == policy.daily_at]
    assert len(dates) == len(set(dates)) >= 395
    assert dates == sorted(dates)


@given(policies, moments, st.lists(st.integers(0, 9 * MINUTE), max_size=30))
@settings(deadline=None)
def test_talk_into_the_night_has_one_reset(policy: ResetPolicy, started: int, pauses: list[int]) -> None:
    """However a talk goes on over the boundary, it is cut once, within two hours, and not again that day."""
    boundary = due_at(quiet(started), policy)
    last = boundary - 5 * MINUTE
    for pause in pauses:
        if last + pause >= due_at(SessionTimes(started, last, is_empty=False), policy):
            break
        last += pause
    cut = due_at(SessionTimes(started, last, is_empty=False), policy)
    assert boundary <= cut <= boundary + MAX_WAIT_MS
    assert due_at(quiet(cut), policy) == due_at(quiet(boundary), policy)


@given(policies, moments, moments)
@settings(deadline=None)
def test_daily_reset_is_on_time_or_waits_for_a_reason(policy: ResetPolicy, started: int, last: int) -> None:
    """A daily reset is at its boundary, ten minutes after the last word, or two hours late; never at another moment."""
    boundary = due_at(quiet(started), policy)
    due = due_at(SessionTimes(started, last, is_empty=False), policy)
    assert due == boundary or (due == last + GRACE_MS and last > boundary - GRACE_MS) or due == boundary + MAX_WAIT_MS


# What a policy may be.


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
    ],
)
def test_unknown_zone_is_named_with_the_nearest(wrong: str, nearest: str) -> None:
    """A zone that does not exist is refused by name, and the one that was meant is offered."""
    with pytest.raises(InvalidValue, match=f"'{wrong}' is not in the tz database; did you mean {nearest}\\?"):
        ResetPolicy(timezone=wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "CEST", "UTC+2", "America", "Europe//Berlin", "Europe/Berlin\0", "\ud800", "x" * 5000),
        *("../../etc/passwd", "/etc/localtime", "localtime", "right/UTC", "posix/Europe/Berlin", "zone.tab"),
    ],
)
def test_what_is_no_zone_is_refused(wrong: str) -> None:
    """Paths, abbreviations, folders, other files and machine-dependent names are no zones; the error stays short."""
    with pytest.raises(InvalidValue) as refused:
        ResetPolicy(timezone=wrong)
    assert len(str(refused.value)) < 200


def test_unknown_zone_is_an_error_when_it_is_used() -> None:
    """A policy that was valid where it was made, but not on this machine, is an error of the library, not a crash."""
    policy = object.__new__(ResetPolicy)
    for name, value in (("daily_at", time(4)), ("timezone", "Mars/Olympus"), ("idle", None)):
        object.__setattr__(policy, name, value)
    for _ in range(2):
        with pytest.raises(SessionError, match="Mars/Olympus"):
            next_reset(quiet(0), policy)


@pytest.mark.parametrize("zone", [None, 1, b"UTC", ["UTC"]])
def test_zone_must_be_a_name(zone: str) -> None:
    """Anything but text is refused as a zone."""
    with pytest.raises(InvalidValue, match="name of a zone"):
        ResetPolicy(timezone=zone)


@pytest.mark.parametrize("at", [time(4, tzinfo=UTC), time(4, 0, 1), time(4, 0, 0, 1), "04:00", 4])
def test_time_of_day_is_in_whole_minutes(at: time) -> None:
    """A time with a zone of its own, with seconds, or of another type is refused."""
    with pytest.raises(InvalidValue, match="whole minutes without a zone"):
        ResetPolicy(daily_at=at)


def test_fold_of_a_time_of_day_means_nothing() -> None:
    """A time of day marked as the second of two is still reset at the first."""
    second = ResetPolicy(daily_at=time(2, 30, fold=1), timezone="Europe/Berlin")
    assert show(due_at(quiet(utc("2026-10-24 12:00")), second)) == "2026-10-25 00:30"


@pytest.mark.parametrize("idle", [timedelta(minutes=1), timedelta(days=366)])
def test_idle_time_within_bounds_is_accepted(idle: timedelta) -> None:
    """One minute and 366 days are still allowed."""
    assert ResetPolicy(idle=idle).idle == idle


@pytest.mark.parametrize(
    "idle", [timedelta(0), timedelta(seconds=59), timedelta(days=366, seconds=1), timedelta(days=-1)]
)
def test_idle_time_out_of_bounds_is_refused(idle: timedelta) -> None:
    """Less than a minute and more than 366 days are refused with the bounds."""
    with pytest.raises(InvalidValue, match="between 1 minute and 366 days"):
        ResetPolicy(idle=idle)


def test_idle_time_must_be_a_timedelta() -> None:
    """A bare number could be seconds or minutes, so it is refused."""
    thirty: object = 30
    with pytest.raises(InvalidValue, match="timedelta"):
        ResetPolicy(idle=thirty)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (AT_FOUR, "daily at 04:00 Europe/Berlin"),
        (HALF_AN_HOUR, "after 30 min idle"),
        (ResetPolicy(idle=timedelta(hours=1, minutes=30)), "after 1 h 30 min idle"),
        (ResetPolicy(idle=timedelta(days=1)), "after 1 day idle"),
        (ResetPolicy(idle=timedelta(days=7, seconds=5)), "after 7 days 5 s idle"),
        (ResetPolicy(daily_at=time(0), idle=timedelta(hours=2)), "daily at 00:00 UTC; after 2 h idle"),
    ],
)
def test_policy_describes_itself(policy: ResetPolicy, words: str) -> None:
    """A policy says what it does in a few words."""
    assert policy.describe() == words


# What people write.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("04:00", (time(4), None)),
        ("4:00", (time(4), None)),
        (" 23:59 ", (time(23, 59), None)),
        ("04:00 Europe/Berlin", (time(4), "Europe/Berlin")),
        ("4:05   Asia/Kathmandu", (time(4, 5), "Asia/Kathmandu")),
        ("off", (None, None)),
        (" OFF ", (None, None)),
    ],
)
def test_daily_time_is_read(text: str, expected: tuple[time | None, str | None]) -> None:
    """A time of day, alone or with a zone, and off."""
    assert parse_daily(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "4", "24:00", "04:60", "4:0", "4am", "04:00:00", "04.00", "-1:00"),
        *("off 04:00", "04:00\nUTC\nUTC", "\u0660\u0664:\u0660\u0660", "x" * 5000),
    ],
)
def test_daily_time_that_can_not_be_read_shows_the_usage(text: str) -> None:
    """Anything else is refused with what can be written."""
    with pytest.raises(InvalidValue, match="is not HH:MM, HH:MM with a zone") as refused:
        parse_daily(text)
    assert len(str(refused.value)) < 250


def test_daily_time_with_an_unknown_zone_offers_the_nearest() -> None:
    """The zone is looked up as it is read."""
    with pytest.raises(InvalidValue, match=r"did you mean America/New_York\?"):
        parse_daily("04:00 New York")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", timedelta(minutes=30)),
        ("30m", timedelta(minutes=30)),
        ("30 min", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("2 H", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("off", None),
    ],
)
def test_idle_time_is_read(text: str, expected: timedelta | None) -> None:
    """Minutes, with or without a unit, hours, days, and off."""
    assert parse_idle(text) == expected


@pytest.mark.parametrize(
    "text", ["", "m", "-5", "1.5h", "30s", "half an hour", "1e3", "\u0663\u0660", "9" * 5000, "30 off"]
)
def test_idle_time_that_can_not_be_read_shows_the_usage(text: str) -> None:
    """Anything else is refused with what can be written."""
    with pytest.raises(InvalidValue, match="is not a number of minutes") as refused:
        parse_idle(text)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("text", ["0", "0h", "367d", "999999h"])
def test_idle_time_read_is_within_bounds(text: str) -> None:
    """A number that is too small or too large is refused with the bounds."""
    with pytest.raises(InvalidValue, match="between 1 minute and 366 days"):
        parse_idle(text)


def test_zone_is_found_by_name() -> None:
    """Others who show times to people look zones up in the same place, with the same error."""
    assert find_zone("Asia/Kathmandu") == ZoneInfo("Asia/Kathmandu")
    with pytest.raises(InvalidValue):
        find_zone("Asia/Katmandoo")


def test_asking_costs_little() -> None:
    """The question that every message asks takes less than ten microseconds."""
    policy = ResetPolicy(daily_at=time(4), timezone="Europe/Berlin", idle=timedelta(minutes=30))
    times = quiet(utc("2026-11-21 12:00"))
    assert min(repeat(lambda: next_reset(times, policy), number=1000, repeat=10)) / 1000 < 10e-6
