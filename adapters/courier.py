"""Courier: delivers what is in the post, each chat in its order, until the platform has it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context

from adapters.envelope import Envelope
from adapters.tasks import drained
from sessions.errors import SessionError
from sessions.handling import current
from sessions.mailbox import Mailbox
from sessions.parcel import Parcel

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between attempts to deliver, doubled each time
MOST_MISTAKES = 5  # errors nobody foresaw, after which one answer is given up
log = logging.getLogger(__name__)


class Undeliverable(Exception):
    """The platform will never take this: the chat is gone, the bot was blocked or thrown out."""


class NotNow(Exception):
    """The platform did not take it now; `after` seconds are to pass, if it says so."""

    def __init__(self, after: float | None = None) -> None:
        self.after = after
        super().__init__()


PartSent = Callable[[int], Awaitable[None]]
Deliver = Callable[[Parcel, Envelope, PartSent], Awaitable[None]]
"""Delivers one parcel from part `parcel.sent` on, and tells of each part that is out but the last.

Raises `Undeliverable` or `NotNow`.
"""


class Courier:
    """Takes parcels for one channel. What one chat gets, it gets one after the other.

    Nobody waits for a delivery: what is stored will be delivered, now or after the next start.
    """

    def __init__(self, mailbox: Mailbox, channel: str, deliver: Deliver) -> None:
        self._mailbox, self._channel, self._deliver = mailbox, channel, deliver
        self._lanes: dict[str, deque[tuple[Parcel, Envelope]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def resume(self) -> None:
        """Take up what was not delivered when the program ended."""
        for parcel in await self._mailbox.unsent(self._channel):
            try:
                envelope = Envelope.decode(parcel.content)
            except (ValueError, KeyError, TypeError):
                log.warning("an answer in the post can not be read, and is dropped")
                await self._mailbox.sent(parcel)
            else:
                self.fulfil(parcel, envelope)

    async def post(self, envelope: Envelope) -> None:
        """Store a reply and have it delivered; it is durable when this returns."""
        parcel = self._mailbox.parcel(self._channel, envelope.encode())
        await self._mailbox.post(parcel)
        self.fulfil(parcel, envelope)

    def promise(self, envelope: Envelope) -> Parcel | None:
        """Have the next write of the handling store a reply, for `fulfil`; None where nothing is handled."""
        handling = current()
        if handling is None:
            return None
        parcel = self._mailbox.parcel(self._channel, envelope.encode())
        handling.post(parcel)
        return parcel

    def fulfil(self, parcel: Parcel, envelope: Envelope) -> None:
        """Have a stored reply delivered."""
        lane = self._lanes.get(envelope.lane)
        if lane is None:
            lane = self._lanes[envelope.lane] = deque()
            # In a context of its own: a delivery is no part of the handling that asked for it.
            task = asyncio.get_running_loop().create_task(self._serve(envelope.lane, lane), context=Context())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        lane.append((parcel, envelope))

    async def drain(self, seconds: float) -> None:
        """Go on delivering for a while, then stop; what is left stays in the post."""
        await drained(self._running, seconds)

    async def _serve(self, name: str, lane: deque[tuple[Parcel, Envelope]]) -> None:
        try:
            while lane:
                await self._bring(*lane[0])
                lane.popleft()
        finally:
            del self._lanes[name]

    async def _bring(self, parcel: Parcel, envelope: Envelope) -> None:
        """Deliver one parcel, however often that has to be tried."""
        pause, mistakes = FIRST_PAUSE, 0
        while True:
            progress = _Progress(self._mailbox, parcel)
            try:
                await self._deliver(parcel, envelope, progress.part_sent)
                break
            except Undeliverable:
                log.warning("an answer can not be delivered: the chat does not take it")
                break
            except NotNow as refusal:
                wait = refusal.after
            except Exception as error:  # noqa: BLE001 - whatever it is must not keep the rest of the chat waiting
                log.warning("an answer could not be delivered: %s", type(error).__name__)
                mistakes, wait = mistakes + 1, None
                if mistakes == MOST_MISTAKES:
                    break
            parcel = progress.parcel
            await asyncio.sleep(pause * random.uniform(0.5, 1.0) if wait is None else wait)  # noqa: S311 - spreads load
            pause = min(2 * pause, LONGEST_PAUSE)
        try:
            await self._mailbox.sent(progress.parcel)
        except SessionError as error:
            log.warning("that an answer is out could not be noted: %s", type(error).__name__)


class _Progress:
    """A parcel on its way: how many of its parts are out."""

    def __init__(self, mailbox: Mailbox, parcel: Parcel) -> None:
        self._mailbox, self.parcel = mailbox, parcel

    async def part_sent(self, parts: int) -> None:
        self.parcel = await self._mailbox.sent(self.parcel, parts=parts)
