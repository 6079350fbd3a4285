"""Messenger: brings one message to a chat, in another form or place if Telegram wants it so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from telegram import Bot, InlineKeyboardMarkup, InputFile, LinkPreviewOptions, Message, MessageEntity
from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError

from adapters.courier import NotNow, Undeliverable
from adapters.reply import Document
from adapters.telegram.limiter import Limiter
from adapters.telegram.piece import Piece
from adapters.telegram.refusals import is_gone, is_unchanged, simpler
from adapters.telegram.target import Target
from adapters.telegram.wire import Flooded

MOST_TRIES = 6
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
Moved = Callable[[int, int], Awaitable[None]]
"""Told that a group goes on under another id."""
_T = TypeVar("_T")


class Messenger:
    """Sends and edits. Raises `NotNow` and `Undeliverable` and nothing else of Telegram's."""

    def __init__(self, bot: Bot, limiter: Limiter, moved: Moved) -> None:
        self.bot, self.limiter, self._moved = bot, limiter, moved
        self._now_at: dict[int, int] = {}

    def chat(self, chat: int) -> int:
        """Give the id under which a chat goes on, as far as that is known."""
        return self._now_at.get(chat, chat)

    async def send(self, target: Target, piece: Piece, keyboard: InlineKeyboardMarkup | None = None) -> Message:
        """Send a text."""

        async def attempt(target: Target, piece: Piece) -> Message:
            return await self.bot.send_message(
                target.chat,
                piece.text,
                entities=entities(piece),
                link_preview_options=NO_PREVIEW,
                reply_parameters=target.reply_parameters,
                reply_markup=keyboard,
                message_thread_id=target.thread,
            )

        return await self._until_taken(attempt, target, piece)

    async def send_file(
        self, target: Target, document: Document, keyboard: InlineKeyboardMarkup | None = None
    ) -> Message:
        """Send a file."""

        async def attempt(target: Target, _piece: Piece) -> Message:
            return await self.bot.send_document(
                target.chat,
                InputFile(document.content, filename=document.name),
                reply_parameters=target.reply_parameters,
                reply_markup=keyboard,
                message_thread_id=target.thread,
                disable_content_type_detection=True,
            )

        return await self._until_taken(attempt, target, Piece(""))

    async def edit(self, chat: int, message: int, piece: Piece, keyboard: InlineKeyboardMarkup | None = None) -> bool:
        """Change what a message says; tell whether it was still there."""

        async def attempt(target: Target, piece: Piece) -> bool:
            try:
                await self.bot.edit_message_text(
                    piece.text,
                    target.chat,
                    message,
                    entities=entities(piece),
                    link_preview_options=NO_PREVIEW,
                    reply_markup=keyboard,
                )
            except BadRequest as error:
                if is_gone(error):
                    return False
                if not is_unchanged(error):
                    raise
            return True

        return await self._until_taken(attempt, Target(chat), piece)

    async def _until_taken(self, attempt: Callable[[Target, Piece], Awaitable[_T]], target: Target, piece: Piece) -> _T:
        for _ in range(MOST_TRIES):
            target = Target(self.chat(target.chat), target.thread, target.reply_to)
            chat, asked = target.chat, await self.limiter.room(target.chat)
            try:
                return await attempt(target, piece)
            except ChatMigrated as error:
                await self._move(target.chat, error.new_chat_id)
            except BadRequest as error:
                target, piece = simpler(error, target, piece)
            except TelegramError as error:
                raise self.failed(error, target.chat) from None
            finally:
                self.limiter.arrived(chat, asked)
        raise Undeliverable

    def failed(self, error: TelegramError, chat: int) -> Exception:
        """Say what an error means to the post."""
        if isinstance(error, Flooded):
            self.limiter.hold(chat, error.seconds)
            return NotNow(error.seconds)
        return Undeliverable() if isinstance(error, Forbidden) else NotNow()

    async def _move(self, old: int, new: int) -> None:
        self._now_at[old] = new
        await self._moved(old, new)


def entities(piece: Piece) -> list[MessageEntity] | None:
    """Give how a piece looks in the library's terms."""
    return [
        MessageEntity(entity.type, entity.offset, entity.length, url=entity.url, language=entity.language)
        for entity in piece.entities
    ] or None
