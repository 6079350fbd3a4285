"""Lanes: one turn at a time per session, many sessions side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sessions.coordination import Coordinator
from sessions.errors import SessionError

MAX_TURNS = 64  # turns that run at once in one process; each holds a connection to the model
MAX_TURNS_PER_PERSON = 4
_FIRST_LOOK, _LONGEST_LOOK = 0.05, 0.5  # seconds between looks whether another worker's turn is over


class _Lane:
    """The turns of one session: the running one, and those that wait in the order they came."""

    __slots__ = ("busy", "running", "waiting")

    def __init__(self) -> None:
        self.busy = False
        self.running: asyncio.Task[object] | None = None
        self.waiting: deque[tuple[asyncio.Future[None], asyncio.Task[object] | None]] = deque()


class Lanes:
    """Lets turns in: per session one after the other, per person and in all only so many at once."""

    def __init__(self, *, limit: int = MAX_TURNS, per_person: int = MAX_TURNS_PER_PERSON) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._all = asyncio.Semaphore(limit)
        self._per_person = per_person
        self._people: dict[str, tuple[asyncio.Semaphore, int]] = {}
        self._elsewhere: Coordinator | None = None
        self._unended: set[str] = set()
        self._ending: dict[str, asyncio.Task[None]] = {}

    def meet(self, coordinator: Coordinator) -> None:
        """From now on let a turn in only where no other worker runs one in the same session."""
        self._elsewhere = coordinator

    @asynccontextmanager
    async def enter(self, session_id: str, person: str) -> AsyncIterator[None]:
        """Run a turn of a session; the task that entered is the one `stop` cancels.

        Turns of one session are let in in the order in which they called.
        """
        lane = await self._line_up(session_id)
        try:
            async with self._person(person), self._all, self._alone(session_id):
                yield
        finally:
            self._leave(session_id, lane)

    def is_busy(self, session_id: str) -> bool:
        """Tell whether a turn of this session runs or waits to."""
        return session_id in self._lanes

    def stop(self, session_id: str) -> bool:
        """Cancel the running turn of a session and let go those that wait; tell whether there was one."""
        lane = self._lanes.get(session_id)
        if lane is None or lane.running is None:
            return False
        for place, _ in lane.waiting:
            place.cancel()
        return lane.running.cancel()

    async def stop_elsewhere(self, session_id: str, seconds: float) -> bool:
        """Have another worker end its turn in a session, and wait so long for that; tell whether one had a turn."""
        others = self._elsewhere
        if others is None or not await others.stop_turn(session_id):
            return False
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while await others.is_running(session_id) and loop.time() < until:  # noqa: ASYNC110  # it is in a database
            await asyncio.sleep(_FIRST_LOOK)
        return True

    async def is_busy_elsewhere(self, session_id: str) -> bool:
        """Tell whether another worker runs a turn in a session."""
        return self._elsewhere is not None and await self._elsewhere.is_running(session_id)

    @asynccontextmanager
    async def _alone(self, session_id: str) -> AsyncIterator[None]:
        """Have the turn in a session among all workers."""
        others = self._elsewhere
        if others is None:
            yield
            return
        if session_id in self._ending:  # a word of the end of the turn before would be one of the end of this one
            await asyncio.wait({self._ending[session_id]})
        wait = _FIRST_LOOK
        while not await others.take_turn(session_id):
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_LOOK)
        self._unended.discard(session_id)
        try:
            yield
        finally:
            ending = self._ending[session_id] = asyncio.ensure_future(self._end(others, session_id))
            ending.add_done_callback(lambda _: self._ending.pop(session_id, None))
            await asyncio.shield(ending)

    async def _end(self, others: Coordinator, session_id: str) -> None:
        ending, self._unended = {session_id, *self._unended}, set()  # also what could not be ended before
        for one in ending:
            try:
                await others.end_turn(one)
            except SessionError:
                self._unended.add(one)

    async def _line_up(self, session_id: str) -> _Lane:
        lane, task = self._lanes.setdefault(session_id, _Lane()), asyncio.current_task()
        if lane.busy:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            lane.waiting.append((place, task))
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._leave(session_id, lane)  # it was our turn already: pass it on
                elif (place, task) in lane.waiting:
                    lane.waiting.remove((place, task))
                raise
        lane.busy, lane.running = True, task
        return lane

    def _leave(self, session_id: str, lane: _Lane) -> None:
        lane.running = None
        while lane.waiting:
            place, task = lane.waiting.popleft()
            if not place.done():
                place.set_result(None)  # busy stays set: who asks meanwhile queues behind this one
                lane.running = task  # it has not gone on yet, but is the one to stop
                return
        lane.busy = False
        self._lanes.pop(session_id, None)

    @asynccontextmanager
    async def _person(self, person: str) -> AsyncIterator[None]:
        gate, users = self._people.get(person) or (asyncio.Semaphore(self._per_person), 0)
        self._people[person] = (gate, users + 1)
        try:
            async with gate:
                yield
        finally:
            gate, users = self._people.pop(person)
            if users > 1:
                self._people[person] = (gate, users - 1)
