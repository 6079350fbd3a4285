"""Wording: sentences about conversations that several commands say."""

from __future__ import annotations

from datetime import datetime

from bot.commands.context import Context
from bot.commands.markup import code, plural
from bot.commands.times import ago, ahead, span, weekday
from sessions.address import Address, ChatKind
from sessions.checkpoint import Checkpoint
from sessions.message import Usage
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from sessions.session import Session

LEAVE_FIRST = "You are incognito, and this is about what is stored. `/incognito off` first: that forgets the rest."
WORDS = 40  # characters of the first message that stand for a missing title
_SCOPES = {
    Scope.MAIN: "the one conversation of this whole installation",
    Scope.PER_PEER: "yours, wherever you write to this bot on this platform",
    Scope.PER_CHANNEL: "shared by everyone who writes in {place}",
    Scope.PER_CHANNEL_PEER: "yours alone, in {place}",
}
_READERS = {
    Scope.MAIN: "everyone this bot answers",
    Scope.PER_PEER: "only you",
    Scope.PER_CHANNEL: "everyone in {place}",
    Scope.PER_CHANNEL_PEER: "only you",
}
_PLACES = {
    ChatKind.PRIVATE: "this chat",
    ChatKind.GROUP: "the group",
    ChatKind.THREAD: "the thread",
    ChatKind.CHANNEL: "the channel",
}
_CALLED = {("discord", ChatKind.GROUP): "the channel", ("telegram", ChatKind.THREAD): "the topic"}


def place(address: Address) -> str:
    """Name the chat an answer is about, which need not be the one it is read in: `this chat`, `the group`."""
    return _CALLED.get((address.platform, address.chat_kind), _PLACES[address.chat_kind])


def here(address: Address) -> str:
    """Say where: `here`, or `in the group`, since what concerns a group may be read in a direct chat."""
    return "here" if address.chat_kind is ChatKind.PRIVATE else f"in {place(address)}"


def inside(address: Address) -> str:
    """Add the place behind a word: ` in the group`, and nothing in a direct chat."""
    return "" if address.chat_kind is ChatKind.PRIVATE else f" in {place(address)}"


def this_conversation(address: Address) -> str:
    """Name the current conversation: `This conversation`, or `The conversation in the group`."""
    return "This conversation" if address.chat_kind is ChatKind.PRIVATE else f"The conversation in {place(address)}"


def in_words(scope: Scope, address: Address) -> str:
    """Tell a scope in words: `yours alone, in this chat`."""
    return _SCOPES[scope].format(place=place(address))


def readers(scope: Scope, address: Address) -> str:
    """Tell who of the people can read a conversation: `only you`."""
    return _READERS[scope].format(place=place(address))


def named(session: Session) -> str:
    """Name a conversation by its title, or by its id while it has none."""
    return code(session.title or session.id)


async def described(context: Context, session: Session) -> str:
    """Name a conversation by its title, or by the first words that were said in it."""
    if session.title:
        return code(session.title)
    if not session.message_count:
        return "empty"
    first = await anext(context.sessions.iter_history(session.id, page=1), None)
    return "empty" if first is None else f"untitled, {code(first.content, limit=WORDS)}"


def age(session: Session, now: datetime) -> str:
    """Say how much is in a conversation and since when it rests."""
    return f"{plural(session.message_count, 'message')}, {ago(session.last_activity_at, now)}"


def checkpoint_name(checkpoint: Checkpoint) -> str:
    """Name a checkpoint by number and name."""
    return f"**{checkpoint.number}** {code(checkpoint.name)}"


def tokens(usage: Usage) -> str:
    """Tell a usage: `1,200 in (1,000 cached), 300 out`."""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    return f"{usage.input_tokens:,} in{cached}, {usage.output_tokens:,} out"


def policy_in_words(policy: ResetPolicy) -> str:
    """Tell a reset rule in words."""
    parts = []
    if policy.daily_at is not None:
        parts.append(f"every day at {policy.daily_at:%H:%M} ({policy.timezone})")
    if policy.idle is not None:
        parts.append(f"after {span(policy.idle)} without a word from you")
    return " and ".join(parts) or "no automatic resets"


def outlook(session: Session, policy: ResetPolicy, now: datetime) -> str:
    """Tell when a conversation resets next: `Tue 04:00 Europe/Berlin (in 6 h)`."""
    if session.next_reset_at is not None:
        when = f"{weekday(session.next_reset_at, policy.timezone)} {policy.timezone}"
        return f"{when} ({ahead(session.next_reset_at, now)})"
    if policy.daily_at is None and policy.idle is None:
        return "none, automatic resets are off"
    return "none while nothing has been said"
