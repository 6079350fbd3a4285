"""Sender: delivers what the courier brings."""

from __future__ import annotations

from contextlib import suppress

from telegram import InlineKeyboardMarkup
from telegram.error import TelegramError

from adapters.courier import PartSent
from adapters.envelope import Envelope
from adapters.telegram.keyboard import Keyboard
from adapters.telegram.messenger import Messenger
from adapters.telegram.parts import Part, last_text, parts
from adapters.telegram.piece import Piece
from adapters.telegram.place import Place
from adapters.telegram.private import Private
from adapters.telegram.target import Target
from sessions.parcel import Parcel


class Sender:
    """Makes messages of a reply and sends those that are not out yet."""

    def __init__(self, messenger: Messenger, keyboard: Keyboard) -> None:
        self._messenger, self._keyboard = messenger, keyboard
        self._private = Private(messenger)

    async def deliver(self, parcel: Parcel, envelope: Envelope, part_sent: PartSent) -> None:
        """Deliver one reply from the part on that is next."""
        place, reply = Place.read(envelope.to), envelope.reply
        all_parts = parts(reply)

        def keyboard(chat: int) -> InlineKeyboardMarkup | None:
            # Pressed in another chat than where they were asked for, most buttons would act on that one.
            choices = [choice for choice in reply.choices if choice.anywhere or chat == place.chat]
            return self._keyboard.of(choices, person=place.person, chat=self._messenger.chat(chat))

        if reply.private and not place.private:
            await self._private.deliver(place, all_parts, parcel.sent, part_sent, keyboard, aside=reply.aside)
            return
        for number in range(parcel.sent, len(all_parts)):
            markup = keyboard(place.chat) if reply.choices and number == last_text(all_parts) else None
            await self._send(place, all_parts[number], markup, first=number == 0)
            if number + 1 < len(all_parts):
                await part_sent(number + 1)

    async def _send(self, place: Place, part: Part, keyboard: InlineKeyboardMarkup | None, *, first: bool) -> None:
        if first and place.preview is not None:
            if isinstance(part, Piece) and await self._messenger.edit(place.chat, place.preview, part, keyboard):
                return
            await self.take_back(place, place.preview)
        target = Target.of(place) if first else Target(place.chat, place.thread)
        if isinstance(part, Piece):
            await self._messenger.send(target, part, keyboard)
        else:
            await self._messenger.send_file(target, part, keyboard)

    async def take_back(self, place: Place, message: int) -> None:
        """Remove what was shown of a reply, if that can be."""
        with suppress(TelegramError):
            await self._messenger.bot.delete_message(self._messenger.chat(place.chat), message)
