"""Preview: a message that shows an answer while it is being made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from adapters.courier import NotNow, Undeliverable
from adapters.discord.parts import Part
from adapters.discord.refusals import NoMessage, NotInPrivate, TicketEnded, TooLarge
from adapters.discord.rendering import render
from adapters.discord.target import Target
from adapters.discord.wire import Wire

FIRST_LOOK, BETWEEN = 0.4, 1.2  # seconds until it is first shown, and between changes
_SHOWN = 2_500  # characters that may be needed to fill one message
_PATIENCE = 10.0  # seconds for a request that is under way when the answer is complete
MISSED = (NotNow, Undeliverable, NoMessage, NotInPrivate, TicketEnded, TooLarge)
log = logging.getLogger(__name__)


class Preview:
    """Shows the text so far, at most every 1.2 seconds. Whatever goes wrong with that costs nothing but the sight.

    With `again` something may be shown already, from before the program ended: the same nonce finds it.
    """

    def __init__(
        self, wire: Wire, target: Target, nonce: str, clock: Callable[[], float], *, again: bool = False
    ) -> None:
        self._wire, self._target, self._nonce, self._clock, self._again = wire, target, nonce, clock, again
        self._text, self._shown = "", ""
        self._ended = asyncio.Event()
        self.message: int | None = None
        self._task = asyncio.get_running_loop().create_task(self._show())

    def grow(self, delta: str) -> None:
        """Take the next piece of the text."""
        self._text += delta

    async def end(self) -> Target:
        """Show nothing more; give where the answer goes, which is the message that was shown."""
        self._ended.set()
        await asyncio.wait({self._task}, timeout=_PATIENCE)
        self._task.cancel()
        await asyncio.wait({self._task})
        return self.target

    def cancel(self) -> None:
        """Show nothing more, whatever is under way."""
        self._task.cancel()

    @property
    def target(self) -> Target:
        """Where the answer goes by what is known now."""
        return self._target.showing(self.message)

    async def remove(self) -> None:
        """Take away what was shown."""
        target, ticket = self._target, self._target.ticket
        try:
            if ticket is None and self.message is not None:
                await self._wire.delete(target.channel, self.message)
            elif ticket is not None and (self.message is not None or not target.answered):
                await self._wire.withdraw(ticket, self.message)
        except MISSED:
            log.info("what was shown of a dropped answer could not be taken away")

    async def _show(self) -> None:
        wait = FIRST_LOOK
        try:
            if self._again:
                await self._once()
            while not await self._over(wait):
                await self._once()
                wait = BETWEEN
        except MISSED:
            log.info("an answer is shown at its end only")

    async def _over(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._ended.wait()
        except TimeoutError:
            return False

    async def _once(self) -> None:
        pieces = render(self._text[:_SHOWN])
        if not pieces or pieces[0] == self._shown:
            return
        self._shown = pieces[0]
        await self._put(Part(text=self._shown))

    async def _put(self, part: Part) -> None:
        target, ticket = self._target, self._target.ticket
        if ticket is None or not ticket.valid(self._clock()):
            await self._put_message(part)
        elif not target.answered:
            await self._wire.answer(ticket, part)
        elif self.message is None:
            self.message = await self._wire.follow(ticket, part, ephemeral=target.ephemeral)
        else:
            await self._wire.change(ticket, self.message, part)

    async def _put_message(self, part: Part) -> None:
        target = self._target
        if target.ticket is not None:
            return  # whether this may be seen by all is the sender's to find out
        if self.message is None:
            self.message = await self._wire.send(target.channel, part, nonce=self._nonce, reply_to=target.reply_to)
        else:
            await self._wire.edit(target.channel, self.message, part)
