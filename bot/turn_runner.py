"""TurnRunner: from what a person said to the reply, both kept whatever happens in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress

from adapters.channel import Outlet
from adapters.inbound import Inbound
from adapters.pauses import Pauses
from adapters.reply import Reply
from bot.commands.failures import failure
from bot.held import held, tell_once
from bot.mishaps import APOLOGY, note_mishap
from bot.models.backend import Finished, ModelBackend, Prompt
from bot.models.errors import ModelError
from bot.said import Said
from bot.turn_watch import TurnNotes, watched_turn
from bot.watch import UNWATCHED, Watch
from sessions.address import Address
from sessions.context import Context
from sessions.errors import InvalidValue, NotFound, SessionError, StoreError
from sessions.handling import current as current_handling
from sessions.letter import LetterState
from sessions.manager import SessionManager
from sessions.message import JsonValue, Usage
from sessions.tokens import ByteEstimate
from sessions.turn import Turn
from sessions.undisturbed import undisturbed

Spent = Callable[[Address, Usage], Awaitable[Reply | None]]
"""Counts what a reply has cost a person; gives the warning they are to have, if any."""

STOPPING = 0.5  # seconds that /stop waits until what there is of a reply is kept
LONGEST_PAUSE = 30.0  # seconds between attempts to store a reply
LEAST_ROOM = 64  # tokens for the conversation, however long the instructions are

_CUT = "The reply reached the model's limit of length. Say “go on” for the rest."
_HELD = (
    "I can not store this reply now, and nothing else either: the disk is full, or fails. I hold it and try again; "
    "tell the person who runs this bot."
)
_KEPT = "This message is kept, but not answered, because the reply before it was stopped."
log = logging.getLogger(__name__)


class TurnRunner:
    """Runs turns, one at a time in each session.

    A turn has a task of its own, so stopping it never takes the channel with it. Whatever ends a turn
    early, the person's message is kept, and what there is of the reply is kept and marked.
    """

    def __init__(
        self,
        backend: ModelBackend,
        *,
        max_context_tokens: int,
        system_prompt: str | None = None,
        spent: Spent | None = None,
        watch: Watch = UNWATCHED,
    ) -> None:
        self._backend, self._system, self._spent, self._watch = backend, system_prompt, spent, watch
        self._room = max(LEAST_ROOM, max_context_tokens - ByteEstimate().count(system_prompt or ""))
        self._running: dict[str, set[asyncio.Task[None]]] = {}
        self._warned: set[str] = set()
        self._unfinished: set[str] = set()  # sessions in which a turn was left to the next start, or to others
        self._parked = asyncio.Event()

    async def say(self, sessions: SessionManager, inbound: Inbound, outlet: Outlet) -> asyncio.Task[None]:
        """Line up what a person said, to be stored and answered after what was said before; `ended` waits for it."""
        session = await sessions.get_or_create_session(inbound.address)
        return self._start(session.id, self._answer(sessions, session.id, inbound, outlet))

    def resume(self, sessions: SessionManager, address: Address, turn: Turn, outlet: Outlet) -> asyncio.Task[None]:
        """Line up a turn whose message is stored already."""
        return self._start(turn.session_id, self._answer_again(sessions, address, turn, outlet))

    async def stop(self, sessions: SessionManager, session_id: str) -> bool:
        """Break off the reply that is being made in a session; tell whether there was one."""
        running = self._running.get(session_id)
        if running and not sessions.lanes.is_busy(session_id):
            await asyncio.sleep(0)  # one that was just begun lines up in its first step
        stopped = sessions.lanes.stop(session_id)
        if stopped and running:
            await asyncio.wait(list(running), timeout=STOPPING)
        return await sessions.lanes.stop_elsewhere(session_id, STOPPING) or stopped

    def is_running(self, sessions: SessionManager, session_id: str) -> bool:
        """Tell whether a reply is being made in a session, or is to be."""
        return session_id in self._running or sessions.lanes.is_busy(session_id)

    async def settled(self, session_id: str) -> None:
        """Wait until what was lined up in a session by now is answered."""
        running = self._running.get(session_id)
        if running:
            await asyncio.wait(list(running))

    def park(self) -> None:
        """From now on leave a turn that is cancelled as it is: it is taken up at the next start."""
        self._parked.set()

    def is_left(self) -> bool:
        """Tell whether what can not be ended now is to be left as it is, for the next start or for another worker."""
        handling = current_handling()
        return self._parked.is_set() or (handling is not None and handling.abandoned)

    # -- tasks -----------------------------------------------------------------------------------

    def _start(self, session_id: str, turn: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(turn)
        running = self._running.setdefault(session_id, set())
        running.add(task)
        task.add_done_callback(lambda done: self._ended(session_id, done))
        return task

    def _ended(self, session_id: str, task: asyncio.Task[None]) -> None:
        running = self._running[session_id]
        running.discard(task)
        if not running:
            del self._running[session_id]

    # -- a turn ----------------------------------------------------------------------------------

    async def _answer(self, sessions: SessionManager, session_id: str, inbound: Inbound, outlet: Outlet) -> None:
        begun = False
        try:
            async with sessions.lanes.enter(session_id, _person(inbound.address)):
                with watched_turn(self._watch, inbound.address.platform, self._backend.name) as notes:
                    self._follow(session_id)
                    turn, stopped = await self._begin(sessions, session_id, inbound, outlet)
                    begun = True
                    if not stopped:
                        await self._reply(sessions, turn, inbound.address, outlet, notes)
        except asyncio.CancelledError:
            if self.is_left():
                self._unfinished.add(session_id)
                raise
            if not begun:  # else it came when all was stored, while the turn was given back
                await self._keep(sessions, session_id, inbound)
                await outlet.send(Reply(text=_KEPT))

    async def _answer_again(self, sessions: SessionManager, address: Address, turn: Turn, outlet: Outlet) -> None:
        try:
            async with sessions.lanes.enter(turn.session_id, _person(address)):
                with watched_turn(self._watch, address.platform, self._backend.name) as notes:
                    self._follow(turn.session_id)
                    await self._reply(sessions, turn, address, outlet, notes)
        except asyncio.CancelledError:
            if self.is_left():
                self._unfinished.add(turn.session_id)
                raise
            return  # stopped before it began; the message is stored

    def _follow(self, session_id: str) -> None:
        """Leave a turn that would come before one that is left: whoever goes on with them does so in their order."""
        if session_id in self._unfinished and self.is_left():
            raise asyncio.CancelledError

    async def _keep(self, sessions: SessionManager, session_id: str, inbound: Inbound) -> None:
        """Store a message whose turn was let go while it waited. Being let go again does not lose it."""
        kept = False
        while not kept:
            with suppress(asyncio.CancelledError):
                async with sessions.lanes.enter(session_id, _person(inbound.address)):
                    await undisturbed(
                        sessions.add_message(session_id, role="user", content=inbound.text, author=inbound.author)
                    )
                    kept = True

    async def _reply(
        self, sessions: SessionManager, turn: Turn, address: Address, outlet: Outlet, notes: TurnNotes
    ) -> None:
        """Have the model answer, and keep what it said. Not to be cancelled from outside any more when it returns."""
        said = Said()
        try:
            await self._stream(sessions, turn, said, outlet, notes)
            said.ending = "complete"
        except asyncio.CancelledError:
            if self.is_left():
                raise
            said.ending = "stopped"
        except ModelError as error:
            log.warning("%s did not answer: %s %s", self._backend.name, type(error).__name__, error.detail)
            said.ending, said.excuse = "failed", Reply(text=error.advice, error=True)
        except SessionError as error:
            said.ending, said.excuse = "failed", failure(error)
        except Exception as error:  # noqa: BLE001 - a mistake in one turn must not end the conversation
            note_mishap(log, error)
            said.ending, said.excuse = "failed", Reply(text=APOLOGY, error=True)
        await undisturbed(self._conclude(sessions, turn, said, outlet))
        notes.ended(said.outcome)
        if self._spent is not None and said.finished.usage is not None:
            await undisturbed(_count(self._spent(address, said.finished.usage), outlet))

    async def _stream(self, sessions: SessionManager, turn: Turn, said: Said, outlet: Outlet, notes: TurnNotes) -> None:
        prompt = await self._prompt(sessions, turn, outlet)
        await notes.look_for_damage(sessions, turn.session_id)
        with notes.asking():
            async with aclosing(self._backend.stream(prompt)) as deltas:
                async for delta in deltas:
                    if isinstance(delta, Finished):
                        said.finished = delta
                        return
                    if delta.text:
                        notes.spoke()
                        said.pieces.append(delta.text)
                        await self._show(said, delta.text, outlet)

    async def _show(self, said: Said, text: str, outlet: Outlet) -> None:
        """Show the next piece. A channel that fails must not cost the reply: it is kept, and shown at its end."""
        said.shown = True
        try:
            if not said.muted:
                await outlet.feed(text)
        except Exception as error:  # noqa: BLE001 - whatever a channel raises
            note_mishap(log, error)
            said.muted = True

    async def _prompt(self, sessions: SessionManager, turn: Turn, outlet: Outlet) -> Prompt:
        context = await self._context(sessions, turn)
        if context.note and turn.session_id not in self._warned:
            self._warned.add(turn.session_id)
            await outlet.send(Reply(text=f"{context.note[:1].upper()}{context.note[1:]}."))
        session = await sessions.get_session(turn.session_id)
        return Prompt(messages=context.messages, system=self._system, model=session.model)

    async def _context(self, sessions: SessionManager, turn: Turn) -> Context:
        """Choose what the model is sent: everything if it fits, else a summary of the older part."""
        context = await sessions.get_context_history(turn.session_id, max_tokens=self._room, strategy="smart")
        if all(message.seq != turn.message.seq for message in context):
            size = ByteEstimate().count(turn.message.content)
            raise InvalidValue(
                f"this message alone has about {size:,} tokens, and the model is sent at most {self._room:,}; "
                "send it in parts, or raise model.max_context_tokens"
            )
        if context.dropped:
            context = await sessions.get_context_history(turn.session_id, max_tokens=self._room, strategy="summarize")
        return context

    async def _conclude(self, sessions: SessionManager, turn: Turn, said: Said, outlet: Outlet) -> None:
        """Keep the reply, then end what is shown of it. A reply that came too late is not shown."""
        text, current = said.text, True
        try:
            if text or said.ending != "stopped":
                current = await self._store(sessions, turn, said, outlet)
        except NotFound:
            current = False  # erased meanwhile, and the reply with it
        except StoreError:
            if said.shown:  # nobody keeps it, so this is all there is of it
                await outlet.finish(Reply(text=text))
            raise
        if said.shown:
            await _posted()
            await outlet.finish(Reply(text=text if current else ""))
        if not current:
            return
        if said.excuse is not None:
            await outlet.send(said.excuse)
        elif said.finished.stop_reason == "length":
            await outlet.send(Reply(text=_CUT))

    async def _store(self, sessions: SessionManager, turn: Turn, said: Said, outlet: Outlet) -> bool:
        """Store the reply; tell whether it is still to be shown.

        While the store takes nothing the reply is held and tried again, where its message is kept as well: asking
        the model once more would cost its price, and the person has read it already.
        """
        pauses = Pauses(longest=LONGEST_PAUSE)
        while True:
            self._promise(said, outlet)
            try:
                outcome = await sessions.finish_turn(
                    turn,
                    content=said.text,
                    usage=said.finished.usage,
                    partial=said.partial,
                    failed=said.ending == "failed",
                    metadata=self._about(said),
                )
                return outcome.current
            except StoreError as error:
                await self._hold(error, Reply(text=_HELD, error=True), outlet)
            await pauses.wait(self._parked)

    async def _begin(
        self, sessions: SessionManager, session_id: str, inbound: Inbound, outlet: Outlet
    ) -> tuple[Turn, bool]:
        """Store the question, however often that has to be tried: what was said after it waits behind it."""
        pauses = Pauses(longest=LONGEST_PAUSE)
        while True:
            try:
                return await undisturbed(_begin(sessions, session_id, inbound))
            except StoreError as error:
                await self._hold(error, held(error), outlet)
            await pauses.wait(self._parked)

    async def _hold(self, error: StoreError, words: Reply, outlet: Outlet) -> None:
        """Say once that something is held until it can be stored; end what is left to others or to a restart."""
        handling = current_handling()
        if handling is None:
            raise error
        if self.is_left():
            raise asyncio.CancelledError from None
        await tell_once(handling, words, outlet)
        log.warning("something that was said can not be stored, trying again: %s", type(error).__name__)

    def _promise(self, said: Said, outlet: Outlet) -> None:
        """Have the reply go out with what is stored of it; with nothing left to say its letter is done with."""
        if said.shown:
            outlet.promise(Reply(text=said.text))
        handling = current_handling()
        if handling is not None and said.excuse is None and not said.partial:
            handling.finish()

    def _about(self, said: Said) -> dict[str, JsonValue]:
        """Say what can not be seen from the text: who answered, and why it ended as it did."""
        about: dict[str, JsonValue] = {"backend": self._backend.name}
        if said.ending != "complete":
            about["ending"] = said.ending
        elif said.finished.stop_reason != "end":
            about["ending"] = said.finished.stop_reason
        return about


async def _posted() -> None:
    """Have stored what is about to go out, where no write of the conversation could carry it: it is in memory only."""
    handling = current_handling()
    if handling is not None:
        if handling.letter.state is LetterState.finished:
            handling.finish()  # what is to be forgotten must not come back with a restart
        with suppress(StoreError):  # it goes out even so
            await handling.flush()


async def _count(spent: Awaitable[Reply | None], outlet: Outlet) -> None:
    """Have counted what a reply has cost, and give the warning that is due."""
    warning = await spent
    if warning is not None:
        await outlet.send(warning)


async def _begin(sessions: SessionManager, session_id: str, inbound: Inbound) -> Turn:
    source = None if inbound.source is None else {"source": inbound.source}
    return await sessions.begin_turn(session_id, content=inbound.text, author=inbound.author, metadata=source)


def _person(address: Address) -> str:
    return repr((address.platform, address.account, address.user_id))
