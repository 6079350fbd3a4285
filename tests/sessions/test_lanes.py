"""Lanes: one turn at a time in a session, in order, not too many at once, and a way to stop."""

from __future__ import annotations

import asyncio
import random
from typing import cast

import pytest

from sessions.coordination import Coordinator
from sessions.keyed_locks import KeyedLocks
from sessions.lanes import Lanes


class Course:
    """Turns that are let in, held until they may end, and noted."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.entered: list[str] = []
        self.running: set[str] = set()
        self._may_end: dict[str, asyncio.Event] = {}

    def start(self, name: str, *, session: str = "s", person: str = "ann") -> asyncio.Task[None]:
        """Begin a turn; it ends when it is let go."""
        self._may_end[name] = asyncio.Event()
        return asyncio.ensure_future(self._run(name, session, person))

    def let_go(self, name: str) -> None:
        self._may_end[name].set()

    async def _run(self, name: str, session: str, person: str) -> None:
        async with self.lanes.enter(session, person):
            self.entered.append(name)
            self.running.add(name)
            try:
                await self._may_end[name].wait()
            finally:
                self.running.remove(name)


class Others:
    """Other workers, of whom none ever has a turn; it takes a while to tell them that one has ended."""

    def __init__(self) -> None:
        self.had = False

    async def take_turn(self, _session_id: str) -> bool:
        self.had = True
        return True

    async def end_turn(self, _session_id: str) -> None:
        await settle()
        self.had = False


async def settle() -> None:
    """Let everything go on that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def is_empty(lanes: Lanes) -> bool:
    """Tell whether nothing is kept of the turns that were."""
    return not lanes._lanes and not lanes._people


async def test_turns_of_one_session_come_one_after_the_other_in_order() -> None:
    """The next turn is let in when the one before it has ended, in the order in which they asked."""
    course = Course(Lanes())
    turns = [course.start(name) for name in "abcd"]
    for name in "abcd":
        await settle()
        assert course.running == {name}
        course.let_go(name)
    await asyncio.gather(*turns)
    assert course.entered == ["a", "b", "c", "d"]
    assert is_empty(course.lanes)


async def test_turns_of_different_sessions_run_side_by_side() -> None:
    """Nobody waits for another session."""
    course = Course(Lanes())
    turns = [course.start(name, session=name, person=name) for name in "abcd"]
    await settle()
    assert course.running == {"a", "b", "c", "d"}
    for name in "abcd":
        course.let_go(name)
    await asyncio.gather(*turns)


async def test_one_person_has_so_many_turns_at_once() -> None:
    """A person's turns in other chats wait when the limit is reached; another person's do not."""
    course = Course(Lanes(per_person=2))
    turns = [course.start(name, session=name) for name in "abc"]
    turns.append(course.start("bob's", session="d", person="bob"))
    await settle()
    assert course.running == {"a", "b", "bob's"}
    course.let_go("a")
    await settle()
    assert course.running == {"b", "c", "bob's"}
    for name in ("b", "c", "bob's"):
        course.let_go(name)
    await asyncio.gather(*turns)
    assert is_empty(course.lanes)


async def test_there_are_so_many_turns_at_once_in_all() -> None:
    """When the limit of the process is reached the next person waits, first come first served."""
    course = Course(Lanes(limit=3))
    turns = [course.start(name, session=name, person=name) for name in "abcde"]
    await settle()
    assert course.running == {"a", "b", "c"}
    course.let_go("b")
    await settle()
    assert course.running == {"a", "c", "d"}
    for name in "acde":
        course.let_go(name)
    await asyncio.gather(*turns)
    assert course.entered == ["a", "b", "c", "d", "e"]


async def test_a_session_is_busy_from_the_first_turn_that_asks_to_the_end_of_the_last() -> None:
    """Waiting turns keep it busy too, and no other session."""
    course = Course(Lanes())
    assert not course.lanes.is_busy("s")
    first, second = course.start("a"), course.start("b")
    await settle()
    assert course.lanes.is_busy("s")
    assert not course.lanes.is_busy("other")
    course.let_go("a")
    await first
    assert course.lanes.is_busy("s")
    course.let_go("b")
    await second
    assert not course.lanes.is_busy("s")


async def test_stop_cancels_the_running_turn_and_those_that_wait() -> None:
    """All turns of the session are cancelled, those of others go on, and the next one is let in at once."""
    course = Course(Lanes())
    turns = [course.start(name) for name in "abc"]
    other = course.start("other", session="t")
    await settle()
    assert course.lanes.stop("s")
    results = await asyncio.wait_for(asyncio.gather(*turns, return_exceptions=True), 5)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert course.entered == ["a", "other"]
    again = course.start("again")
    await settle()
    assert course.running == {"other", "again"}
    for name in ("other", "again"):
        course.let_go(name)
    await asyncio.gather(other, again)
    assert is_empty(course.lanes)


async def test_stop_reaches_a_turn_that_waits_for_its_person_or_for_room() -> None:
    """A turn that is at the head of its lane and not let in yet is cancelled like a running one."""
    course = Course(Lanes(limit=2, per_person=1))
    turns = [course.start("a", session="1"), course.start("b", session="2", person="bob")]
    blocked = [course.start("c", session="3"), course.start("d", session="4", person="cem")]
    await settle()
    assert course.running == {"a", "b"}
    assert course.lanes.stop("3")
    assert course.lanes.stop("4")
    results = await asyncio.wait_for(asyncio.gather(*blocked, return_exceptions=True), 5)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    for name in "ab":
        course.let_go(name)
    await asyncio.gather(*turns)
    assert is_empty(course.lanes)


