"""/session: what the current conversation is, what it is called, and erasing one."""

from __future__ import annotations

from adapters.reply import Reply
from bot.commands.context import Context
from bot.commands.conversations import find
from bot.commands.markup import code, one_line, plural
from bot.commands.parameters import Parameters
from bot.commands.times import ago, local
from bot.commands.wording import (
    age,
    described,
    here,
    in_words,
    inside,
    named,
    outlook,
    place,
    policy_in_words,
    readers,
    this_conversation,
    tokens,
)
from bot.confirmations import Question
from sessions.address import Address, ChatKind
from sessions.errors import SessionError
from sessions.reset_policy import ResetPolicy
from sessions.resets import PlannedReset
from sessions.scope import Scope
from sessions.session import Session

MAX_TAGS = 20
OWN = (Scope.PER_PEER, Scope.PER_CHANNEL_PEER)  # the scopes that no one else shares

_SOURCES = {
    "session": "set for this conversation",
    "chat": "set {here} with `/session reset-time`, `/session idle-reset` or `/session never-reset`",
    "platform": "set by the operator for this platform",
    "chat kind": "set by the operator for this kind of chat",
    "default": "the default of this bot",
}


async def show(context: Context, parameters: Parameters) -> Reply:
    """Answer /session."""
    session = await context.session()
    rule = await context.sessions.reset_rule(session.id)
    now = context.now
    zone = rule.policy.timezone if rule.source in ("session", "chat") else context.services.zone
    lines = (
        f"**Conversation{inside(context.address)}** {code(session.id)} · {session.status.value}",
        f"- Title: {code(session.title) if session.title else 'none yet, `/session title <text>` gives it one'}",
        f"- Scope: `{session.scope.value}`, {in_words(session.scope, context.address)}",
        f"- Can be read by: {_readers(context, session)}",
        f"- Created: {local(session.created_at, zone)} {zone} ({ago(session.created_at, now)})",
        f"- Last activity: {ago(session.last_activity_at, now)}",
        f"- Messages: {session.message_count:,}",
        f"- Tokens: {tokens(session.usage)}",
        f"- Model: {_model(context, session)}",
        f"- Tags: {_tags(session) or 'none'}",
        f"- Incognito: {'on, nothing is written to disk' if context.services.is_incognito(context.address) else 'off'}",
        f"- Next reset: {outlook(session, rule.policy, now)}",
    )
    forked = (f"- Forked from: {await _origin(context, session.forked_from)}",) if session.forked_from else ()
    return Reply(text="\n".join(lines + forked))


async def why(context: Context, parameters: Parameters) -> Reply:
    """Answer /session why."""
    session = await context.session()
    rule = await context.sessions.reset_rule(session.id)
    planned = await context.sessions.next_reset(session.id)
    source = _SOURCES[rule.source].format(here=here(context.address))
    text = (
        f"**Why you are in** {named(session)}\n"
        f"- Scope: `{session.scope.value}`, {in_words(session.scope, context.address)}.\n"
        f"- Key: {_key(context.address, session.scope)}.\n"
        f"- Reset rule: {policy_in_words(rule.policy)}. It is {source}.\n"
        f"- Next reset: {_cause(planned, rule.policy)}{outlook(session, rule.policy, context.now)}.\n"
        "\nOf several reset rules the most particular one wins: the conversation's, the chat's, the platform's, "
        "the one for this kind of chat, the default."
    )
    return Reply(text=text)


async def title(context: Context, parameters: Parameters) -> Reply:
    """Answer /session title; an empty text in quotes takes the title away."""
    session = await context.session()
    wanted = parameters.text("text") or None
    changed = await context.sessions.update_session(session.id, title=wanted)
    if changed.title is None:
        return Reply(text="This conversation has no title any more.")
    return Reply(text=f"This conversation is now called {code(changed.title, limit=200)}.")


async def tag(context: Context, parameters: Parameters) -> Reply:
    """Answer /session tag."""
    session = await context.session()
    tags = tuple(dict.fromkeys(session.tags + parameters.words("tags")))
    if len(tags) > MAX_TAGS:
        return Reply(text=f"A conversation has at most {MAX_TAGS} tags, this would make {len(tags)}.", error=True)
    changed = await context.sessions.update_session(session.id, tags=tags)
    return Reply(text=f"Tags: {_tags(changed)}.")


async def untag(context: Context, parameters: Parameters) -> Reply:
    """Answer /session untag."""
    session = await context.session()
    unwanted = {word.casefold() for word in parameters.words("tags")}
    tags = tuple(word for word in session.tags if word.casefold() not in unwanted)
    if tags == session.tags:
        return Reply(
            text=f"{this_conversation(context.address)} has no such tag. Tags: {_tags(session) or 'none'}.", error=True
        )
    changed = await context.sessions.update_session(session.id, tags=tags)
    return Reply(text=f"Tags: {_tags(changed) or 'none'}.")


async def delete(context: Context, parameters: Parameters) -> Question:
    """Answer /session delete: ask first, for it can not be undone."""
    session = await find(context, parameters.text("which"))
    name = named(session)

    async def erase() -> Reply:
        current = await context.sessions.current_session(context.address)
        if current is not None and current.id == session.id:
            await context.services.stop(context.address)
        erased = await context.sessions.delete_session(session.id)
        return Reply(text=f"Erased {name} and its {plural(erased, 'message')} for good.", private=True)

    shared = "" if session.scope in OWN else f" It is {in_words(session.scope, context.address)}."
    what = f"{await described(context, session)} ({code(session.id)}, {age(session, context.now)})"
    text = f"Erase this conversation with its checkpoints for good? {what}.{shared} This can not be undone."
    return Question(text=text, yes="Yes, erase it", run=erase)


async def _origin(context: Context, session_id: str) -> str:
    """Name the conversation that a fork came from; by its id alone once that is erased, or can not be opened."""
    try:
        origin = await context.sessions.find_session(context.address, session_id)
    except SessionError:
        return code(session_id)
    return f"{code(origin.title)} ({code(session_id)})" if origin.title else code(session_id)


def _readers(context: Context, session: Session) -> str:
    """Say who can read a conversation, the operator not left out."""
    seen = context.address.chat_kind is not ChatKind.PRIVATE and session.scope in OWN
    chat = f" ({place(context.address)} sees what is said in it)" if seen else ""
    return f"{readers(session.scope, context.address)}{chat}, and whoever runs this bot and holds its key"


def _model(context: Context, session: Session) -> str:
    return code(session.model) if session.model else f"{code(context.services.default_model)} (the default)"


def _tags(session: Session) -> str:
    return ", ".join(code(one_line(word)) for word in session.tags)


def _key(address: Address, scope: Scope) -> str:
    """Tell the key of a conversation in words."""
    if scope is Scope.MAIN:
        return "none, there is just one"
    parts = [f"platform {code(address.platform)}", f"bot account {code(address.account)}"]
    if scope is not Scope.PER_PEER:
        parts.append(f"chat {code(address.chat_id)}")
        parts += [f"topic {code(address.thread_id)}"] if address.thread_id else []
    if scope is not Scope.PER_CHANNEL:
        parts.append(f"person {code(address.user_id)}")
    return ", ".join(parts)


def _cause(planned: PlannedReset | None, policy: ResetPolicy) -> str:
    """Say which half of a rule with two halves strikes first."""
    if planned is None or policy.daily_at is None or policy.idle is None:
        return ""
    return "the daily one, " if planned.reason == "daily" else "for silence, "
