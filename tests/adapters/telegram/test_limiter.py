"""The limiter: never faster than Telegram allows, and nobody waits for somebody else's chat."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telegram.limiter import ALL_SECOND, GROUP_MINUTE, MOST_CHATS, SECOND, Limiter

ANN, BEN, GROUP = 7, 8, -100500


def booked(limiter: Limiter, chat: int, times: int, now: float = 0.0) -> list[float]:
    return [limiter.book(chat, now) for _ in range(times)]


def test_a_chat_takes_a_few_at_once_and_then_one_each_second() -> None:
    """Three go at once, and again after a silence."""
    limiter = Limiter()
    first = booked(limiter, ANN, 6, 100.0)
    assert first[:3] == [100.0] * 3
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(first[2:]))
    assert booked(limiter, ANN, 3, 200.0) == pytest.approx([200.0] * 3)


def test_a_group_takes_twenty_a_minute() -> None:
    """The twenty-first waits until the first is a minute ago."""
    times = booked(Limiter(), GROUP, GROUP_MINUTE * 2 + 1)
    assert all(times[number + GROUP_MINUTE] - times[number] >= 60.0 for number in range(len(times) - GROUP_MINUTE))
    assert times[GROUP_MINUTE - 1] < 30.0


def test_a_chat_does_not_wait_for_another() -> None:
    """What one has booked is no matter of the next."""
    limiter = Limiter()
    booked(limiter, ANN, 10)
    assert limiter.book(BEN, 0.0) == 0.0


def test_all_chats_together_take_thirty_a_second() -> None:
    """Those beyond go a second later, in their order."""
    limiter = Limiter()
    times = [limiter.book_all(0.0) for _ in range(ALL_SECOND * 2 + 1)]
    assert times == sorted(times)
    assert times[ALL_SECOND - 1] == 0.0
    assert all(times[number + ALL_SECOND] - times[number] >= 1.0 for number in range(len(times) - ALL_SECOND))


@given(st.lists(st.floats(0.0, 3.0), max_size=60))
def test_no_minute_of_a_group_holds_too_many(pauses: list[float]) -> None:
    """Whenever messages are asked for, no stretch of a minute has more than twenty, none of a second more than four."""
    limiter, now, times = Limiter(), 1_000.0, list[float]()
    for pause in pauses:
        now += pause
        times.append(limiter.book(GROUP, now))
    assert times == sorted(times)
    for number, time_ in enumerate(times):
        assert sum(time_ <= other < time_ + 60.0 for other in times[number:]) <= GROUP_MINUTE
        assert sum(time_ <= other < time_ + 1.0 for other in times[number:]) <= 4


def test_a_message_that_arrives_late_counts_from_then() -> None:
    """The next one keeps its distance; a very late one is not held against the chat for longer than a burst."""
    limiter = Limiter()
    times = booked(limiter, ANN, 3)
    limiter.arrived(ANN, times[0], 0.5)
    assert limiter.book(ANN, 0.5) >= 1.5
    limiter = Limiter()
    times = booked(limiter, GROUP, GROUP_MINUTE)
    limiter.arrived(GROUP, times[-1], times[-1] + 100.0)
    assert limiter.book(GROUP, times[-1] + 104.0) == times[-1] + 104.0


def test_streaming_leaves_room_for_messages() -> None:
    """It takes two of the three, and after that the next message still goes at once."""
    limiter = Limiter()
    taken = [limiter.spare(ANN, 50.0) for _ in range(5)]
    assert taken == [True, True, False, False, False]
    assert limiter.book(ANN, 50.0) == 50.0


def test_streaming_to_a_group_ends_before_its_minute_is_full() -> None:
    """Some of the twenty are left for messages."""
    limiter = Limiter()
    taken = sum(limiter.spare(GROUP, second) for second in range(45))
    assert 10 <= taken <= 15
    assert limiter.book(GROUP, 45.0) == 45.0


def test_streaming_leaves_room_to_other_chats() -> None:
    """When much is sent in all, nothing is streamed."""
    limiter = Limiter()
    for _ in range(ALL_SECOND - 5):
        limiter.book_all(10.0)
    assert not limiter.spare(ANN, 10.1)
    assert limiter.spare(ANN, 12.0)


def test_a_chat_that_is_held_is_not_streamed_to() -> None:
    """The others are, and this one is again when its time is over."""
    limiter = Limiter()
    limiter.hold(ANN, 5.0, 100.0)
    assert (limiter.held_until(ANN), limiter.held_until(BEN)) == (105.0, 0.0)
    assert not limiter.spare(ANN, 104.0)
    assert limiter.spare(BEN, 104.0)
    assert limiter.spare(ANN, 105.0)


async def test_a_message_waits_while_its_chat_is_held() -> None:
    """Another chat's message goes meanwhile; a shorter refusal does not shorten a longer one."""
    limiter = Limiter()
    begun = time.monotonic()
    limiter.hold(ANN, 0.2)
    limiter.hold(ANN, 0.01)
    await asyncio.wait_for(limiter.room(BEN), 0.1)
    await limiter.room(ANN)
    assert time.monotonic() - begun >= 0.2


def test_chats_that_are_silent_are_forgotten() -> None:
    """However many chats there are, what is known of them stays bounded."""
    limiter = Limiter()
    for chat in range(1, MOST_CHATS + 1):
        limiter.book(chat, 0.0)
    limiter.book(MOST_CHATS + 1, 1_000.0)
    assert len(limiter._chats) == 1


def test_several_workers_share_what_a_bot_may_send() -> None:
    """Each sends its part of the thirty a second; one alone sends all, also when the others have ended."""
    workers = 3
    limiter = Limiter(lambda: 0.0, workers=lambda: workers)
    moments = [limiter.book_all(100.0) for _ in range(21)]
    assert moments[:10] == [100.0] * 10
    assert moments[10:20] == [100.0 + SECOND] * 10
    assert moments[20] == 100.0 + 2 * SECOND
    workers = 1
    later = [limiter.book_all(200.0) for _ in range(30)]
    assert later == [200.0] * 30
