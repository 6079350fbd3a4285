"""Operations: what an operator does from the command line, in the bot that runs, or here when none does.

An operation is a function of the sessions and a request, both ways the same; it gives JSON. Only one process may write
to a store, so a running bot is asked through its control socket.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from bot.arguments import Request
from bot.audit_notes import note_of
from bot.control import SOCKET, Answer, Control, ask
from bot.operation_failed import OperationFailed
from bot.peer import account
from bot.shell import tell
from bot.startup import ExitCode, key_provider, open_sessions
from bot.stores import is_there, nothing_at
from config.settings import Settings
from sessions.audit import AuditKind, acting
from sessions.errors import StoreHeld, Tampered
from sessions.manager import SessionManager
from sessions.message import JsonValue

WAIT = 5.0  # seconds for the store, when another process has it that can not be asked
AGAIN = 0.2  # seconds between two looks
LONGEST = 600.0  # seconds that the bot may take for one operation
NOTE = "audit note"

Operation = Callable[[SessionManager, Request], Awaitable[Answer]]
"""Does one thing. What it raises reaches the operator in words, with the exit code that belongs to it."""


class Operations:
    """The operations there are, by name."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = {NOTE: _note, **operations}

    def controls(self, sessions: SessionManager) -> Mapping[str, Control]:
        """Give what a running bot answers to. Who does it is for the caller to say, with `acting`."""
        return {name: partial(one, sessions) for name, one in self._operations.items()}

    async def carry_out(self, settings: Settings, name: str, **arguments: JsonValue) -> Answer:
        """Have the bot that runs do it, else do it here. Raises `SessionError`, `StoreHeld` after a bounded wait."""
        return await self._carry_out(settings, name, arguments, WAIT)

    async def carry_out_or(self, here: Operation, settings: Settings, name: str, **arguments: JsonValue) -> Answer:
        """Have the bot that runs do it, else do it here in a way of its own. Raises what `carry_out` does."""
        return await self._carry_out(settings, name, arguments, WAIT, here)

    async def note(self, settings: Settings, kind: AuditKind, about: Mapping[str, JsonValue]) -> None:
        """Add an entry to the audit. Raises `StoreHeld` at once: whoever only looks does not want to wait."""
        await self._carry_out(settings, NOTE, {"kind": kind.value, "about": dict(about)}, 0.0)

    async def _carry_out(
        self,
        settings: Settings,
        name: str,
        arguments: Mapping[str, JsonValue],
        wait: float,
        here: Operation | None = None,
    ) -> Answer:
        request = {"do": name, **arguments}
        answer = await ask(settings.home / SOCKET, request, LONGEST)
        if answer is not None:
            return _unwrapped(answer)
        if not await is_there(settings.store):
            raise nothing_at(settings.store)
        async with writing(settings, wait=wait) as sessions:
            with acting(operator()):
                return await (here or self._operations[name])(sessions, request)


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[SessionManager]:
    """Open the store to read, beside a running bot as well. Raises `NotFound` where nothing was ever stored."""
    if not await is_there(settings.store):
        raise nothing_at(settings.store)
    async with open_sessions(settings, key_provider(settings), read_only=True) as sessions:
        yield sessions


@asynccontextmanager
async def writing(settings: Settings, *, wait: float = WAIT) -> AsyncIterator[SessionManager]:
    """Open the store to write; waits a little for a process that has it. Raises `StoreHeld`."""
    async with AsyncExitStack() as stack:
        end = asyncio.get_running_loop().time() + wait
        while True:
            try:
                sessions = await stack.enter_async_context(open_sessions(settings, key_provider(settings)))
                break
            except StoreHeld:
                if asyncio.get_running_loop().time() > end:
                    raise
            await asyncio.sleep(AGAIN)
        yield sessions


async def looked_at(
    operations: Operations, settings: Settings, kind: AuditKind = AuditKind.READ, **about: JsonValue
) -> None:
    """Have the audit tell that the operator sees words of others, before they are shown.

    Where another process keeps the audit from being written, or what is damaged in it, that is said, and nothing is
    withheld: whoever has the key can read anyway.
    """
    try:
        await operations.note(settings, kind, about)
    except (StoreHeld, Tampered) as error:
        tell(f"The audit does not tell of this: {error}")


def operator() -> str:
    """Name who sits at this shell, as the audit does."""
    return account(os.geteuid())


async def _note(sessions: SessionManager, request: Request) -> Answer:
    kind, about = note_of(request)
    await sessions.audit.note(kind, **about)
    return {}


def _unwrapped(answer: Answer) -> Answer:
    if "error" not in answer:
        return answer
    code = answer.get("code")
    raise OperationFailed(str(answer["error"]), code if isinstance(code, int) else ExitCode.SESSION)
