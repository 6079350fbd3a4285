"""TelegramOutlet: where the answers to one message go."""

from __future__ import annotations

from dataclasses import replace

from adapters.courier import Courier
from adapters.envelope import Envelope
from adapters.reply import Reply
from adapters.telegram.messenger import Messenger
from adapters.telegram.place import Place
from adapters.telegram.preview import Preview
from adapters.telegram.sender import Sender
from sessions.parcel import Parcel

PATIENCE = 0.5  # seconds after which a person is shown that an answer is being made


class TelegramOutlet:
    """Posts answers, and shows those that take a while as they grow."""

    def __init__(self, place: Place, courier: Courier, sender: Sender, messenger: Messenger) -> None:
        self._place, self._courier, self._sender, self._messenger = place, courier, sender, messenger
        self._preview: Preview | None = None
        self._fed = False
        self._promised: Parcel | None = None

    def begin(self) -> None:
        """Show before long that an answer is being made."""
        self._preview = self._begun()

    async def send(self, reply: Reply) -> None:
        """Post a complete reply."""
        if not self._fed:
            await self._end()
        await self._courier.post(Envelope(self._place.destination(), reply))

    async def feed(self, delta: str) -> None:
        """Show the next words of a reply."""
        if self._preview is None:
            self._preview = self._begun()
        self._fed = True
        self._preview.feed(delta)

    def promise(self, reply: Reply) -> None:
        """Have what is stored next keep the reply."""
        preview = None if self._preview is None else self._preview.message
        self._promised = self._courier.promise(self._envelope(preview, reply))

    async def finish(self, reply: Reply) -> None:
        """Turn what is shown into the reply; without one take it back."""
        preview, parcel = await self._end(), self._promised
        self._promised = None
        if not reply.text:
            if preview is not None:
                await self._sender.take_back(self._place, preview)
        elif parcel is None:
            await self._courier.post(self._envelope(preview, reply))
        else:
            self._courier.fulfil(parcel, self._envelope(preview, reply))

    async def close(self) -> None:
        """Show nothing more."""
        await self._end()

    def _envelope(self, preview: int | None, reply: Reply) -> Envelope:
        return Envelope(replace(self._place, preview=preview).destination(), reply)

    def _begun(self) -> Preview:
        preview = Preview(self._place, self._messenger)
        preview.begin(PATIENCE)
        return preview

    async def _end(self) -> int | None:
        preview, self._preview, self._fed = self._preview, None, False
        if preview is None:
            return None
        await preview.end()
        return preview.message
