"""The model's side: which one answers, what it is sent, what it costs."""

from __future__ import annotations

from adapters.reply import Reply
from bot.commands.context import Context
from bot.commands.markup import code, plural, quoted
from bot.commands.parameters import Parameters
from bot.commands.wording import this_conversation, tokens
from bot.models.errors import ModelError
from sessions.context import Context as Window
from sessions.message import Usage

SHOWN_SUMMARY = 2_000  # characters


async def model(context: Context, parameters: Parameters) -> Reply:
    """Answer /model [name]."""
    session = await context.session()
    wanted = parameters.text("name").strip()
    default = code(context.services.default_model)
    if not wanted:
        now = code(session.model) if session.model else f"{default}, the default"
        return Reply(text=f"This conversation is answered by {now}. `/model <name>` changes that.")
    if wanted.lower() == "default":
        await context.sessions.update_session(session.id, model=None)
        return Reply(text=f"This conversation is answered by {default}, the default, again.")
    changed = await context.sessions.update_session(session.id, model=wanted)
    return Reply(
        text=f"From now on this conversation is answered by {code(changed.model or wanted)}. "
        "`/model default` goes back."
    )


async def context_(context: Context, parameters: Parameters) -> Reply:
    """Answer /context."""
    session, limit = await context.session(), context.services.max_context_tokens
    window = await context.sessions.get_context_history(session.id, max_tokens=limit, strategy="smart")
    text = (
        "**What the model would be sent now**\n"
        f"- Messages: {len(window):,} of {session.message_count:,}\n"
        f"- Tokens: about {window.tokens:,} of {limit:,} ({window.tokens / limit:.0%})\n"
        f"- Chosen by: `{window.strategy}`\n"
        f"- Left out: {plural(window.dropped, 'message')}{_instead(window)}"
    )
    return Reply(text=f"{text}\n- Note: {window.note}" if window.note else text)


def _instead(window: Window) -> str:
    """Say what the model is sent in the place of what is left out."""
    if not window.dropped:
        return ""
    summed_up = any(message.kind == "summary" for message in window)
    return ", a summary stands for the oldest" if summed_up else ", to be summed up before the next reply"


async def compact(context: Context, parameters: Parameters) -> Reply:
    """Answer /compact [instructions]."""
    session = await context.session()
    if not session.message_count:
        return Reply(text="There is nothing to sum up yet.")
    try:
        summary = await context.sessions.compact(session.id, instructions=parameters.text("instructions") or None)
    except ModelError as error:
        why = "The model did not answer; try again in a moment." if error.passing else error.advice
        return Reply(text=f"No summary could be made, so nothing was changed. {why}", error=True)
    return Reply(
        text=f"From now on the model is sent this in place of what was said before:\n\n"
        f"{quoted(summary.content, limit=SHOWN_SUMMARY)}\n\nEvery message is kept; `/history` shows them."
    )


async def usage(context: Context, parameters: Parameters) -> Reply:
    """Answer /usage."""
    session = await context.session()
    owned = await context.sessions.own_sessions(context.address)
    total = sum((one.usage for one in owned), Usage())
    messages = plural(sum(one.message_count for one in owned), "message")
    current = f"{tokens(session.usage)}, {plural(session.message_count, 'message')}"
    return Reply(
        text=f"**Tokens**\n- {this_conversation(context.address)}: {current}\n"
        f"- All that are yours alone ({plural(len(owned), 'conversation')}): {tokens(total)}, {messages}"
    )
