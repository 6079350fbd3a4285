"""Dispatcher: what becomes of a message: the answer to a question, a command, or a turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from adapters.channel import Outlet
from adapters.inbound import Inbound
from adapters.reply import Reply
from bot.commands.context import Context
from bot.commands.failures import failure
from bot.commands.grammar import strip
from bot.commands.registry import run_command
from bot.confirmations import Confirmations
from bot.mishaps import APOLOGY, note_mishap
from bot.reset_notice import reset_notice
from bot.turn_runner import TurnRunner
from bot.undisturbed import ended
from sessions.address import Address
from sessions.errors import SessionError, VaultError
from sessions.keyed_locks import KeyedLocks

Announce = Callable[[Address, Reply], Awaitable[None]]
"""Says something to people that answers no message of theirs."""

_EMPTY = "There are no words in this message. Write something, or `/help`."
log = logging.getLogger(__name__)


class Dispatcher:
    """The handler of every channel. It answers whatever comes; only being cancelled ends it early."""

    def __init__(
        self,
        turns: TurnRunner,
        pending: Confirmations,
        *,
        context: Callable[[Inbound], Context],
        announce: Announce,
    ) -> None:
        self._turns, self._pending = turns, pending
        self._context, self._announce = context, announce
        self._order = KeyedLocks()

    async def handle(self, inbound: Inbound, outlet: Outlet) -> None:
        """Take one message through to its answers."""
        try:
            await self._handle(inbound, outlet)
        except SessionError as error:
            await outlet.send(failure(error))
        except Exception as error:  # noqa: BLE001 - one message that goes wrong must not end the channel
            note_mishap(log, error)
            await outlet.send(Reply(text=APOLOGY, error=True))

    async def _handle(self, inbound: Inbound, outlet: Outlet) -> None:
        """Take messages of one chat in the order in which they came; only `/stop` goes past those before it."""
        if strip(inbound.text).lower().startswith("/stop"):
            turn = await self._take(inbound, outlet)
        else:
            async with self._order.hold(_chat(inbound.address)):
                turn = await self._take(inbound, outlet)
        if turn is not None:
            await ended(turn)

    async def _take(self, inbound: Inbound, outlet: Outlet) -> asyncio.Task[None] | None:
        """Answer a message, or line up the turn it begins."""
        answer = await self._pending.take(inbound.address, inbound.text)
        if answer is not None:
            await outlet.send(answer)
            return None
        text = strip(inbound.text)
        if not text:
            await outlet.send(Reply(text=_EMPTY, error=True))
            return None
        context = self._context(inbound)
        await self._announce_reset(context)
        if text.startswith("/") and not text.startswith("//"):
            return await self._command(text, context, outlet)
        return await self._turns.say(context.sessions, _without_slash(inbound, text), outlet)

    async def _command(self, text: str, context: Context, outlet: Outlet) -> asyncio.Task[None] | None:
        result = await run_command(text, context, self._pending)
        if isinstance(result, Reply):
            await outlet.send(result)
            return None
        return self._turns.resume(context.sessions, context.address, result.turn, outlet)

    async def _announce_reset(self, context: Context) -> None:
        """Carry out a reset that is due before anything else, and say so: none happens silently."""
        try:
            event = await context.sessions.reset_if_due(context.address)
        except VaultError:
            return  # a session that does not open must not keep anybody from /new
        if event is not None:
            await self._announce(context.address, reset_notice(event.archived, event.reason))


def _without_slash(inbound: Inbound, text: str) -> Inbound:
    """Take off the first of two slashes, which says that this is no command."""
    if not text.startswith("//"):
        return inbound
    return Inbound(address=inbound.address, text=text[1:], author=inbound.author)


def _chat(address: Address) -> tuple[str | None, ...]:
    """Give what has an order of its own: a chat, or a thread in it, whoever writes there."""
    return (address.platform, address.account, address.chat_id, address.thread_id)
