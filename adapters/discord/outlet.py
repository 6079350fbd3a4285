"""DiscordOutlet: where the answers to one message, command or button go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from adapters.courier import Courier
from adapters.discord.preview import MISSED, Preview
from adapters.discord.target import Target
from adapters.discord.wire import Wire
from adapters.envelope import Envelope
from adapters.reply import Reply
from sessions.handling import current
from sessions.parcel import Parcel

_UNTIL_TYPING, _TYPING_LASTS = 0.3, 8.0  # seconds


class DiscordOutlet:
    """Posts answers, and shows one that is being made.

    `nonce` makes what tells a preview from its own repetition. `is_kept` tells whether a parcel is in the post.
    With `again` the message was worked on before, when the program ended.
    """

    def __init__(
        self,
        target: Target,
        *,
        courier: Courier,
        wire: Wire,
        nonce: Callable[[int], str],
        is_kept: Callable[[Parcel], Awaitable[bool]],
        clock: Callable[[], float],
        again: bool,
    ) -> None:
        self._target, self._courier, self._wire, self._clock, self._again = target, courier, wire, clock, again
        self._nonce, self._is_kept = nonce, is_kept
        self._preview: Preview | None = None
        self._previews = 0
        self._promised: Parcel | None = None
        self._typing: asyncio.Task[None] | None = None
        if target.ticket is None and target.channel:
            self._typing = asyncio.get_running_loop().create_task(self._type())

    async def send(self, reply: Reply) -> None:
        """Post a complete reply."""
        await self._still()
        await self._courier.post(Envelope(self._claim().encode(), reply))

    async def feed(self, delta: str) -> None:
        """Show the next piece."""
        if self._preview is None:
            self._previews += 1
            nonce = self._nonce(self._previews)
            self._preview = Preview(self._wire, self._claim(), nonce, self._clock, again=self._again)
        self._preview.grow(delta)

    def promise(self, reply: Reply) -> None:
        """Have what is stored next keep the whole reply."""
        target = self._preview.target if self._preview else self._target
        self._promised = self._courier.promise(Envelope(target.encode(), reply))

    async def finish(self, reply: Reply) -> None:
        """Have the whole reply take the place of what is shown, or take that away."""
        await self._still()
        preview, parcel = self._preview, self._promised
        self._preview = self._promised = None
        target = self._claim() if preview is None else await preview.end()
        if not reply.text:
            await self._drop(preview, parcel, target)
            return
        envelope = Envelope(target.encode(), reply)
        if parcel is None:
            await self._courier.post(envelope)
        else:
            self._courier.fulfil(parcel, envelope)

    async def close(self) -> None:
        """Take away the sign that an answer will come, if none did."""
        await self._still()
        preview, self._preview = self._preview, None
        if preview is not None:
            await preview.end()
            await preview.remove()
        elif self._target.ticket is not None and not self._target.answered:
            with suppress(*MISSED):
                await self._wire.withdraw(self._target.ticket)

    def abandon(self) -> None:
        """Leave everything as it is seen now."""
        for showing in (self._typing, self._preview):
            if showing is not None:
                showing.cancel()

    async def _drop(self, preview: Preview | None, parcel: Parcel | None, target: Target) -> None:
        if preview is not None:
            await preview.remove()
        if parcel is None:
            return
        if await self._is_kept(parcel):
            self._courier.fulfil(parcel, Envelope(target.encode(), Reply(text="")))
        elif (handling := current()) is not None:
            handling.withdraw(parcel)

    def _claim(self) -> Target:
        """Give where the next answer goes; only one can be the first to a command."""
        target = self._target
        if target.ticket is not None:
            self._target = replace(target, answered=True)
        return target

    async def _type(self) -> None:
        """Show that something is being written, if it takes its time."""
        await asyncio.sleep(_UNTIL_TYPING)
        with suppress(*MISSED):
            while self._preview is None or self._preview.message is None:
                await self._wire.typing(self._target.channel)
                await asyncio.sleep(_TYPING_LASTS)

    async def _still(self) -> None:
        typing, self._typing = self._typing, None
        if typing is not None:
            typing.cancel()
            await asyncio.wait({typing})
