"""Private: how an answer that shows content reaches one member of a group alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from telegram import InlineKeyboardMarkup, InputFile, Message
from telegram.error import BadRequest, Forbidden, InvalidToken, TelegramError

from adapters.courier import PartSent, Undeliverable
from adapters.telegram.messenger import NO_PREVIEW, Messenger, entities
from adapters.telegram.parts import Part, last_text
from adapters.telegram.piece import Piece
from adapters.telegram.place import Place
from adapters.telegram.target import Target

SENT = "I sent you the answer in private."
CLOSED = "I can not write to you in private yet: open a chat with me, press Start, and ask again."
ANONYMOUS = "You write as the group, so I can not answer you in private: ask me in a chat with me."
_TRIAL = "Only you see this answer."
log = logging.getLogger(__name__)

KeyboardIn = Callable[[int], InlineKeyboardMarkup | None]
"""Gives the buttons of an answer that count in a chat."""


class Private:
    """Shows an answer to its receiver alone, or says in the group why not."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger, self._bot = messenger, messenger.bot
        self._whispers: bool | None = None  # whether the server knows messages that one person sees

    async def deliver(
        self,
        place: Place,
        parts: Sequence[Part],
        sent: int,
        part_sent: PartSent,
        keyboard: KeyboardIn,
        *,
        aside: str,
    ) -> None:
        """Bring the parts that are not out yet to the person; with `aside` nobody has asked for them."""
        if not place.person.isdecimal():
            await self._say(place, aside or ANONYMOUS)
            return
        if place.callback is not None and sent == 0:
            sent = await self._whisper_all(place, parts, part_sent, keyboard(place.chat))
            if sent == len(parts):
                return
        person = int(place.person)
        try:
            for number, part in enumerate(parts[sent:], sent):
                markup = keyboard(person) if number == last_text(parts) else None
                await self._send(Target(person), part, markup)
                await part_sent(number + 1)
        except Undeliverable:
            await self._say(place, aside or CLOSED)
        else:
            if not aside:
                await self._say(place, SENT)

    async def _say(self, place: Place, words: str) -> None:
        await self._messenger.send(Target.of(place), Piece(words))

    async def _send(self, target: Target, part: Part, keyboard: InlineKeyboardMarkup | None) -> None:
        if isinstance(part, Piece):
            await self._messenger.send(target, part, keyboard)
        else:
            await self._messenger.send_file(target, part, keyboard)

    # -- messages in the group that one person sees -----------------------------------------------

    async def _whisper_all(
        self, place: Place, parts: Sequence[Part], part_sent: PartSent, keyboard: InlineKeyboardMarkup | None
    ) -> int:
        """Send as many parts as Telegram takes for one person's eyes; give their number."""
        if self._whispers is None:
            self._whispers = await self._try_out(place)
        number = 0
        while self._whispers and number < len(parts):
            markup = keyboard if number == last_text(parts) else None
            if not await self._whisper(place, parts[number], markup):
                break
            number += 1
            if number < len(parts):
                await part_sent(number)
        return number

    async def _try_out(self, place: Place) -> bool | None:
        """Find out with harmless words whether the server knows such messages: one that does not shows them to all."""
        if not await self._whisper(place, Piece(_TRIAL), None):
            return self._whispers
        return True

    async def _whisper(self, place: Place, part: Part, keyboard: InlineKeyboardMarkup | None) -> bool:
        """Send one message for one person's eyes; False if Telegram does not take it."""
        chat = self._messenger.chat(place.chat)
        await self._messenger.limiter.room(chat)
        try:
            message = await self._send_whisper(chat, place, part, keyboard)
        except (BadRequest, Forbidden, InvalidToken):
            return False
        except TelegramError as error:
            raise self._messenger.failed(error, chat) from None
        number = message.api_kwargs.get("ephemeral_message_id")
        if number is None:
            self._whispers = False
            await self._take_back(chat, message)
        elif isinstance(part, Piece) and part.text == _TRIAL:
            await self._forget_trial(chat, int(place.person), number)
        return number is not None

    async def _send_whisper(
        self, chat: int, place: Place, part: Part, keyboard: InlineKeyboardMarkup | None
    ) -> Message:
        to = {"receiver_user_id": int(place.person), "callback_query_id": place.callback}
        # The name for this changed; a server leaves alone what it does not know.
        both = {**to, "ephemeral_message_parameters": to}
        if isinstance(part, Piece):
            return await self._bot.send_message(
                chat,
                part.text,
                entities=entities(part),
                link_preview_options=NO_PREVIEW,
                reply_markup=keyboard,
                message_thread_id=place.thread,
                api_kwargs=both,
            )
        file = InputFile(part.content, filename=part.name)
        return await self._bot.send_document(
            chat, file, reply_markup=keyboard, message_thread_id=place.thread, api_kwargs=both
        )

    async def _take_back(self, chat: int, message: Message) -> None:
        with suppress(TelegramError):
            await self._bot.delete_message(chat, message.message_id)
        log.warning("this Bot API server does not know ephemeral messages: private answers go to private chats")

    async def _forget_trial(self, chat: int, person: int, number: object) -> None:
        with suppress(TelegramError):
            await self._bot.do_api_request(
                "deleteEphemeralMessage",
                api_kwargs={"chat_id": chat, "receiver_user_id": person, "ephemeral_message_id": number},
            )
