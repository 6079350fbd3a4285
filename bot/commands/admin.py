"""/admin: what operators see of the conversations of others. Every look at words is told of in the audit."""

from __future__ import annotations

from adapters.reply import Document, Reply
from bot.commands.context import Context
from bot.commands.history import BUDGET, LEAST, MEDIA_TYPES, heading
from bot.commands.markup import code, plural, quoted
from bot.commands.parameters import Parameters
from bot.commands.times import ago
from sessions.audit import AuditEntry, AuditKind
from sessions.catalogue import Listed, Wanted
from sessions.export.formats import export_filename, parse_format

DEFAULT_LISTED, DEFAULT_SHOWN, DEFAULT_AUDITED = 10, 10, 20


async def sessions(context: Context, parameters: Parameters) -> Reply:
    """Answer /admin sessions [n]."""
    limit = parameters.number("n", DEFAULT_LISTED)
    found = await context.services.sessions.catalogue.select(Wanted(), limit=limit)
    if not found:
        return Reply(text="There are no conversations yet.")
    return Reply(text="\n".join(("**The newest conversations**", *(_line(context, one) for one in found))))


async def show(context: Context, parameters: Parameters) -> Reply:
    """Answer /admin show <id> [n]."""
    store = context.services.sessions
    listed = await store.catalogue.find(parameters.text("id"))
    session = listed.session
    messages = []
    if session.message_count:
        await store.audit.note(AuditKind.READ, session=session.id)
        messages = await store.get_history(session.id, limit=parameters.number("n", DEFAULT_SHOWN))
    room = max(LEAST, BUDGET // max(1, len(messages)))
    entries = [f"{heading(context, message)}\n{quoted(message.content, limit=room)}" for message in messages]
    return Reply(text="\n\n".join((_line(context, listed), *entries)))


async def export(context: Context, parameters: Parameters) -> Reply:
    """Answer /admin export <id> [format]."""
    store = context.services.sessions
    session = (await store.catalogue.find(parameters.text("id"))).session
    form = parse_format(parameters.text("format") or "markdown")
    text = await store.export(session.id, format=form)
    document = Document(
        name=export_filename(session, form, context.now), content=text.encode(), media_type=MEDIA_TYPES[form]
    )
    return Reply(text=f"{plural(session.message_count, 'message')} as {form}.", document=document)


async def stats(context: Context, parameters: Parameters) -> Reply:
    """Answer /admin stats."""
    catalogue = context.services.sessions.catalogue
    people: set[str] = set()
    conversations = messages = tokens = 0
    async for one in catalogue.each(Wanted()):
        conversations += 1
        messages += one.session.message_count
        tokens += one.session.usage.input_tokens + one.session.usage.output_tokens
        if one.person is not None:
            people.add(one.person)
    counts = (plural(conversations, "conversation"), plural(messages, "message"), plural(tokens, "token"))
    who = "1 person" if len(people) == 1 else f"{len(people):,} people"
    return Reply(text=f"{who}, {', '.join(counts)}.")


async def audit(context: Context, parameters: Parameters) -> Reply:
    """Answer /admin audit [n]."""
    entries = await context.services.sessions.audit.newest(parameters.number("n", DEFAULT_AUDITED))
    if not entries:
        return Reply(text="Nothing has happened yet that the audit tells of.")
    return Reply(text="\n".join(("**What was done, the newest first**", *(_told(context, one) for one in entries))))


def _line(context: Context, listed: Listed) -> str:
    session = listed.session
    title = f" {code(session.title)}" if session.title else ""
    said = f"{plural(session.message_count, 'message')}, {ago(session.last_activity_at, context.now)}"
    return f"- `{session.id}`{title} · {code(listed.person or 'unreadable')} · {session.status.value} · {said}"


def _told(context: Context, entry: AuditEntry) -> str:
    if entry.kind is None or entry.by is None:
        return f"- {entry.number}: this entry can not be read; `palaver audit verify` says more"
    about = ", ".join(f"{name} {value}" for name, value in entry.about.items())
    return f"- {ago(entry.at, context.now)}: {entry.kind} by {code(entry.by)}{f', {code(about)}' if about else ''}"
