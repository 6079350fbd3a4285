"""Courier: delivers what is in the post, each chat in its order, until the platform has it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import NamedTuple
from weakref import WeakKeyDictionary

from adapters.envelope import Envelope
from adapters.meter import NOT_COUNTED, ChannelMeter
from adapters.pauses import Pauses
from adapters.reply import Reply
from adapters.tasks import drained
from sessions.errors import Fenced, SessionError, StoreError
from sessions.handling import Handling, current
from sessions.mailbox import CLAIMED, Mailbox
from sessions.parcel import Parcel

MOST_MISTAKES = 5  # errors nobody foresaw, after which one answer is given up
MOST_REFUSALS = 10  # in a row and without a reason, after which one is given up, if others get through meanwhile
LONGEST_TRIED = 24 * 3600.0  # seconds after which one is given up in any case
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


_GIVEN_UP = Reply(text="An answer could not be brought here. What it says is stored: `/history` shows it.", error=True)


class _Item(NamedTuple):
    """Something to deliver; what is not `kept` is not stored, and is gone with the program."""

    parcel: Parcel
    envelope: Envelope
    kept: bool = True


class Courier:
    """Takes parcels for one channel. What one chat gets, it gets one after the other.

    Nobody waits for a delivery: what is stored will be delivered, now or after the next start. `pauses` makes those
    between the attempts to deliver one parcel.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        channel: str,
        deliver: Deliver,
        *,
        pauses: Callable[[], Pauses] = Pauses,
        meter: ChannelMeter = NOT_COUNTED,
    ) -> None:
        self._mailbox, self._channel, self._deliver, self._pauses = mailbox, channel, deliver, pauses
        self._meter, self._platform = meter, channel.partition(":")[0]
        mailbox.attend(channel)
        self._lanes: dict[str, deque[_Item]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._delivered = 0
        self._parcels: dict[int, Parcel] = {}  # what is to be delivered, by id
        # Ids of what is stored, or is just being stored, and will be delivered from here.
        self._posting: set[int] = set()
        self._promised: WeakKeyDictionary[Handling, list[int]] = WeakKeyDictionary()
        self._claiming = asyncio.Lock()
        self._unsure = False

    async def resume(self) -> None:
        """Take up what was not delivered when the program ended, or begin to share the work with others."""
        if self._mailbox.worker is not None:
            self._mailbox.worker.attend(self)
            return
        for parcel in await self._mailbox.unsent(self._channel):
            await self._take_up(parcel)

    async def _take_up(self, parcel: Parcel) -> None:
        try:
            envelope = Envelope.decode(parcel.content)
        except (ValueError, KeyError, TypeError):
            log.warning("an answer in the post can not be read, and is dropped")
            await self._mailbox.sent(parcel)
        else:
            self.fulfil(parcel, envelope)

    async def post(self, envelope: Envelope) -> None:
        """Store a reply and have it delivered; it is durable when this returns.

        Raises `StoreError`. An error is delivered even so, once, because it may be just what the person must know.
        """
        parcel = self._parcel(envelope)
        self._posting.add(parcel.id)
        try:
            await self._mailbox.post(parcel)
        except StoreError:
            self._tell_unkept(parcel, envelope)
            raise
        finally:
            self._posting.discard(parcel.id)
        self.fulfil(parcel, envelope)

    def promise(self, envelope: Envelope) -> Parcel | None:
        """Have the next write of the handling store a reply, for `fulfil`; None where nothing is handled."""
        handling = current()
        if handling is None:
            return None
        parcel = self._parcel(envelope)
        handling.post(parcel)
        self._promised.setdefault(handling, []).append(parcel.id)
        return parcel

    def _parcel(self, envelope: Envelope) -> Parcel:
        return self._mailbox.parcel(self._channel, envelope.encode(), envelope.place)

    def fulfil(self, parcel: Parcel, envelope: Envelope) -> None:
        """Have a stored reply delivered, by this worker or by whichever has its lane."""
        if self._mailbox.delivers(parcel) and parcel.id not in self._parcels:
            self._line_up(_Item(parcel, envelope))

    # -- among several workers -------------------------------------------------------------------

    async def claim(self, *, anew: bool) -> None:
        """Take up what this worker is to deliver; `anew` says that nobody knows what of it is its own already."""
        async with self._claiming:
            self._unsure |= anew
            if self._unsure:
                promised = itertools.chain.from_iterable(self._promised.values())
                await self._mailbox.disclaim_parcels(self._channel, {*self._parcels, *self._posting, *promised})
            self._unsure, more = False, True
            while more:
                self._unsure = True
                parcels = await self._mailbox.claim_parcels(self._channel)
                for parcel in parcels:
                    await self._take_up(parcel)
                self._unsure, more = False, len(parcels) == CLAIMED

    def busy(self) -> set[int]:
        """Give the lanes in which something is to be delivered."""
        return {parcel.lane for parcel in self._parcels.values()}

    def abandon(self) -> None:
        """Break off every delivery as it is."""
        for task in self._running:
            task.cancel()

    async def gone(self) -> None:
        """Wait until what was broken off has ended."""
        if self._running:
            await asyncio.wait(list(self._running))

    # -- inside ----------------------------------------------------------------------------------

    def _tell_unkept(self, parcel: Parcel, envelope: Envelope) -> None:
        handling = current()
        if handling is not None:
            handling.withdraw(parcel)
        if envelope.reply.error and not (handling and handling.told):
            self._line_up(_Item(parcel, envelope, kept=False))
            if handling is not None:
                handling.told = True

    def _line_up(self, item: _Item) -> None:
        envelope = item.envelope
        lane = self._lanes.get(envelope.lane)
        if lane is None:
            lane = self._lanes[envelope.lane] = deque()
            # In a context of its own: a delivery is no part of the handling that asked for it.
            task = asyncio.get_running_loop().create_task(self._serve(envelope.lane, lane), context=Context())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        lane.append(item)
        self._parcels[item.parcel.id] = item.parcel
        self._meter.parcels(self._platform, 1)

    async def drain(self, seconds: float) -> None:
        """Go on delivering for a while, then stop; what is left stays in the post."""
        await drained(self._running, seconds)

    async def _serve(self, name: str, lane: deque[_Item]) -> None:
        try:
            while lane:
                item = lane[0]
                delivered = not await self._is_ours(item) or await self._bring(item)
                lane.popleft()
                self._parcels.pop(item.parcel.id, None)
                self._meter.parcels(self._platform, -1)
                if not delivered and not item.envelope.reply.error:
                    self._meter.parcels(self._platform, 1)
                    lane.appendleft(_Item(item.parcel, Envelope(item.envelope.to, _GIVEN_UP), kept=False))
        finally:
            self._meter.parcels(self._platform, -len(lane))
            for item in lane:
                self._parcels.pop(item.parcel.id, None)
            del self._lanes[name]

    async def _is_ours(self, item: _Item) -> bool:
        """Tell whether no other worker delivers it by now; while nobody knows, nobody does."""
        pauses = Pauses()
        while item.kept:
            try:
                return await self._mailbox.still_delivers(item.parcel)
            except SessionError as error:
                log.warning("whether an answer is still to be delivered here is not known: %s", type(error).__name__)
            await asyncio.sleep(pauses.next())
        return True

    async def _bring(self, item: _Item) -> bool:
        """Deliver one parcel, however often that has to be tried; False if it was given up."""
        progress = _Progress(self._mailbox, item.parcel, item.kept)
        patience = _Patience(self._pauses(), self._delivered, asyncio.get_running_loop().time() + LONGEST_TRIED)
        delivered = True
        while delivered and not self._mailbox.is_discarded(item.parcel):
            try:
                await self._deliver(progress.parcel, item.envelope, progress.part_sent)
                self._delivered += 1
                break
            except Undeliverable:
                self._meter.refused(self._platform)
                log.warning("an answer can not be delivered: the chat does not take it")
                break
            except NotNow as refusal:
                wait = patience.refused(refusal.after)
            except Exception as error:  # noqa: BLE001 - whatever it is must not keep the rest of the chat waiting
                log.warning("an answer could not be delivered: %s", type(error).__name__)
                wait = patience.mistaken()
            if patience.is_over(self._delivered):
                self._meter.refused(self._platform)
                log.warning("an answer is given up: the platform does not take it, and takes others")
                delivered = False
            else:
                self._meter.retried(self._platform)
                await asyncio.sleep(wait)
        await progress.end()
        return delivered


class _Patience:
    """How long one parcel is tried. `others` counts what was delivered before, `until` is in the event loop's time."""

    def __init__(self, pauses: Pauses, others: int, until: float) -> None:
        self._pauses, self._others, self._until = pauses, others, until
        self._refusals = self._mistakes = 0

    def refused(self, after: float | None) -> float:
        """Count a refusal; give the seconds to wait."""
        if after is not None:
            return after
        self._refusals += 1
        return self._pauses.next()

    def mistaken(self) -> float:
        """Count an error nobody foresaw; give the seconds to wait."""
        self._mistakes += 1
        return self._pauses.next()

    def is_over(self, delivered: int) -> bool:
        """Tell whether to give it up. While nothing else gets through either, it is the platform that is away."""
        alone = self._refusals >= MOST_REFUSALS and delivered > self._others
        return alone or self._mistakes >= MOST_MISTAKES or asyncio.get_running_loop().time() > self._until


class _Progress:
    """A parcel on its way: how many of its parts are out."""

    def __init__(self, mailbox: Mailbox, parcel: Parcel, kept: bool) -> None:
        self._mailbox, self.parcel, self._kept = mailbox, parcel, kept

    async def part_sent(self, parts: int) -> None:
        """Note that so many parts are out."""
        if self._kept:
            self.parcel = await self._mailbox.sent(self.parcel, parts=parts)
        else:
            self.parcel = self.parcel._replace(sent=parts)

    async def end(self) -> None:
        """Note that nothing of it is left to do."""
        if not self._kept:
            return
        pauses = Pauses()
        while True:
            try:
                await self._mailbox.sent(self.parcel)
            except Fenced:
                return  # whoever goes on with it sends it again: it can not know better
            except SessionError as error:
                log.warning("that an answer is out could not be noted, trying again: %s", type(error).__name__)
            else:
                return
            await asyncio.sleep(pauses.next())
