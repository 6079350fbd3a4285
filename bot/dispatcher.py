"""Dispatcher: what becomes of a message: the answer to a question, a command, or a turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace

from adapters.channel import Outlet
from adapters.inbound import Call, Inbound
from adapters.pauses import Pauses
from adapters.reply import Reply
from bot.access import person_of
from bot.commands.context import Context
from bot.commands.failures import failure
from bot.commands.grammar import command_word, strip
from bot.commands.registry import run_call, run_command
from bot.confirmations import Confirmations
from bot.held import held, tell_once
from bot.meter import NOT_MEASURED, Meter
from bot.mishaps import APOLOGY, note_mishap
from bot.reset_notice import reset_notice
from bot.silence import HUSHED, SILENT, Silence
from bot.turn_runner import LONGEST_PAUSE, TurnRunner
from sessions.address import Address
from sessions.audit import acting
from sessions.errors import NotFound, SessionError, StoreError, VaultError
from sessions.handling import Handling
from sessions.handling import current as current_handling
from sessions.keyed_locks import KeyedLocks
from sessions.parts import Clock
from sessions.turn import Turn
from sessions.undisturbed import ended

Announce = Callable[[Address, Reply], Awaitable[None]]
"""Says something to people that answers no message of theirs."""

Ask = Callable[[Inbound], Awaitable[Reply | Silence | None]]
"""Says what somebody who may not speak here is answered; None for everybody else."""

STOP_WAITS = 0.5  # seconds for which a /stop waits until what was said before it is lined up; P7 allows it one
EXPIRES = 24 * 3600.0  # seconds after which nobody expects a command to be carried out any more
MOST_ATTEMPTS = 2  # starts of the program at which a turn is tried once more; the model may be paid each time
_INTERRUPTED = "I was interrupted just when I did that. What it changed is stored; `/session` shows where you are."
_GIVEN_UP = "I was interrupted each time I tried that, so I let it be. Send it again if you still want it."
_UNANSWERED = (
    "I was interrupted while I answered. Your message is kept; `/history` shows how far the reply came, and `/retry` "
    "asks once more."
)
_HUSH = "That was too fast. Wait a little."
_EXPIRED = "I was away for more than a day, so I did not do that. Send it again if you still want it."
_EMPTY = "There are no words in this message. Write something, or `/help`."
log = logging.getLogger(__name__)


class Dispatcher:
    """The handler of every channel. It answers whatever comes; only being cancelled ends it early.

    What was sent before the program started is late.
    """

    def __init__(
        self,
        turns: TurnRunner,
        pending: Confirmations,
        *,
        context: Callable[[Inbound], Context],
        announce: Announce,
        ask: Ask,
        clock: Clock,
        meter: Meter = NOT_MEASURED,
    ) -> None:
        self._meter = meter
        self._turns, self._pending, self._clock, self._since = turns, pending, clock, clock()
        self._context, self._announce, self._ask = context, announce, ask
        self._order = KeyedLocks()
        self._suspects = asyncio.Lock()  # of commands that were under way when a program ended
        self._tried: set[int] = set()  # those whose try this program has counted

    async def handle(self, inbound: Inbound, outlet: Outlet) -> None:
        """Take one message through to its answers."""
        try:
            await self._handle(inbound, outlet)
        except SessionError as error:
            if isinstance(error, VaultError):
                self._meter.unreadable(1)
            await outlet.send(failure(error))
        except Exception as error:  # noqa: BLE001 - one message that goes wrong must not end the channel
            note_mishap(log, error)
            self._meter.failed(inbound.address.platform)
            await outlet.send(Reply(text=APOLOGY, error=True))

    async def _handle(self, inbound: Inbound, outlet: Outlet) -> None:
        """Take messages of one chat in the order in which they came.

        A `/stop` does not wait long for those before it: it must not come too late, and not before the message whose
        reply it is to stop.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(acting(person_of(inbound.address)))
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_WAITS if _is_stop(inbound) else None):
                    await stack.enter_async_context(self._order.hold(_chat(inbound.address)))
            turn = await self._take_patiently(inbound, outlet)
        if turn is not None:
            await ended(turn)
            if turn.cancelled() and self._turns.is_left():
                raise asyncio.CancelledError  # its message is not done with

    async def _take_patiently(self, inbound: Inbound, outlet: Outlet) -> asyncio.Task[None] | None:
        """Take a message however often that has to be tried; what was said after it waits."""
        pauses = Pauses(longest=LONGEST_PAUSE)
        while True:
            try:
                return await self._take(inbound, outlet)
            except StoreError as error:
                handling = current_handling()
                if handling is None:
                    raise
                if self._turns.is_left():
                    raise asyncio.CancelledError from None
                await tell_once(handling, held(error), outlet)
                log.warning("a message can not be taken up, trying again: %s", type(error).__name__)
            await asyncio.sleep(pauses.next())

    async def _take(self, inbound: Inbound, outlet: Outlet) -> asyncio.Task[None] | None:
        """Answer a message, or line up the turn it begins."""
        answer = await self._ask(inbound)
        if isinstance(answer, Reply):
            await outlet.send(answer)
            return None
        context = self._context(inbound)
        if answer is SILENT or (answer is HUSHED and not await self._is_answering(context)):
            if inbound.call is not None:  # a native command waits for some answer
                await outlet.send(Reply(text=_HUSH, private=True, error=True))
            return None
        if inbound.edits is not None:
            await context.sessions.revise_message(inbound.address, source=inbound.edits, content=inbound.text)
            return None
        handling = current_handling()
        if handling is not None and handling.progress is not None:
            return await self._again(handling, context, outlet)
        if handling is not None and context.services.is_incognito(inbound.address):
            handling.finish()  # what is to be forgotten must not come back with a restart
            await handling.flush()
        return await self._fresh(inbound, context, outlet)

    async def _fresh(self, inbound: Inbound, context: Context, outlet: Outlet) -> asyncio.Task[None] | None:
        if inbound.call is not None:
            self._pending.close(inbound.address)
            await self._announce_reset(context)
            return await self._command(inbound.call, context, outlet)
        with _noting():
            answer = await self._pending.take(inbound.address, inbound.text)
        if answer is not None:
            await self._conclude(answer, outlet)
            return None
        text = strip(inbound.text)
        if not text:
            await outlet.send(Reply(text=_EMPTY, error=True))
            return None
        await self._announce_reset(context)
        if text.startswith("/") and not text.startswith("//"):
            if inbound.at is not None and self._clock() - inbound.at > EXPIRES:
                await self._conclude(Reply(text=_EXPIRED, error=True), outlet)
                return None
            if self._is_late(inbound):
                await self._turns.settled(await _current(context))
            return await self._command(text, context, outlet)
        return await self._turns.say(context.sessions, _without_slash(inbound, text), outlet)

    async def _command(self, said: str | Call, context: Context, outlet: Outlet) -> asyncio.Task[None] | None:
        """Carry a command out. One that may have ended the program is carried out while no other such one is.

        So the tries of those that were only under way beside it do not count. A message that begins a turn is never
        given up before it is stored.
        """
        handling = current_handling()
        if handling is None or not handling.letter.again:
            return await self._carry_out(said, context, outlet)
        async with self._suspects:
            if await self._is_given_up(handling):
                await self._conclude(Reply(text=_GIVEN_UP, error=True), outlet)
                return None
            return await self._carry_out(said, context, outlet)

    async def _carry_out(self, said: str | Call, context: Context, outlet: Outlet) -> asyncio.Task[None] | None:
        with _noting():
            if isinstance(said, str):
                result = await run_command(said, context, self._pending)
            else:
                result = await run_call(said, context, self._pending)
        if isinstance(result, Reply):
            await self._conclude(result, outlet)
            return None
        return self._turns.resume(context.sessions, context.address, result.turn, outlet)

    async def _conclude(self, reply: Reply, outlet: Outlet) -> None:
        """Give the last answer to a message: with it, the message is done with."""
        handling = current_handling()
        if handling is not None:
            handling.finish()
        await outlet.send(reply)

    async def _again(self, handling: Handling, context: Context, outlet: Outlet) -> asyncio.Task[None] | None:
        """Take up a message whose handling broke off with the program, without doing anything twice."""
        turn = await _turn_of(handling, context)
        if turn is None:
            await self._conclude(Reply(text=_INTERRUPTED), outlet)
            return None
        if handling.letter.attempts > MOST_ATTEMPTS or await _is_answered(context, turn):
            await self._conclude(Reply(text=_UNANSWERED, error=True), outlet)
            return None
        return self._turns.resume(context.sessions, context.address, turn, outlet)

    async def _is_given_up(self, handling: Handling) -> bool:
        """Tell whether a command has ended the program so often that it is not tried again; else count the try."""
        letter = handling.letter
        if letter.id in self._tried:
            return False
        if letter.attempts >= MOST_ATTEMPTS:
            return True
        await handling.tried()
        self._tried.add(letter.id)
        return False

    def _is_late(self, inbound: Inbound) -> bool:
        """Tell whether a command was sent while the program did not run: then it is meant for after the replies."""
        return (
            inbound.at is not None and inbound.at + 1 <= self._since and not _is_stop(inbound)
        )  # some know seconds only

    async def _is_answering(self, context: Context) -> bool:
        return self._turns.is_running(context.sessions, await _current(context))

    async def _announce_reset(self, context: Context) -> None:
        """Carry out a reset that is due before anything else, and say so: none happens silently."""
        try:
            event = await context.sessions.reset_if_due(context.address)
        except VaultError:
            return  # a session that does not open must not keep anybody from /new
        if event is not None:
            self._meter.reset(event.reason)
            await self._announce(context.address, reset_notice(event.archived, event.reason, context.address))


