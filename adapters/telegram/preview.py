"""Preview: what a person sees of an answer that is still being made."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from contextvars import Context

from telegram.constants import ChatAction
from telegram.error import BadRequest, TelegramError

from adapters.pieces import clean, fitting, units, visible
from adapters.telegram.messenger import NO_PREVIEW, Messenger
from adapters.telegram.place import Place
from adapters.telegram.refusals import is_unchanged
from adapters.telegram.rendering import MAX_UNITS
from adapters.telegram.target import Target
from adapters.telegram.wire import Flooded

TYPING_EVERY = 4.0  # seconds; Telegram shows it for five
DRAFT_EVERY, DRAFT_AGAIN = 0.7, 20.0  # a draft that does not change vanishes after 30 seconds
EDIT_EVERY = 3.0
FIRST_EDIT = 1.0  # an answer that is complete by then needs no preview
_GRACE = 5.0  # for what nobody waits for


class Preview:
    """Shows that something is being made, then what there is of it: as a draft in a private chat, else as a message.

    Nothing depends on it: what does not succeed is not shown.
    """

    def __init__(self, place: Place, messenger: Messenger) -> None:
        self._place, self._messenger, self._bot = place, messenger, messenger.bot
        self.message: int | None = None
        self._draft = secrets.randbits(31) or 1
        self._text = self._shown = ""
        self._typed = self._updated = self._drafted = float("-inf")
        self._muted = self._ended = False
        self._wake = asyncio.Event()
        self._start: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, after: float) -> None:
        """Show that something is being made, and what there is of it, once some seconds have passed."""
        # In a context of its own: it is no part of the handling that it shows.
        self._start = asyncio.get_running_loop().call_later(after, self._begin, context=Context())

    def feed(self, delta: str) -> None:
        """Take the next words."""
        if not self._text:
            if not self._place.private:
                self._updated = time.monotonic() - EDIT_EVERY + FIRST_EDIT
            self._wake.set()
        elif self._text == self._shown:
            self._wake.set()
        self._text += delta

    async def end(self) -> None:
        """Show nothing more; what is under way arrives first."""
        self._ended = True
        self._wake.set()
        if self._start is not None:
            self._start.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    # -- the course of it --------------------------------------------------------------------------

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while not self._ended:
            await self._show()
            if not self._ended:
                await self._pause(max(0.05, self._next() - time.monotonic()))

    async def _show(self) -> None:
        now = time.monotonic()
        if self._next_typing() <= now:
            self._typed = now
            await self._type()
        elif self._next_update() <= now:
            self._updated = now
            await self._update()

    def _next(self) -> float:
        return min(self._next_typing(), self._next_update(), time.monotonic() + 60)

    def _next_typing(self) -> float:
        return float("inf") if self._shown else self._typed + TYPING_EVERY

    def _next_update(self) -> float:
        if self._muted or not self._text:
            return float("inf")
        if self._text == self._shown:
            return self._drafted + DRAFT_AGAIN if self._place.private else float("inf")
        return self._updated + (DRAFT_EVERY if self._place.private else EDIT_EVERY)

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        if not self._ended:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    # -- what is shown -----------------------------------------------------------------------------

    async def _type(self) -> None:
        chat = self._messenger.chat(self._place.chat)
        if self._messenger.limiter.held_until(chat) > time.monotonic():
            return
        with suppress(TelegramError):
            await self._bot.send_chat_action(
                chat, ChatAction.TYPING, message_thread_id=self._place.thread, read_timeout=_GRACE
            )

    async def _update(self) -> None:
        """Show what there is, if there is room for it."""
        whole, shown = self._text, _tail(self._text)
        chat = self._messenger.chat(self._place.chat)
        if not visible(shown) or not self._messenger.limiter.spare(chat):
            return
        try:
            await self._put(chat, shown)
        except Flooded as error:
            self._messenger.limiter.hold(chat, error.seconds)
        except TelegramError as error:
            self._muted = not (isinstance(error, BadRequest) and is_unchanged(error))
            self._shown = whole if self.message or not self._muted else ""
        else:
            self._shown = whole

    async def _put(self, chat: int, text: str) -> None:
        if self._place.private:
            await self._bot.send_message_draft(
                chat, self._draft, text, message_thread_id=self._place.thread, read_timeout=_GRACE
            )
            self._drafted = time.monotonic()
        elif self.message is None:
            target = Target.of(self._place)
            message = await self._bot.send_message(
                chat,
                text,
                link_preview_options=NO_PREVIEW,
                reply_parameters=target.reply_parameters,
                message_thread_id=target.thread,
                disable_notification=True,
            )
            self.message = message.message_id
        else:
            await self._bot.edit_message_text(
                text, chat, self.message, link_preview_options=NO_PREVIEW, read_timeout=_GRACE
            )


def _tail(text: str) -> str:
    """Give what fits into one message, from the end."""
    text = clean(text).strip()
    while units(text) > MAX_UNITS:
        text = "…" + text[fitting(text, 0, max(2, units(text) - MAX_UNITS + 2)) :].lstrip()
    return text
