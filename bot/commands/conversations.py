"""Conversations: beginning one, and moving between those there are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from adapters.reply import Choice, Reply
from bot.commands.context import Context
from bot.commands.markup import code, plural
from bot.commands.parameters import Parameters
from bot.commands.wording import age, described, inside, named
from sessions.errors import Ambiguous, InvalidValue, VaultError
from sessions.session import Session, Status

PAGE = 20
OFFERED = 5  # at a time, where one is to be chosen


async def new(context: Context, parameters: Parameters) -> Reply:
    """Answer /new."""
    await context.services.stop(context.address)
    session = await context.sessions.new_session(context.address, title=parameters.text("title") or None)
    name = f" called {code(session.title, limit=200)}" if session.title else ""
    return Reply(text=f"A new conversation{name}. The one before is kept: `/undo` goes back to it.")


async def reset(context: Context, parameters: Parameters) -> Reply:
    """Answer /reset."""
    await context.services.stop(context.address)
    await context.sessions.reset(context.address)
    return Reply(
        text="A fresh start; title, model and tags stay. What was said before is kept: `/undo` goes back to it."
    )


async def stop(context: Context, parameters: Parameters) -> Reply:
    """Answer /stop."""
    stopped = await context.services.stop(context.address)
    return Reply(text="Stopped." if stopped else "There is nothing to stop.")


async def list_(context: Context, parameters: Parameters) -> Reply:
    """Answer /session list."""
    sessions = await context.sessions.list_sessions(context.address)
    if not sessions:
        return Reply(text="No conversations yet. Write something and the first one begins.")
    first = (parameters.number("page", 1) - 1) * PAGE
    shown = sessions[first : first + PAGE]
    if not shown:
        last = (len(sessions) + PAGE - 1) // PAGE
        return Reply(text=f"The last page is {last}: there are {plural(len(sessions), 'conversation')}.", error=True)
    lines = [await line(context, number, session) for number, session in enumerate(shown, first + 1)]
    more = len(sessions) - first - len(shown)
    if more:
        lines.append(f"\n{more:,} more: `/session list {first // PAGE + 2}`")
    return Reply(text="\n".join((f"**{plural(len(sessions), 'conversation')}{inside(context.address)}**", *lines)))


async def switch(context: Context, parameters: Parameters) -> Reply:
    """Answer /session switch."""
    return await _go_to(context, await find(context, parameters.text("which")))


async def resume(context: Context, parameters: Parameters) -> Reply:
    """Answer /resume: the one asked for, the only other one, or a choice."""
    which = parameters.text("which")
    if which:
        return await _go_to(context, await find(context, which))
    sessions = await context.sessions.list_sessions(context.address)
    others = [(number, one) for number, one in enumerate(sessions, 1) if not one.status.is_current]
    if not others:
        return Reply(text="There is no other conversation to go back to. `/new` begins one.", error=True)
    if len(others) == 1:
        return await _go_to(context, others[0][1])
    return await _offer(context, others)


async def find(context: Context, which: str) -> Session:
    """Find a conversation by number, id or title. Where several fit, `InvalidValue` shows them as the list does."""
    try:
        return await context.sessions.find_session(context.address, which)
    except Ambiguous as error:
        raise InvalidValue(await _several(context, error)) from None


async def _several(context: Context, error: Ambiguous) -> str:
    sessions = await context.sessions.list_sessions(context.address)
    fits = [(number, one) for number, one in enumerate(sessions, 1) if one.id in error.candidates]
    most = f", the newest {OFFERED}" if len(fits) > OFFERED else ""
    head = f"{code(error.reference)} fits {plural(len(fits), 'conversation')}{most}. Say which by number or id:"
    return "\n".join([head, *[await line(context, number, one) for number, one in fits[:OFFERED]]])


async def line(context: Context, number: int, session: Session) -> str:
    """Show a conversation as one line of a list."""
    state = "" if session.status is Status.COMPLETED else f" · {session.status.value}"
    if session.status.is_current:
        state = " · **current**" if session.status is Status.ACTIVE else " · **current**, the last reply failed"
    return (
        f"- **{number}** {await described(context, session)}{state} · {age(session, context.now)} · {code(session.id)}"
    )


async def _go_to(context: Context, target: Session) -> Reply:
    if target.status.is_current:
        return Reply(text=f"You are in {named(target)} already.")
    await context.services.stop(context.address)
    left = await _left(context)
    await context.sessions.switch_session(context.address, target.id)
    back = f"Back in {await described(context, target)}{inside(context.address)}: {age(target, context.now)}."
    return Reply(text=f"{back} `/history` shows how it went. {await _ways(context, left)}".rstrip())


async def _left(context: Context) -> Session | None:
    """Give the conversation that is about to be left; one that does not open must not keep anybody in it."""
    with suppress(VaultError):
        return await context.sessions.current_session(context.address)
    return None


async def _ways(context: Context, left: Session | None) -> str:
    """Say how to get back to the conversation that was left, and to the others."""
    sessions = await context.sessions.list_sessions(context.address)
    others = [one for one in sessions if not one.status.is_current]
    if left is None or left.id not in [one.id for one in others]:
        return "`/resume` offers the others." if others else ""
    name = f"You left {await described(context, left)} ({plural(left.message_count, 'message')}):"
    if len(others) == 1:
        return f"{name} `/resume` goes back to it."
    return f"{name} `/resume {left.id}` goes back to it, `/resume` offers the others."


async def _offer(context: Context, others: Sequence[tuple[int, Session]]) -> Reply:
    offered = others[:OFFERED]
    lines = [await line(context, number, session) for number, session in offered]
    choices = tuple(Choice(label=str(number), text=f"/resume {session.id}") for number, session in offered)
    text = "\n".join((f"**Which one?** `/resume <number>`{inside(context.address)}", *lines))
    return Reply(text=text, choices=choices)
