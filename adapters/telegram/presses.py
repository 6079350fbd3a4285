"""Presses: which buttons count, and what the person who presses is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from functools import partial

from telegram import Bot
from telegram.error import TelegramError

from adapters.buttons import ButtonRefused, ButtonSigner
from adapters.buttons import Pressed as Opened
from adapters.spent import Spent
from adapters.tasks import drained
from adapters.telegram.keyboard import remaining
from adapters.telegram.parsing import Press

USED = "This button was used already."
REFUSED = "This button is not yours or no longer valid."
REMEMBERED = 1_000  # presses that were answered


class Presses:
    """Opens what buttons carry, and answers every press."""

    def __init__(self, bot: Bot, signer: ButtonSigner, clock: Callable[[], float]) -> None:
        self._bot, self._signer, self._clock = bot, signer, clock
        self._answered: dict[str, None] = {}
        self._spent = Spent()
        self._running: set[asyncio.Task[None]] = set()

    def open(self, press: Press, *, taken: bool = False) -> Opened | None:
        """Give what a press stands for, None if it does not count. One that was `taken` before does not expire."""
        if press.address is None:
            return None
        person, chat = press.address.user_id, press.address.chat_id
        try:
            return self._signer.open(press.payload, person=person, chat=chat, now=0.0 if taken else self._clock())
        except ButtonRefused:
            return None

    def refuse(self, press: Press, words: str) -> None:
        """Tell the person why nothing happens."""
        self._start(press, self._answer(press.query, words))

    def accept(self, press: Press) -> None:
        """End the person's wait, and take away the buttons that are used up: they count once."""
        self._start(press, self._accept(press))

    async def drain(self, seconds: float) -> None:
        """Go on answering for a while, then stop."""
        await drained(self._running, seconds)

    def _start(self, press: Press, work: Coroutine[object, object, None]) -> None:
        if press.query in self._answered:
            work.close()
            return
        self._answered[press.query] = None
        if len(self._answered) > REMEMBERED:
            del self._answered[next(iter(self._answered))]
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _accept(self, press: Press) -> None:
        place = press.place
        if place is None:
            return
        message = (place.chat, place.person, press.message, press.ephemeral)
        self._spent.press(message, press.payload)
        await self._answer(press.query, None)
        left = remaining(press.rows, partial(self._spent.has, message))
        with suppress(TelegramError):
            if press.ephemeral is not None:
                await self._bot.do_api_request(
                    "editEphemeralMessageReplyMarkup",
                    api_kwargs={
                        "chat_id": place.chat,
                        "receiver_user_id": int(place.person),
                        "ephemeral_message_id": press.ephemeral,
                        **({"reply_markup": left} if left else {}),
                    },
                )
            elif press.message is not None:
                await self._bot.edit_message_reply_markup(place.chat, press.message, reply_markup=left)

    async def _answer(self, query: str, words: str | None) -> None:
        with suppress(TelegramError):
            await self._bot.answer_callback_query(query, words)
