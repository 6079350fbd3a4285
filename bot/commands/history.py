"""/history: what was said, shown, searched, exported, cleared."""

from __future__ import annotations

from adapters.reply import Document, Reply
from bot.commands.context import Context
from bot.commands.markup import code, plural, quoted
from bot.commands.parameters import Parameters
from bot.commands.times import ago
from bot.commands.wording import here, inside, named
from sessions.export.formats import export_filename, parse_format
from sessions.message import Message

DEFAULT_SHOWN = 10
MAX_HITS = 20
BUDGET = 8_000  # characters of one answer, shared by the messages it shows
LEAST = 200  # characters every message gets at least
MEDIA_TYPES = {
    "markdown": "text/markdown",
    "json": "application/json",
    "html": "text/html",
    "text": "text/plain",
}
_MARKS = {"text": "", "partial": " · broke off", "summary": " · summary", "unreadable": " · can not be read"}


async def show(context: Context, parameters: Parameters) -> Reply:
    """Answer /history [n]."""
    session = await context.session()
    messages = await context.sessions.get_history(session.id, limit=parameters.number("n", DEFAULT_SHOWN))
    if not messages:
        return Reply(text=f"Nothing has been said in this conversation{inside(context.address)} yet.")
    room = max(LEAST, BUDGET // len(messages))
    entries = [f"{heading(context, message)}\n{quoted(message.content, limit=room)}" for message in messages]
    shown = f"the last {len(messages):,} of " if len(messages) < session.message_count else ""
    head = f"**{named(session)}**, {shown}{plural(session.message_count, 'message')}"
    return Reply(text="\n\n".join((head, *entries)))


async def export(context: Context, parameters: Parameters) -> Reply:
    """Answer /history export."""
    session = await context.session()
    form = parse_format(parameters.text("format") or "markdown")
    text = await context.sessions.export(session.id, format=form)
    name = export_filename(session, form, context.now)
    document = Document(name=name, content=text.encode(), media_type=MEDIA_TYPES[form])
    return Reply(text=f"{plural(session.message_count, 'message')} as {form}.", document=document)


async def clear(context: Context, parameters: Parameters) -> Reply:
    """Answer /history clear."""
    session = await context.session()
    if not session.message_count:
        return Reply(text="There is nothing to clear.")
    await context.services.stop(context.address)
    await context.sessions.clear_history(session.id)
    count = plural(session.message_count, "message")
    return Reply(text=f"Cleared {count}; settings and checkpoints stay. `/undo` brings the messages back.")


async def search(context: Context, parameters: Parameters) -> Reply:
    """Answer /history search."""
    words = parameters.text("words")
    hits = await context.sessions.search(context.address, words, limit=MAX_HITS)
    if not hits:
        return Reply(text=f"Nothing you said or were told {here(context.address)} holds {code(words)}.")
    entries = [
        f"{named(hit.session)} · {heading(context, hit.message)}\n{quoted(hit.snippet, limit=BUDGET // MAX_HITS)}"
        for hit in hits
    ]
    most = f", the newest {MAX_HITS}" if len(hits) == MAX_HITS else ""
    return Reply(text="\n\n".join((f"**{plural(len(hits), 'place')}** with {code(words)}{most}", *entries)))


def heading(context: Context, message: Message) -> str:
    """Say which message it is, who speaks and when."""
    speaker = "you" if message.role == "user" and not message.author else message.role
    author = f" {code(message.author)}" if message.author else ""
    important = " · important" if message.important else ""
    when = "" if message.kind == "unreadable" else f" · {ago(message.created_at, context.now)}"
    return f"**{message.seq} · {speaker}**{author}{when}{_MARKS[message.kind]}{important}"
