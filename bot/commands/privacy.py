"""Privacy: who you are here, what is kept of you, and having it kept no longer."""

from __future__ import annotations

from adapters.reply import Document, Reply
from bot.access import person_of
from bot.commands.context import Context
from bot.commands.markup import code, plural
from bot.commands.parameters import Parameters
from bot.commands.wording import LEAVE_FIRST, here, in_words
from bot.confirmations import Question
from bot.forgetting import forget_person
from bot.person_archive import person_archive

_SHARED = "Conversations you share with others are not yours alone and are not part of it."


async def incognito(context: Context, parameters: Parameters) -> Reply:
    """Answer /incognito [on|off]."""
    wanted = parameters.text("state")
    if not wanted:
        on = context.services.is_incognito(context.address)
        return Reply(text=_state(context, on))
    await context.services.stop(context.address)
    changed = await context.services.set_incognito(context.address, wanted == "on")
    return Reply(text=_state(context, wanted == "on") if changed else f"Incognito is {wanted} already.")


def _state(context: Context, on: bool) -> str:
    what = f"what you say {here(context.address)} is"
    if on:
        return f"Incognito is on: {what} kept in memory only, and forgotten with `/incognito off`."
    return f"Incognito is off: {what} stored, encrypted."


async def mydata(context: Context, parameters: Parameters) -> Reply:
    """Answer /mydata: one JSON document with everything that is stored of this person."""
    if context.services.is_incognito(context.address):
        return Reply(text=LEAVE_FIRST, error=True)
    owned = await context.sessions.own_sessions(context.address)
    pieces = [piece async for piece in person_archive(context.sessions, owned, [context.address], context.now)]
    document = Document(
        name=f"mydata-{context.now:%Y%m%d}.json",
        content="".join(pieces).encode(),
        media_type="application/json",
    )
    messages = sum(session.message_count for session in owned)
    text = f"Everything stored of you: {plural(len(owned), 'conversation')} with {plural(messages, 'message')}."
    return Reply(text=f"{text} {_SHARED}", document=document)


async def forgetme(context: Context, parameters: Parameters) -> Reply | Question:
    """Answer /forgetme: ask first, then erase and give a receipt."""
    if context.services.is_incognito(context.address):
        return Reply(text=LEAVE_FIRST, error=True)
    owned = await context.sessions.own_sessions(context.address)

    async def erase() -> Reply:
        await context.services.prepare_erasure(context.address)
        receipt = await forget_person(context.sessions, [context.address], approval=False)
        text = (
            f"**Receipt**, {context.now:%Y-%m-%d %H:%M} UTC: {plural(receipt.sessions, 'conversation')} with "
            f"{plural(receipt.messages, 'message')} erased, their keys destroyed. Your "
            "choices, links between your accounts and what you used today are forgotten as well.\n"
            "That you were let in stays noted, or you could not write here any more; whoever runs me can take it back. "
            "So does an entry that something was erased, without a word of it. Copies that were made of the database "
            "before now hold you until whoever runs me deletes them.\n"
            "What you see in your chats, and what a model's provider may keep, is beyond my reach."
        )
        return Reply(text=text, private=True)

    text = (
        f"Erase everything of yours, {plural(len(owned), 'conversation')} in all chats, for good? "
        f"This can not be undone; `/mydata` gives you a copy first. {_SHARED}"
    )
    return Question(text=text, yes="Yes, erase everything", run=erase)


async def whoami(context: Context, parameters: Parameters) -> Reply:
    """Answer /whoami."""
    address = context.address
    scope = await context.sessions.scope_of(address)
    lines = [
        f"- You: {code(person_of(address))}" + (f", called {code(context.author)}" if context.author else ""),
        f"- Platform: {code(address.platform)}, bot account {code(address.account)}",
        f"- Chat: {code(address.chat_id)}, {address.chat_kind.value}",
        f"- Your conversation {here(address)}: `{scope.value}`, {in_words(scope, address)}",
    ]
    if address.thread_id:
        lines.insert(3, f"- Topic: {code(address.thread_id)}")
    if context.operator:
        lines.insert(1, "- You run this bot: `/pair list` shows who waits to be let in")
    return Reply(text="\n".join(lines))
