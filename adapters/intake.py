"""Intake: stores what comes in before anything else, then has it handled, each once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from adapters.meter import NOT_COUNTED, ChannelMeter
from adapters.pauses import Pauses
from adapters.tasks import drained
from sessions.errors import StoreError
from sessions.handling import Handling
from sessions.letter import Letter, Update
from sessions.mailbox import CLAIMED, Mailbox

AT_ONCE = 1_000  # letters that are worked on; more are taken in when one of these is done
_LOOK = 0.05  # seconds
log = logging.getLogger(__name__)

HandleLetter = Callable[[Letter, Handling], Awaitable[None]]
"""Works on one letter, from the platform's own form on. Only being cancelled ends it early."""


@dataclass(slots=True)
class _Handled:
    """A letter that is worked on, or will be when there is room."""

    letter: Letter
    handling: Handling | None = None
    abandoned: bool = False


class Intake:
    """Takes letters in for one channel and starts a task for each, in their order."""

    def __init__(
        self,
        mailbox: Mailbox,
        channel: str,
        handle: HandleLetter,
        *,
        at_once: int = AT_ONCE,
        meter: ChannelMeter = NOT_COUNTED,
    ) -> None:
        self._mailbox, self._channel, self._handle = mailbox, channel, handle
        self._meter, self._platform = meter, channel.partition(":")[0]
        self._at_once, self._room = at_once, asyncio.Semaphore(at_once)
        self._running: set[asyncio.Task[None]] = set()
        self._handled: dict[int, _Handled] = {}  # by the id of the letter
        self._claiming = asyncio.Lock()
        self._unsure = self._left = self._full = False

    async def resume(self) -> None:
        """Take up what was not handled to its end when the program ended, or begin to share the work with others."""
        if self._mailbox.worker is not None:
            self._mailbox.worker.attend(self)
            return
        letters = await self._mailbox.unfinished(self._channel)
        self._meter.letters(self._platform, len(letters))
        for letter in letters:
            await self._start(letter)

    async def take(self, updates: Iterable[Update | tuple[str, bytes]]) -> int:
        """Store updates, and begin to work on those that are new and not for another worker.

        They are durable when this returns; gives the number of new ones.
        """
        if self._mailbox.worker is not None:
            return await self._take_with_others(updates)
        letters = await self._mailbox.receive(self._channel, updates)
        self._meter.received(self._platform, len(letters))
        self._meter.letters(self._platform, len(letters))
        for letter in letters:
            await self._start(letter)
        return len(letters)

    async def drain(self, seconds: float) -> None:
        """Go on working for a while, then stop; what is left is taken up at the next start, or by others."""
        self._left = True
        await drained(self._running, seconds)

    # -- among several workers -------------------------------------------------------------------

    async def _take_with_others(self, updates: Iterable[Update | tuple[str, bytes]]) -> int:
        worker = self._mailbox.worker
        if worker is not None and self._claiming.locked():  # that may last, and others wait for what came in as well
            new, _ = await self._mailbox.take_in(self._channel, updates, 0)
            self._meter.received(self._platform, len(new))
            worker.look()
            return len(new)
        async with self._claiming:
            limit = 0 if self._left or self._unsure else min(CLAIMED, self._at_once - len(self._handled))
            unsure, self._unsure = self._unsure, True
            new, claimed = await self._mailbox.take_in(self._channel, updates, limit)
            self._unsure = unsure
            self._meter.received(self._platform, len(new))
            await self._begin(claimed)
            self._full |= len(claimed) >= limit
        if self._full and worker is not None:
            worker.look()
        return len(new)

    async def claim(self, *, anew: bool) -> None:
        """Take up what came in for this worker, oldest first, as long as there is room.

        `anew` says that nobody knows what of it is its own already.
        """
        async with self._claiming:
            self._unsure |= anew
            if self._unsure:
                await self._mailbox.disclaim(self._channel, self._handled)
            self._unsure, more = False, True
            while more and not self._left and len(self._handled) < self._at_once:
                limit = min(CLAIMED, self._at_once - len(self._handled))
                self._unsure = True
                letters = await self._mailbox.claim(self._channel, limit)
                self._unsure = False
                await self._begin(letters)
                more = len(letters) == limit
            self._full = more

    async def _begin(self, letters: Sequence[Letter]) -> None:
        self._meter.letters(self._platform, len(letters))
        for letter in letters:
            await self._start(letter)

    def busy(self) -> set[int]:
        """Give the lanes in which something is worked on."""
        return {handled.letter.lane for handled in self._handled.values()}

    def abandon(self) -> None:
        """Break off all work as it is."""
        for handled in self._handled.values():
            handled.abandoned = True
            if handled.handling is not None:
                handled.handling.abandoned = True
        for task in self._running:
            task.cancel()

    async def gone(self) -> None:
        """Wait until what was broken off has ended."""
        while self._handled:  # noqa: ASYNC110  # also those that wait for room, which are no tasks yet
            await asyncio.sleep(_LOOK)

    # -- inside ----------------------------------------------------------------------------------

    async def _start(self, letter: Letter) -> None:
        handled = self._handled[letter.id] = _Handled(letter)
        await self._room.acquire()
        if handled.abandoned or self._left:
            self._room.release()
            self._done(letter)
            return
        task = asyncio.get_running_loop().create_task(self._work(letter, handled))
        self._running.add(task)
        task.add_done_callback(partial(self._ended, letter))

    async def _work(self, letter: Letter, handled: _Handled) -> None:
        """Handle a letter to its end. While the store takes nothing, its answer neither, it is tried again."""
        pauses, told = Pauses(), False
        while True:
            try:
                async with self._mailbox.handling(letter) as handling:
                    handling.told, handled.handling = told, handling
                    await self._handle(letter, handling)
                self._meter.handled(self._platform)
                return
            except StoreError as error:
                self._meter.failed(self._platform)
                letter, told = handling.letter._replace(again=True), handling.told
                log.warning("an update can not be handled to its end, trying again: %s", type(error).__name__)
            await asyncio.sleep(pauses.next())

    def _done(self, letter: Letter) -> None:
        self._handled.pop(letter.id, None)
        self._meter.letters(self._platform, -1)
        if self._full and self._mailbox.worker is not None:
            self._mailbox.worker.look()

    def _ended(self, letter: Letter, task: asyncio.Task[None]) -> None:
        self._room.release()
        self._running.discard(task)
        self._done(letter)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._meter.failed(self._platform)
            log.error("an update could not be handled: %s", type(error).__name__)
