"""One daily reset per logical day: every zone, six times of day, two years, failing service, jumping clock.

The implementation goes from wall time to UTC. The oracle here never does: it looks at each zone's wall clock from UTC,
notes when it was set, and reads off when it first shows the reset time of each date.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest

from sessions.reset_policy import ResetPolicy, SessionTimes, next_reset

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
GRACE, MAX_WAIT = 10 * MINUTE, 2 * HOUR
TIMES_OF_DAY = (time(0), time(0, 30), time(1, 30), time(2, 30), time(4), time(23, 45))
# What the rules say of the years to come; and two in which Samoa left out a day and Egypt set its clocks six times.
FIRST_YEARS = (2026, 2010)
LOOK_EVERY = DAY  # no zone has ever set its clock twice in so short a time


class Setting(NamedTuple):
    """From this moment on a wall clock is ahead of UTC by so much (milliseconds)."""

    at: int
    ahead: int


class WallClock(NamedTuple):
    """The zones that show the same time throughout, and every setting of their clock."""

    names: tuple[str, ...]
    settings: tuple[Setting, ...]


class Tick(NamedTuple):
    """The service looks at its clock, because of a message or a sweep."""

    reading: int
    talks: bool


# The oracle: the wall clocks and what they want.


def period(first_year: int) -> tuple[int, int]:
    """Two years."""
    begin, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000 for year in (first_year, first_year + 2))
    return begin, end


def zone_names() -> list[str]:
    return sorted(available_timezones() - {"localtime"})  # not a zone: whatever this machine is set to


@lru_cache
def wall_clocks(first_year: int) -> list[WallClock]:
    """Every zone of the tz database, those that do not differ in these years together."""
    begin, end = period(first_year)
    same = defaultdict(list)
    for name in zone_names():
        same[settings_of(ZoneInfo(name), begin - 3 * DAY, end + 15 * DAY)].append(name)
    return [WallClock(tuple(names), settings) for settings, names in same.items()]


def settings_of(zone: ZoneInfo, begin: int, end: int) -> tuple[Setting, ...]:
    found = [Setting(begin, ahead_of_utc(zone, begin))]
    for moment in range(begin + LOOK_EVERY, end + LOOK_EVERY, LOOK_EVERY):
        before, after = found[-1].ahead, ahead_of_utc(zone, moment)
        if after != before:
            early, late = moment - LOOK_EVERY, moment
            while late - early > 1000:
                middle = (early + late) // 2000 * 1000
                early, late = (middle, late) if ahead_of_utc(zone, middle) == before else (early, middle)
            found.append(Setting(late, after))
    return tuple(found)


def ahead_of_utc(zone: ZoneInfo, moment: int) -> int:
    offset = datetime.fromtimestamp(moment // 1000, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * 1000


def wanted_moments(settings: Sequence[Setting], at: time, end: int) -> dict[int, int]:
    """For each date, the first moment the clock shows `at`; where it skips that, as late as if it had not been set."""
    moments: dict[int, int] = {}
    at_ms = at.hour * HOUR + at.minute * MINUTE
    for now, then in pairwise([*settings, Setting(end, settings[-1].ahead)]):
        shown_from, skipped_to = now.at + now.ahead, then.at + max(now.ahead, then.ahead)
        # Rounded up: the first date whose reset time is not before the wall time.
        for date in range(-((at_ms - shown_from) // DAY), -((at_ms - skipped_to) // DAY)):
            moments.setdefault(date, date * DAY + at_ms - now.ahead)
    return moments


def dates_shown(settings: Sequence[Setting], end: int) -> set[int]:
    shown: set[int] = set()
    for now, then in pairwise([*settings, Setting(end, 0)]):
        shown.update(range((now.at + now.ahead) // DAY, (then.at + now.ahead - 1) // DAY + 1))
    return shown


# The world: people who talk, a service that is down at times, a clock that is wrong at times.


class What(IntEnum):
    """What can happen, with a number: how long the service is down, how far the clock is off."""

    OUTAGE = 0
    CLOCK = 1
    SWEEP = 2
    TALK = 3


Event = tuple[int, What, int]


def ticks(wall: WallClock, moments: Sequence[int], end: int, dice: random.Random) -> Iterator[Tick]:
    """What the service sees in two years, in the order it happens."""
    begin, up_again, shift = moments[0], 0, 0
    events = [*a_life(moments, end, dice), *outages(wall, begin, end, dice), *jumps(begin, end, dice)]
    for moment, what, number in sorted(events):
        if what is What.OUTAGE:
            up_again = max(up_again, moment + number)
        elif what is What.CLOCK:
            shift = number
        elif moment >= up_again:
            yield Tick(moment + shift, what is What.TALK)


def a_life(moments: Sequence[int], end: int, dice: random.Random) -> Iterator[Event]:
    for moment in moments[: bisect_right(moments, end)]:
        yield moment - 1, What.SWEEP, 0
        yield moment, What.SWEEP, 0
        yield moment + int(dice.random() * 23 * HOUR), What.TALK, 0
        if dice.random() < 0.05:  # a long talk into the night
            for number in range(dice.randrange(1, 30)):
                yield moment - 8 * MINUTE + number * 7 * MINUTE, What.TALK, 0
            yield moment + MAX_WAIT - 1, What.SWEEP, 0
            yield moment + MAX_WAIT, What.SWEEP, 0


def outages(wall: WallClock, begin: int, end: int, dice: random.Random) -> Iterator[Event]:
    lengths = (20 * MINUTE, 5 * HOUR, 30 * HOUR, 3 * DAY, 9 * DAY)
    failures = [(dice.randrange(begin, end), length) for length in lengths for _ in range(3)]
    # Restarts inside gaps and overlaps.
    around = [(setting.at - dice.randrange(3 * HOUR), dice.randrange(5 * HOUR)) for setting in wall.settings[1:]]
    for down, length in [*failures, *dice.sample(around, len(around) // 2)]:
        yield down, What.OUTAGE, length
        yield down + length, What.SWEEP, 0


def jumps(begin: int, end: int, dice: random.Random) -> Iterator[Event]:
    for shift in (HOUR, -HOUR, 2 * DAY, -2 * DAY, None):
        for _ in range(3):
            since = dice.randrange(begin, end)
            yield since, What.CLOCK, -since if shift is None else shift  # None: back to 1970
            yield since + dice.randrange(3 * DAY), What.CLOCK, 0


def resets_of(policy: ResetPolicy, moments: Sequence[int], seen: Sequence[Tick]) -> list[int]:
    """Live through the two years; at every tick the policy must say what the oracle says."""
    resets: list[int] = []
    started = last = seen[0].reading
    due = next_reset(SessionTimes(started, last, is_empty=False), policy)
    wanted = moments[bisect_right(moments, started)]
    for now, talks in seen:
        in_use = now - last < GRACE and now < wanted + MAX_WAIT
        is_due = due is not None and now >= due.at_ms
        said = f"{policy.timezone}, {readable(now)}: due is {is_due}, the wall clock's moment is {readable(wanted)}"
        assert is_due == (now >= wanted and not in_use), said
        if is_due:
            resets.append(now)
            started = last = now
            wanted = moments[bisect_right(moments, started)]
        if talks:
            last = max(last, now)
        if is_due or talks:
            due = next_reset(SessionTimes(started, last, is_empty=False), policy)
    return resets


def watched_days(moments: Sequence[int], seen: Sequence[Tick]) -> set[int]:
    """The logical days that must have a reset: the service looked when no talk could hold it up any more.

    A day that a clock running ahead had already left behind had its reset before, or shares the later one.
    """
    watched = set()
    first = latest = bisect_right(moments, seen[0].reading)
    for now, _ in seen:
        day = bisect_right(moments, now)
        if day >= latest and now >= moments[day - 1] + MAX_WAIT:
            watched.add(day)
        latest = max(latest, day)
    return watched - {first}


def readable(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


@pytest.mark.parametrize("first_year", [FIRST_YEARS[0], pytest.param(FIRST_YEARS[1], marks=pytest.mark.soak)])
@pytest.mark.parametrize("at", TIMES_OF_DAY, ids=lambda at: f"{at:%H:%M}")
def test_every_zone_resets_once_per_logical_day(at: time, first_year: int) -> None:
    """In every zone each logical day has one daily reset, over clock changes, downtime and jumps of the clock."""
    _, end = period(first_year)
    for wall in wall_clocks(first_year):
        moments = sorted(set(wanted_moments(wall.settings, at, end + 14 * DAY).values()))
        seen = list(ticks(wall, moments, end, random.Random(f"{wall.names[0]} {at} {first_year}")))
        policy = ResetPolicy(daily_at=at, timezone=wall.names[0])

        resets = Counter(bisect_right(moments, now) for now in resets_of(policy, moments, seen))

        watched = watched_days(moments, seen)
        assert set(resets.values()) == {1}, f"{wall.names[0]}: a logical day was reset twice"
        assert watched <= set(resets), f"{wall.names[0]}: a logical day was left out"
        assert len(watched) > 600, f"{wall.names[0]}: this run says little"


@pytest.mark.parametrize("first_year", FIRST_YEARS)
@pytest.mark.parametrize("at", TIMES_OF_DAY, ids=lambda at: f"{at:%H:%M}")
def test_undisturbed_service_resets_at_the_wall_clocks_moments(at: time, first_year: int) -> None:
    """With nobody talking and nothing failing, the resets are the wall clock's moments, one for each date it shows."""
    _, end = period(first_year)
    for wall in wall_clocks(first_year):
        wanted = wanted_moments(wall.settings, at, end + 14 * DAY)
        moments = sorted(set(wanted.values()))
        policy = ResetPolicy(daily_at=at, timezone=wall.names[0])

        resets, moment = [], moments[0]
        while moment < end:
            due = next_reset(SessionTimes(moment, moment, is_empty=False), policy)
            assert due is not None
            resets.append(moment := due.at_ms)

        assert resets == moments[1 : len(resets) + 1], wall.names[0]
        shown = dates_shown(wall.settings, end + 14 * DAY) & set(wanted)
        assert len(moments) == len(shown), f"{wall.names[0]}: not one reset for each date"


def test_the_whole_tz_database_takes_part() -> None:
    """No zone is left out: some five hundred names, which keep more than sixty different clocks."""
    for first_year in FIRST_YEARS:
        clocks = wall_clocks(first_year)
        assert sorted(name for wall in clocks for name in wall.names) == zone_names()
        assert len(zone_names()) >= 490
        assert len(clocks) >= 60
