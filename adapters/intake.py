"""Intake: stores what comes in before anything else, then has it handled, each once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from adapters.meter import NOT_COUNTED, ChannelMeter
from adapters.pauses import Pauses
from adapters.tasks import drained
from sessions.errors import StoreError
from sessions.handling import Handling
from sessions.letter import Letter
from sessions.mailbox import Mailbox

AT_ONCE = 1_000  # letters that are worked on; more are taken in when one of these is done
log = logging.getLogger(__name__)

HandleLetter = Callable[[Letter, Handling], Awaitable[None]]
"""Works on one letter, from the platform's own form on. Only being cancelled ends it early."""


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
        self._room = asyncio.Semaphore(at_once)
        self._running: set[asyncio.Task[None]] = set()

    async def resume(self) -> None:
        """Take up what was not handled to its end when the program ended."""
        letters = await self._mailbox.unfinished(self._channel)
        self._meter.letters(self._platform, len(letters))
        for letter in letters:
            await self._start(letter)

    async def take(self, updates: Iterable[tuple[str, bytes]]) -> int:
        """Store updates, each a unique name and a content, and begin to work on those that are new.

        They are durable when this returns; gives the number of new ones.
        """
        letters = await self._mailbox.receive(self._channel, updates)
        self._meter.received(self._platform, len(letters))
        self._meter.letters(self._platform, len(letters))
        for letter in letters:
            await self._start(letter)
        return len(letters)

    async def drain(self, seconds: float) -> None:
        """Go on working for a while, then stop; what is left is taken up at the next start."""
        await drained(self._running, seconds)

    async def _start(self, letter: Letter) -> None:
        await self._room.acquire()
        task = asyncio.get_running_loop().create_task(self._work(letter))
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def _work(self, letter: Letter) -> None:
        """Handle a letter to its end. While the store takes nothing, its answer neither, it is tried again."""
        pauses, told = Pauses(), False
        while True:
            try:
                async with self._mailbox.handling(letter) as handling:
                    handling.told = told
                    await self._handle(letter, handling)
                self._meter.handled(self._platform)
                return
            except StoreError as error:
                self._meter.failed(self._platform)
                letter, told = handling.letter._replace(again=True), handling.told
                log.warning("an update can not be handled to its end, trying again: %s", type(error).__name__)
            await asyncio.sleep(pauses.next())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._room.release()
        self._running.discard(task)
        self._meter.letters(self._platform, -1)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._meter.failed(self._platform)
            log.error("an update could not be handled: %s", type(error).__name__)
