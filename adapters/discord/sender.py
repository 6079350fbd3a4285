"""Sender: delivers what is in the post to where it is to go, or to where it can still go."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b

from adapters.buttons import ButtonSigner
from adapters.courier import NotNow, PartSent, Undeliverable
from adapters.discord.parts import Part, parts_of
from adapters.discord.refusals import NoMessage, NotInPrivate, TicketEnded, TooLarge
from adapters.discord.target import Target
from adapters.discord.ticket import Ticket
from adapters.discord.wire import Buttons, Wire
from adapters.envelope import Envelope
from sessions.parcel import Parcel

BUTTON_LIFETIME = 24 * 60 * 60.0  # seconds
MAX_CARRIED = 100  # bytes of what a button carries
NONCE_LETTERS = 25
_SOON = 1.0  # seconds
SENT_IN_PRIVATE = "I sent you the answer in private."
NOT_IN_PRIVATE = (
    "The answer is for you alone, and you take no direct messages from me. "
    "Allow direct messages from members of this server, then ask again."
)
log = logging.getLogger(__name__)
_Put = Callable[[int, Part], Awaitable[None]]


@dataclass(slots=True)
class _Work:
    """One answer on its way; `sent` of its parts are out."""

    parcel: Parcel
    target: Target
    private: bool
    aside: str
    parts: list[Part]
    part_sent: PartSent
    sent: int

    async def through(self, put: _Put, *, more: int = 0) -> None:
        """Put out what is not out yet; `more` that is to follow keeps the last part from being the end."""
        for index in range(self.sent, len(self.parts)):
            await self._put(put, index, self.parts[index])
            self.sent = index + 1
            if self.sent < len(self.parts) + more:
                await self.part_sent(self.sent)

    async def _put(self, put: _Put, index: int, part: Part) -> None:
        """Put out one part, without its files if these are what is refused."""
        try:
            await put(index, part)
        except (TooLarge, Undeliverable):
            if not part.documents:
                raise
            await put(index, part.without_documents())


class Sender:
    """Delivers for one bot account. `key` makes what tells a message from its own repetition."""

    def __init__(self, wire: Wire, signer: ButtonSigner, key: bytes, clock: Callable[[], float]) -> None:
        self._wire, self._signer, self._key, self._clock = wire, signer, key, clock

    async def deliver(self, parcel: Parcel, envelope: Envelope, part_sent: PartSent) -> None:
        """Deliver one answer, from the first part on that is not out yet."""
        try:
            target = Target.decode(envelope.to)
        except (ValueError, KeyError, TypeError):
            raise Undeliverable from None
        parts = parts_of(envelope.reply, target.file_limit or self._wire.file_limit(target.guild))
        if not parts:
            return
        work = _Work(parcel, target, envelope.reply.private, envelope.reply.aside, parts, part_sent, parcel.sent)
        try:
            await self._deliver(work)
        except (TicketEnded, NoMessage, NotInPrivate, TooLarge):
            raise Undeliverable from None

    async def _deliver(self, work: _Work) -> None:
        ticket = work.target.ticket
        if ticket is not None and ticket.valid(self._clock()):
            try:
                await self._answer(work, ticket)
                return
            except (TicketEnded, NoMessage):
                log.debug("an answer goes on as a message")
        await self._send(work)

    # -- as the answer to a command or a button --------------------------------------------------

    async def _answer(self, work: _Work, ticket: Ticket) -> None:
        target = work.target
        apart = work.private and not target.ephemeral and not target.direct
        if apart and not work.sent:
            await self._settle(ticket, target)

        async def put(index: int, part: Part) -> None:
            buttons = self._buttons(part, target.channel, target.person)
            if index or apart or not await self._replaces(ticket, target, part, buttons):
                alone = target.ephemeral or apart
                await self._wire.follow(ticket, part, ephemeral=alone, buttons=buttons)

        await work.through(put)

    async def _settle(self, ticket: Ticket, target: Target) -> None:
        """See to it that all wait for nothing more.

        While they do, Discord takes whatever comes next for the answer that all see, also what is for one alone.
        """
        with suppress(NoMessage):
            if not target.answered:
                await self._wire.withdraw(ticket)
            elif await self._wire.is_awaited(ticket):
                raise NotNow(_SOON)

    async def _replaces(self, ticket: Ticket, target: Target, part: Part, buttons: Buttons) -> bool:
        """Put a part in the place of what is shown already; tell whether there is such a place."""
        if not target.answered:
            await self._wire.answer(ticket, part, buttons=buttons)
            return True
        if target.preview is None:
            return False
        try:
            await self._wire.change(ticket, target.preview, part, buttons=buttons)
        except NoMessage:
            return False
        return True

    # -- as messages -----------------------------------------------------------------------------

    async def _send(self, work: _Work) -> None:
        target = work.target
        if target.ticket is not None:  # a preview that answered it can not be changed any more
            work.target = target = replace(target, preview=None)
        if target.direct or not (work.private or target.ephemeral or target.foreign):
            await self._post(work, target.channel)
            return
        try:
            await self._post(work, await self._wire.direct(target.person), elsewhere=True)
        except NotInPrivate:
            if target.foreign:
                raise
            await self._note(work, work.aside or NOT_IN_PRIVATE)
        else:
            # Else nobody there saw that something was asked.
            if target.ticket is None and not target.foreign and not work.aside:
                await self._note(work, SENT_IN_PRIVATE)

    async def _post(self, work: _Work, channel: int, *, elsewhere: bool = False) -> None:
        preview, reply_to = (None, None) if elsewhere else (work.target.preview, work.target.reply_to)

        async def put(index: int, part: Part) -> None:
            buttons = self._buttons(part, channel, work.target.person, elsewhere=elsewhere)
            if index == 0 and preview is not None:
                try:
                    await self._wire.edit(channel, preview, part, buttons=buttons)
                    return
                except NoMessage:
                    log.debug("a message that was shown is gone")
            nonce = self.nonce(work.parcel.id, str(index))
            pointing = None if index else reply_to
            await self._wire.send(channel, part, nonce=nonce, reply_to=pointing, buttons=buttons)

        await work.through(put, more=elsewhere)

    async def _note(self, work: _Work, text: str) -> None:
        """Say where everybody can read it that the answer is elsewhere."""
        nonce = self.nonce(work.parcel.id, "note")
        try:
            await self._wire.send(work.target.channel, Part(text=text), nonce=nonce, reply_to=work.target.reply_to)
        except Undeliverable:
            log.info("a channel does not take the note that an answer went out in private")

    # -- inside ----------------------------------------------------------------------------------

    def nonce(self, parcel: int, part: str) -> str:
        """Make what is the same whenever the same part is sent."""
        mac = blake2b(f"{parcel}/{part}".encode(), key=self._key, digest_size=16)
        return mac.hexdigest()[:NONCE_LETTERS]

    def _buttons(self, part: Part, channel: int, person: int, *, elsewhere: bool = False) -> Buttons:
        # Pressed in another channel than where they were asked for, most buttons would act on that one.
        choices = [choice for choice in part.choices if choice.anywhere or not elsewhere]
        carried = [(choice.label, self._carried(choice.text, channel, person)) for choice in choices]
        return [(label, said) for label, said in carried if said is not None]

    def _carried(self, text: str, channel: int, person: int) -> str | None:
        return self._signer.sign(
            text,
            person=str(person),
            chat=str(channel),
            now=self._clock(),
            lifetime=BUTTON_LIFETIME,
            max_bytes=MAX_CARRIED,
        )
