"""Worker: this program among several that share one store: what it does alone, and what it must leave to others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from sessions.coordination import LANE_NAMES, Coordinator
from sessions.division import Division
from sessions.errors import SessionError
from sessions.lanes import Lanes
from sessions.lease import Lease
from sessions.standing import Standing

LOOK, LOOK_UNCALLED = 1.0, 0.2  # seconds between two looks at what came in; the second where there are no calls
LONGEST_ANSWER = 1.0  # seconds after which the time in an answer is not believed
BEATS = 5  # signs of life in a lifetime
TRUSTED = 3  # beats after a sign of life for which nobody can have taken over
LEAVING = 10.0  # seconds for which a lane that is to go to another worker may take to become idle
_NUMBERS = {name: number for number, name in enumerate(LANE_NAMES, 1)}
log = logging.getLogger(__name__)


class Attendant(Protocol):
    """Who handles what comes in, or delivers what is to go out, for one channel."""

    async def claim(self, *, anew: bool) -> None:
        """Take up what waits in the lanes of this worker; `anew` says that nobody knows what it has already."""

    def abandon(self) -> None:
        """Break off everything as it is: others go on with it."""

    async def gone(self) -> None:
        """Wait until what was broken off has ended."""

    def busy(self) -> Collection[int]:
        """Give the lanes in which something is under way."""


class Worker:
    """Says that it is alive, and takes, keeps and gives up lanes and leases.

    `on_time` is told the database's time in ms since 1970, `pinned` says which lanes must not go to another worker now.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        turns: Lanes,
        *,
        on_time: Callable[[int], None] = lambda _: None,
        forget: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._coordinator, self._turns, self._beat = coordinator, turns, coordinator.lifetime / BEATS
        self._on_time, self._forget, self._monotonic = on_time, forget, monotonic
        self._attendants: list[Attendant] = []
        self._leases: dict[str, Lease] = {}
        self._divisions: list[Division] = []
        self._held: set[int] = set()
        self._leaving: dict[int, float] = {}  # lanes that go to another worker when they are idle, and until when
        self._kept: dict[int, float] = {}  # lanes that did not become idle, and when they are tried again
        self._alive = 0.0  # when the last sign of life was given
        self._called, self._due = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._gained = self._given_up = False
        self._beating = asyncio.Lock()
        self._shares, self._wanted_share = False, -1
        self._taken_over = self._lost = 0  # leases, since the program started
        self.others = 0
        """How many other workers share the lanes, as it was known last."""
        self.slot = 0
        self.pinned: Callable[[], Collection[int]] = tuple

    @property
    def id(self) -> int:
        """The number of this worker."""
        return self._coordinator.id

    async def start(self, *, shares: bool) -> None:
        """Become one of the workers; `shares` says whether it takes lanes."""
        self._shares = shares
        await self._enlist()
        self._turns.meet(self._coordinator)
        await self._coordinator.listen(self._hear)
        self._tasks = [asyncio.ensure_future(self._stay_alive()), asyncio.ensure_future(self._look())]

    def hurry(self) -> None:
        """Try nothing for long any more: the program ends, and others go on with what it can not do now."""
        self._coordinator.hurry()

    async def stop(self) -> None:
        """Leave everything to the others."""
        self.hurry()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for lease in self._leases.values():
            lease.lose()
        with suppress(SessionError):  # then the others notice by themselves
            await self._coordinator.leave()

    # -- what it has ---------------------------------------------------------------------------

    def attend(self, attendant: Attendant) -> None:
        """Have somebody take up what comes in for this worker."""
        self._attendants.append(attendant)
        self._gained = True
        self._called.set()

    def look(self) -> None:
        """Have it looked soon whether there is something to take up."""
        self._called.set()

    def doubt(self) -> None:
        """Have it looked soon whether what it has is still its own."""
        self._due.set()

    def holds(self, lane: int) -> bool:
        """Tell whether what comes in a lane is this worker's."""
        return lane in self._coordinator.lanes

    @property
    def standing(self) -> Standing:
        """Say in numbers how it stands among the others."""
        silent = self._monotonic() - self._alive
        return Standing(self.others + 1, len(self._held), silent, self._taken_over, self._lost)

    @property
    def is_settled(self) -> bool:
        """Tell whether it has its share of the lanes, and no more."""
        return len(self._held) == self._wanted_share and not self._leaving

    def has(self, lane: int) -> bool:
        """Tell whether a lane is still this worker's, though it may be about to go to another one."""
        return lane in self._held or (lane == 0 and 1 in self._held)

    def lease(self, name: str) -> Lease:
        """Want to be the one worker that does something."""
        lease = self._leases.setdefault(name, Lease(name))
        self._due.set()
        return lease

    def divide(self, names: Sequence[str]) -> Division:
        """Want a fair share of something."""
        division = Division(names)
        self._divisions.append(division)
        self._due.set()
        return division

    async def give_back(self, division: Division, parts: Iterable[int]) -> None:
        """Let other workers have parts of something."""
        gone = frozenset(parts)
        division.held -= gone
        await self._coordinator.release([division.names[part] for part in gone])

    async def release(self, lease: Lease) -> None:
        """Let another worker do it."""
        self._leases.pop(lease.name, None)
        lease.lose()
        with suppress(SessionError):  # then it goes with the rest when this one ends
            await self._coordinator.release([lease.name])

    async def sure(self, lane: int) -> bool:
        """Tell, right before something that can not be taken back, whether a lane is still this worker's."""
        if self._monotonic() - self._alive > TRUSTED * self._beat:
            await self.beat()
        return self.has(lane)

    # -- inside --------------------------------------------------------------------------------

    async def _enlist(self) -> None:
        member = await self._coordinator.enlist(shares=self._shares)
        self.slot = member.slot
        await self.beat()

    def _hear(self, said: str) -> None:
        match said.split():
            case ["lanes", *lanes]:
                if not any(map(self.holds, map(int, lanes))):
                    return
            case ["stop", worker]:
                if worker != str(self.id):
                    return
            case _:
                self._due.set()
        self._called.set()

    async def _stay_alive(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat):
                    await self._due.wait()
            self._due.clear()
            try:
                if self._given_up:
                    await self._begin_anew()
                await self.beat()
            except SessionError as error:
                log.warning("the other workers can not be told that this one is alive: %s", type(error).__name__)
                await asyncio.sleep(self._beat)

    async def _look(self) -> None:
        """Take up what comes in, when somebody calls and from time to time."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK if self._coordinator.hears else LOOK_UNCALLED):
                    await self._called.wait()
            self._called.clear()
            try:
                for session_id in await self._coordinator.stopping():
                    self._turns.stop(session_id)
                await self._claim()
            except SessionError as error:
                log.warning("what other workers took in can not be looked for: %s", type(error).__name__)
                await asyncio.sleep(LOOK)

    async def _claim(self) -> None:
        gained, self._gained = self._gained, False
        try:
            await asyncio.gather(*(attendant.claim(anew=gained) for attendant in self._attendants))
        except SessionError:
            self._gained |= gained
            raise

    async def beat(self) -> None:
        """Say that it is alive, and learn what is this worker's: nothing, if it was given up."""
        async with self._beating:
            if self._given_up:
                return
            began = self._monotonic()
            divided = [LANE_NAMES, *(division.names for division in self._divisions)]
            beat = await self._coordinator.beat(list(self._leases), divided)
            if beat is None:
                self._lose()
                return
            self._alive = began
            if self._monotonic() - began < LONGEST_ANSWER:
                self._on_time(beat.now_ms)
            self.others = max(0, beat.workers - 1)
            self._taken_over += beat.taken_over
            held = {_NUMBERS[name] for name in beat.leases if name in _NUMBERS}
            if held - self._held:
                self._gained = True
                self._called.set()
            for session_id in beat.stopping:
                self._turns.stop(session_id)
            self._keep(held)
            for name, lease in self._leases.items():
                lease.set(name in beat.leases)
            for division, share in zip(self._divisions, beat.shares[1:], strict=False):
                division.learn(beat.leases, share)
            self._wanted_share = beat.shares[0]
            await self._share(beat.shares[0])

    def _keep(self, held: Iterable[int]) -> None:
        self._held = set(held)
        taking = self._held - self._leaving.keys()
        # What was stored by a program that did not share is undivided, and goes with the first lane.
        self._coordinator.lanes = (*sorted(taking), *((0,) if 1 in taking else ()))

    async def _share(self, share: int) -> None:
        """Let others have what is more than this worker's share, each lane when nothing is under way in it."""
        now = self._monotonic()
        for lane, until in list(self._leaving.items()):
            if now > until:  # a long reply must not keep a whole lane waiting
                del self._leaving[lane]
                self._kept[lane] = now + LEAVING
        self._kept = {lane: until for lane, until in self._kept.items() if until > now}
        # One that was to go before the last look for new work has none that nobody knows of.
        busy = self._busy()
        gone = [lane for lane in self._leaving if lane not in busy]
        if gone:
            await self._coordinator.release([LANE_NAMES[lane - 1] for lane in gone])
            for lane in gone:
                del self._leaving[lane]
            self._held.difference_update(gone)
        surplus = len(self._held) - share - len(self._leaving)
        if surplus > 0:
            pinned = set(self.pinned())
            free = [lane for lane in sorted(self._held) if lane not in pinned and lane not in self._leaving]
            idle = [lane for lane in free if lane not in busy][:surplus]
            rest = [lane for lane in free if lane in busy and lane not in self._kept][: surplus - len(idle)]
            for lane in [*idle, *rest]:
                self._leaving[lane] = now + LEAVING
        self._keep(self._held)

    def _busy(self) -> set[int]:
        return {lane for attendant in self._attendants for lane in attendant.busy()}

    def _lose(self) -> None:
        """Let go of everything: others have gone on with it."""
        log.warning("this worker was not heard of for too long, and others went on with its work; it begins anew")
        self._given_up = True
        leased = [lease for lease in self._leases.values() if lease.held.is_set()]
        self._lost += len(self._held) + len(leased) + sum(len(division.held) for division in self._divisions)
        self._held, self._leaving = set(), {}
        self._coordinator.lanes = ()
        for lease in self._leases.values():
            lease.lose()
        for division in self._divisions:
            division.learn(frozenset(), 0)
        for attendant in self._attendants:
            attendant.abandon()
        self._due.set()

    async def _begin_anew(self) -> None:
        """Become another worker, once nothing of the one before can still write."""
        await asyncio.gather(*(attendant.gone() for attendant in self._attendants))
        self._forget()
        member = await self._coordinator.enlist(shares=self._shares)
        self.slot, self._given_up = member.slot, False