async def test_stop_between_two_turns_reaches_the_next_one() -> None:
    """A stop that comes just when one turn has ended and the next has not begun stops the next."""
    course, stopped = Course(Lanes()), list[bool]()

    async def first() -> None:
        async with course.lanes.enter("s", "ann"):
            await settle()
        stopped.append(course.lanes.stop("s"))

    turn = asyncio.ensure_future(first())
    await asyncio.sleep(0)
    results = await asyncio.wait_for(asyncio.gather(turn, course.start("next"), return_exceptions=True), 5)
    assert stopped == [True]
    assert isinstance(results[1], asyncio.CancelledError)
    assert course.entered == []
    assert is_empty(course.lanes)


async def test_stop_tells_when_there_is_nothing_to_stop() -> None:
    """It is no error, and says so."""
    assert not Lanes().stop("s")


async def test_a_turn_that_fails_lets_the_next_one_in() -> None:
    """An exception of a turn is its own affair."""
    lanes = Lanes()

    async def fail() -> None:
        async with lanes.enter("s", "ann"):
            raise ValueError("of its own")

    course = Course(lanes)
    failing, next_one = asyncio.ensure_future(fail()), course.start("next")
    await settle()
    assert course.running == {"next"}
    course.let_go("next")
    with pytest.raises(ValueError, match="of its own"):
        await failing
    await next_one
    assert is_empty(lanes)


async def test_a_turn_that_gives_up_waiting_keeps_nobody() -> None:
    """Those behind a cancelled one move up, wherever in the line it stood."""
    for gone in "abcd":
        course = Course(Lanes())
        turns = {name: course.start(name) for name in "abcd"}
        await settle()
        turns[gone].cancel()
        for name in "abcd":
            course.let_go(name)
        await asyncio.gather(*turns.values(), return_exceptions=True)
        assert course.entered == [name for name in "abcd" if name != gone or gone == "a"]
        assert is_empty(course.lanes)


async def test_a_turn_cancelled_at_the_moment_it_is_let_in_passes_the_lane_on() -> None:
    """Its turn had come already; the next one gets it."""
    course = Course(Lanes())

    async def first() -> None:
        async with course.lanes.enter("s", "ann"):
            await settle()
        second.cancel()

    turns = [asyncio.ensure_future(first())]
    await asyncio.sleep(0)
    second, third = course.start("b"), course.start("c")
    await asyncio.gather(*turns)
    await settle()
    assert course.entered == ["c"]
    course.let_go("c")
    await asyncio.gather(second, third, return_exceptions=True)
    assert is_empty(course.lanes)


@pytest.mark.parametrize("rounds", range(12))
async def test_a_turn_begins_when_the_one_before_is_given_back_however_that_ended(rounds: int) -> None:
    """One that is cancelled while the other workers are told of its end does not take the next one's place there."""
    lanes, others = Lanes(), Others()
    lanes.meet(cast("Coordinator", others))
    course = Course(lanes)
    first = course.start("first")
    await settle()
    second = course.start("second")
    course.let_go("first")
    for _ in range(rounds):
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    for _ in range(3):
        await settle()
    assert course.running == {"second"}
    assert others.had
    course.let_go("second")
    await second
    assert is_empty(lanes)


@pytest.mark.parametrize("seed", range(20))
async def test_lanes_hold_in_a_crowd(seed: int) -> None:
    """With many people, cancellations and stops at random no lane runs two turns, no cap is passed, nothing is left."""
    chance = random.Random(seed)
    lanes = Lanes(limit=5, per_person=2)
    sessions: list[str] = []
    people: list[str] = []

    async def turn(session: str, person: str) -> None:
        async with lanes.enter(session, person):
            sessions.append(session)
            people.append(person)
            assert sessions.count(session) == 1
            assert people.count(person) <= 2
            assert len(sessions) <= 5
            try:
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
            finally:
                sessions.remove(session)
                people.remove(person)

    turns: list[asyncio.Task[None]] = []
    for _ in range(300):
        turns.append(asyncio.ensure_future(turn(f"{chance.randrange(8)}", f"{chance.randrange(4)}")))
        if chance.random() < 0.2:
            chance.choice(turns).cancel()
        if chance.random() < 0.1:
            lanes.stop(f"{chance.randrange(8)}")
        if chance.random() < 0.5:
            await asyncio.sleep(0)
    results = await asyncio.wait_for(asyncio.gather(*turns, return_exceptions=True), 5)
    assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
    assert is_empty(lanes)


# -- locks by key ------------------------------------------------------------------------------------


async def test_a_key_is_held_by_one_and_waiters_come_in_order() -> None:
    """Holders of one key follow each other in the order in which they asked; other keys are free."""
    locks, order = KeyedLocks(), list[str]()

    async def hold(key: str, name: str) -> None:
        async with locks.hold(key):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(hold("k", "a"), hold("k", "b"), hold("other", "x"), hold("k", "c"))
    assert [step for step in order if step[0] != "x"] == ["a in", "a out", "b in", "b out", "c in", "c out"]
    assert order.index("x in") < order.index("b in")
    assert not locks._locks


async def test_a_lock_is_forgotten_when_nobody_wants_it_whatever_happened() -> None:
    """Failing and cancelled holders and waiters leave nothing, and those behind them move up."""
    locks, held = KeyedLocks(), list[str]()

    async def hold(name: str) -> None:
        async with locks.hold("k"):
            held.append(name)
            await asyncio.sleep(0.001)
            if name == "failing":
                raise ValueError

    tasks = {name: asyncio.ensure_future(hold(name)) for name in ("first", "waiter", "failing", "last")}
    await settle()
    tasks["waiter"].cancel()
    tasks["first"].cancel()
    results = await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert [type(result) for result in results[:3]] == [asyncio.CancelledError, asyncio.CancelledError, ValueError]
    assert held == ["first", "failing", "last"]
    assert not locks._locks
