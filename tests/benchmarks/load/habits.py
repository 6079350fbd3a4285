"""Habits: when people say something: pauses that are log-normal, several messages in a row, and the course of a day."""

from __future__ import annotations

import heapq
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

SPREAD = 1.0  # of the logarithm of a pause: a third of the pauses is longer than the mean
IN_A_ROW = 0.15  # the share of thoughts that take several messages
MOST_IN_A_ROW = 3
STEPS = 20  # of an hour, in which it is as busy
BETWEEN = 0.4  # seconds between messages in a row
# How busy each hour is, beside the mean: quiet from one to six, a rise at noon, most in the evening.
DAY = (
    0.45, 0.28, 0.18, 0.14, 0.14, 0.22, 0.45, 0.75, 0.95, 1.05, 1.10, 1.20,
    1.35, 1.25, 1.15, 1.15, 1.20, 1.35, 1.55, 1.75, 1.90, 1.85, 1.55, 1.04,
)  # fmt: skip
PEAK = max(DAY)  # beside the mean of a day

Clock = Callable[[float], float]
"""Gives the moment, in seconds, at which so much of the time that people live by has passed: slowly by night."""


class Saying(NamedTuple):
    """Somebody says something, so many seconds after the beginning."""

    at: float
    person: int


def even(lived: float) -> float:
    """Be as busy at every moment."""
    return lived


def day(seconds: float) -> Clock:
    """Have a day in so many seconds."""
    step = seconds / len(DAY) / STEPS
    busy = [_hour(number / STEPS) * step for number in range(len(DAY) * STEPS)]
    lived = [0.0, *accumulate(busy)]

    def moment(when: float) -> float:
        before = min(bisect_right(lived, when) - 1, len(busy) - 1)
        return (before + (when - lived[before]) / busy[before]) * step

    return moment


def sayings(people: int, rate: float, seconds: float, *, clock: Clock = even, seed: int = 1) -> Iterator[Saying]:
    """Tell who says something when, so that `rate` messages a second are said in the mean, whoever is answered."""
    chance = random.Random(seed)
    pause = people * _messages_of_a_thought() / rate
    thoughts = [(_first_pause(chance, pause), person) for person in range(people)]
    heapq.heapify(thoughts)
    coming: list[Saying] = []
    while thoughts or coming:
        lived, person = thoughts[0]
        at = clock(lived)
        while coming and coming[0].at <= at:
            if coming[0].at >= seconds:
                return
            yield heapq.heappop(coming)
        if at >= seconds and not coming:
            return
        heapq.heapreplace(thoughts, (lived + _pause(chance, pause), person))
        for moment in _thought(chance, at):
            heapq.heappush(coming, Saying(moment, person))


def _hour(hour: float) -> float:
    here, share = int(hour), hour % 1
    return DAY[here % len(DAY)] * (1 - share) + DAY[(here + 1) % len(DAY)] * share


def _thought(chance: random.Random, at: float) -> Iterator[float]:
    """Give the moments of one message, or of several in a row."""
    yield at
    if chance.random() < IN_A_ROW:
        for _ in range(chance.randint(1, MOST_IN_A_ROW - 1)):
            at += BETWEEN * chance.uniform(0.5, 1.5)
            yield at


def _pause(chance: random.Random, mean: float) -> float:
    return chance.lognormvariate(math.log(mean) - SPREAD**2 / 2, SPREAD)


def _first_pause(chance: random.Random, mean: float) -> float:
    """Give what is left of a pause in which one is found: more likely a long one."""
    return chance.random() * chance.lognormvariate(math.log(mean) + SPREAD**2 / 2, SPREAD)


def _messages_of_a_thought() -> float:
    """Give the mean; what comes in a row takes time of its own, which is short beside a pause."""
    return 1 + IN_A_ROW * MOST_IN_A_ROW / 2
