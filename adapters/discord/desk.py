"""Desk: takes in and gives out for one bot account."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

import discord

from adapters.buttons import ButtonSigner
from adapters.channel import Handler
from adapters.courier import Courier
from adapters.discord.arrival import Arrival
from adapters.discord.catch_up import CatchUp
from adapters.discord.outlet import DiscordOutlet
from adapters.discord.parsing import edit_arrival, is_meant, message_arrival
from adapters.discord.place import PLATFORM
from adapters.discord.sender import Sender
from adapters.discord.wire import Wire
from adapters.intake import Intake
from adapters.meter import NOT_COUNTED, ChannelMeter
from sessions.errors import SessionError
from sessions.handling import Handling
from sessions.letter import Letter
from sessions.manager import SessionManager
from sessions.parcel import Parcel

_TEXTS = 5_000  # messages of which an edit can be told from a change of looks
_AT_ONCE, _AGAIN, _LAST_STORING = 100, 1.0, 5.0  # messages stored together; seconds
log = logging.getLogger(__name__)


def mailbox_name(account: str) -> str:
    """Give the name that the letters and parcels of an account go by."""
    return f"{PLATFORM}:{account}"


class _Heard(NamedTuple):
    """A message that was read, and what came in with it, if it was for the bot."""

    message: discord.Message
    arrival: Arrival | None


class Desk:
    """Stores what comes in in its order, has it handled, and delivers the answers."""

    def __init__(
        self,
        account: str,
        *,
        sessions: SessionManager,
        handler: Handler,
        wire: Wire,
        always: Collection[int],
        clock: Callable[[], float],
        meter: ChannelMeter = NOT_COUNTED,
    ) -> None:
        self.account, self._me = account, int(account)
        self._sessions, self._handler, self._wire, self._clock = sessions, handler, wire, clock
        self._always = always
        self.signer = ButtonSigner(sessions.key_for("buttons"))
        self._sender = Sender(wire, self.signer, sessions.key_for("discord/nonce"), clock)
        self._name = mailbox_name(account)
        self.courier = Courier(sessions.mailbox, self._name, self._sender.deliver, meter=meter)
        self.intake = Intake(sessions.mailbox, self._name, self._handle, meter=meter)
        self.catch_up = CatchUp(sessions, account, self._found, clock)
        self._queue: asyncio.Queue[_Heard | None] = asyncio.Queue()
        self._texts: OrderedDict[int, int] = OrderedDict()
        self._storing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what was left over, then store what comes in."""
        await self.courier.resume()
        await self.intake.resume()
        await self.catch_up.start()
        self._storing = asyncio.get_running_loop().create_task(self._store())

    async def stop(self) -> None:
        """Store what has come in, and take nothing more."""
        storing, self._storing = self._storing, None
        if storing is not None:
            self._queue.put_nowait(None)
            await asyncio.wait({storing}, timeout=_LAST_STORING)
            storing.cancel()
            await asyncio.wait({storing})
            await self.catch_up.stop()

    async def drain(self, seconds: float) -> None:
        """Go on handling and delivering for a while."""
        until = asyncio.get_running_loop().time() + seconds
        await self.intake.drain(seconds)
        await self.courier.drain(max(0.0, until - asyncio.get_running_loop().time()))

    # -- messages --------------------------------------------------------------------------------

    def heard(self, message: discord.Message) -> None:
        """Line a message up to be stored, if it is for the bot."""
        arrival = message_arrival(message, self._me) if is_meant(message, self._me, self._always) else None
        if arrival is not None:
            self._remember(message.id, arrival.text)
        if arrival is not None or self.catch_up.knows(message.channel.id):
            self._queue.put_nowait(_Heard(message, arrival))

    def changed(self, message: discord.Message) -> None:
        """Line up that a person changed the words of a message."""
        known = self._texts.get(message.id)
        if known is None and not is_meant(message, self._me, self._always):
            return
        arrival = edit_arrival(message, self._me)
        if arrival is not None and hash(arrival.text) != known:
            self._remember(message.id, arrival.text)
            self._queue.put_nowait(_Heard(message, arrival))

    async def _found(self, message: discord.Message) -> None:
        self.heard(message)

    def _remember(self, message: int, text: str) -> None:
        """Keep the salted hash of a text, to see whether it changes."""
        self._texts[message] = hash(text)
        self._texts.move_to_end(message)
        if len(self._texts) > _TEXTS:
            self._texts.popitem(last=False)

    async def _store(self) -> None:
        """Store what comes in, in its order, as much at a time as there is."""
        going = True
        while going:
            batch = [await self._queue.get()]
            while not self._queue.empty() and len(batch) < _AT_ONCE:
                batch.append(self._queue.get_nowait())
            going = None not in batch
            await self._take([item for item in batch if item is not None])

    async def _take(self, batch: list[_Heard]) -> None:
        arrivals = [item.arrival for item in batch if item.arrival is not None]
        while arrivals:
            try:
                await self.intake.take([arrival.update() for arrival in arrivals])
                break
            except SessionError as error:
                log.warning("what came in can not be stored: %s", type(error).__name__)
                await asyncio.sleep(_AGAIN)
        for message, arrival in batch:
            if arrival is None:
                self.catch_up.read(message)
            else:
                self.catch_up.handled(arrival.place.channel, arrival.place.guild, message.id)

    # -- handling --------------------------------------------------------------------------------

    async def _handle(self, letter: Letter, handling: Handling) -> None:
        try:
            arrival = Arrival.decode(letter.content)
        except (ValueError, KeyError, TypeError):
            log.warning("something that came in can not be read, and is dropped")
            return
        outlet = DiscordOutlet(
            arrival.target(),
            courier=self.courier,
            wire=self._wire,
            nonce=partial(self._preview_nonce, letter.id),
            is_kept=self._is_kept,
            clock=self._clock,
            again=letter.again,
        )
        try:
            await self._handler(arrival.inbound(self.account), outlet)
        except BaseException:  # it is taken up again at the next start, and what is shown with it
            outlet.abandon()
            raise
        await outlet.close()

    def _preview_nonce(self, letter: int, number: int) -> str:
        return self._sender.nonce(letter, f"preview {number}")

    async def _is_kept(self, parcel: Parcel) -> bool:
        return any(parcel.id == kept.id for kept in await self._sessions.mailbox.unsent(self._name))
