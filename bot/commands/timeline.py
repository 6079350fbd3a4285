"""The time line: back, forth, once more, and another way from here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from adapters.reply import Reply
from bot.commands.context import Context, Result, TurnRequest
from bot.commands.markup import code, plural
from bot.commands.parameters import Parameters
from bot.commands.wording import named
from sessions.address import ChatKind
from sessions.session import Session
from sessions.timeline import Step

_STEPS = {
    "clear": "the clearing",
    "restore": "the restoring of a checkpoint",
    "retry": "the retry",
    "delete checkpoint": "the deletion of a checkpoint",
    "new": "the beginning of a new conversation",
    "reset": "the reset",
    "expire": "the automatic reset",
    "fork": "the fork",
}
_BETWEEN = ("new", "reset", "expire", "fork")  # steps from one conversation to another


async def undo(context: Context, parameters: Parameters) -> Reply:
    """Answer /undo [n]."""
    await context.services.stop(context.address)
    steps = await context.sessions.undo(context.address, steps=parameters.number("n", 1))
    return Reply(text=f"Took back {_told(context, steps)} `/redo` does it again.")


async def redo(context: Context, parameters: Parameters) -> Reply:
    """Answer /redo [n]; where there is nothing to go forward to, what runs here goes on."""
    if await context.sessions.can_redo(context.address):
        await context.services.stop(context.address)
    steps = await context.sessions.redo(context.address, steps=parameters.number("n", 1))
    return Reply(text=f"Did again {_told(context, steps)} `/undo` takes it back.")


async def retry(context: Context, parameters: Parameters) -> Result:
    """Answer /retry: the model answers the last message once more."""
    session = await context.session()
    await context.services.stop(context.address)
    return TurnRequest(turn=await context.sessions.retry_turn(session.id))


async def fork(context: Context, parameters: Parameters) -> Reply:
    """Answer /fork [title]."""
    session = await context.session()
    await context.services.stop(context.address)
    forked = await context.sessions.fork(session.id, title=parameters.text("title") or None)
    original = f", {code(session.title)}," if session.title else ""
    return Reply(
        text=f"You are now in a copy, {named(forked)}, with {plural(forked.message_count, 'message')}. "
        f"The original{original} stays as it is: `/resume {session.id}` goes back to it."
    )


def _told(context: Context, steps: Sequence[Step]) -> str:
    """Say what the steps were and where one is now, without a word of what was said."""
    parts = []
    for op, group in groupby(steps, key=lambda step: step.op):
        same = list(group)
        if op == "turn":
            messages = plural(sum(step.messages for step in same), "message")
            parts.append(f"the last turn ({messages})" if len(same) == 1 else f"{len(same)} turns ({messages})")
        else:
            times = "" if len(same) == 1 else f", {len(same)} times"
            parts.append(_STEPS.get(op, f"the last {op}") + times)
    session = steps[-1].session
    elsewhere = any(step.op in _BETWEEN for step in steps)
    where = f"You are in {_name(context, session)} now, with" if elsewhere else "The conversation has"
    return f"{', '.join(parts)}. {where} {plural(session.message_count, 'message')}."


def _name(context: Context, session: Session) -> str:
    """Name where one is now; not before a whole group, which must not learn a title by it."""
    return named(session) if context.address.chat_kind is ChatKind.PRIVATE else "another conversation"