@contextmanager
def _noting() -> Iterator[None]:
    """Have what is changed meanwhile note that it was, so that no restart changes it again."""
    handling = current_handling()
    if handling is not None:
        handling.noting = True
    try:
        yield
    finally:
        if handling is not None:
            handling.noting = False


async def _current(context: Context) -> str:
    """Give the id of the conversation a person is in; empty if there is none that opens."""
    try:
        session = await context.sessions.current_session(context.address)
    except VaultError:
        return ""
    return session.id if session else ""


async def _turn_of(handling: Handling, context: Context) -> Turn | None:
    """Find the turn that a message had begun, if it was one and is still there."""
    match handling.progress:
        case {"session": str(session_id), "seq": int(seq), "position": int(position)}:
            with suppress(NotFound):
                return await context.sessions.resume_turn(session_id, seq=seq, position=position)
    return None


async def _is_answered(context: Context, turn: Turn) -> bool:
    """Tell whether a reply of an earlier attempt is stored behind the question already."""
    session = await context.sessions.get_session(turn.session_id)
    if session.message_count <= turn.message.seq:
        return False
    later = await context.sessions.get_history(session.id, limit=session.message_count - turn.message.seq)
    return any(message.role == "assistant" and message.kind != "summary" for message in later)


def _is_stop(inbound: Inbound) -> bool:
    if inbound.call is not None:
        return inbound.call.path == ("stop",)
    text = strip(inbound.text)
    return inbound.edits is None and text.startswith("/") and command_word(text)[0] == "stop"


def _without_slash(inbound: Inbound, text: str) -> Inbound:
    """Take off the first of two slashes, which says that this is no command."""
    if not text.startswith("//"):
        return inbound
    return replace(inbound, text=text[1:])


def _chat(address: Address) -> tuple[str | None, ...]:
    """Give what has an order of its own: a chat, or a thread in it, whoever writes there."""
    return (address.platform, address.account, address.chat_id, address.thread_id)
