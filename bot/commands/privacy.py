"""Privacy: who you are here, what is kept of you, and having it kept no longer."""

from __future__ import annotations

from io import BytesIO
from itertools import dropwhile

from adapters.reply import Choice, Document, Reply
from bot.access import person_of
from bot.commands.context import Context
from bot.commands.markup import code, plural
from bot.commands.parameters import Parameters
from bot.commands.wording import LEAVE_FIRST, here, in_words
from bot.confirmations import Question
from bot.forgetting import forget_person
from bot.person_archive import Packed, pack_person
from sessions.audit import AuditKind
from sessions.erasure import MOST_NAMED
from sessions.errors import NotFound
from sessions.message import JsonValue

# Discord takes 10 MiB where nobody pays for more, Telegram 50 MB; an answer is in memory until it is delivered.
MOST_PACKED = 7_500_000  # bytes

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
    """Answer /mydata [part]: an archive of everything that is stored of this person, in parts where it is large."""
    if context.services.is_incognito(context.address):
        return Reply(text=LEAVE_FIRST, error=True)
    owned = sorted(await context.sessions.own_sessions(context.address), key=lambda one: (one.created_at, one.id))
    first = parameters.text("part").strip().lower()
    wanted = list(dropwhile(lambda one: first not in ("", one.id), owned))
    if first and not wanted:
        raise NotFound("conversation of yours", first)
    file = BytesIO()
    packed = await pack_person(context.sessions, wanted, [context.address], context.now, file, most=MOST_PACKED)
    ids: list[JsonValue] = [one.id for one in wanted[:MOST_NAMED]]
    await context.sessions.audit.note(AuditKind.EXPORT, sessions=ids, count=packed.conversations, format="person")
    name = f"mydata-{context.now:%Y%m%d}{f'-from-{first}' if first else ''}.zip"
    return Reply(
        text=_packed(packed, whole=len(wanted) == len(owned)),
        document=Document(name=name, content=file.getvalue(), media_type="application/zip"),
        choices=(Choice(label="The next part", text=f"/mydata {packed.rest}", anywhere=True),) if packed.rest else (),
    )


def _packed(packed: Packed, *, whole: bool) -> str:
    """Say what an archive holds, what does not fit into it, and how to come by the rest."""
    is_all = whole and packed.rest is None and not packed.too_large and not packed.unreadable
    what = f"{plural(packed.conversations, 'conversation')} with {plural(packed.messages, 'message')}"
    lines = [
        f"{'Everything' if is_all else 'A part of what is'} stored of you: {what}, each as Markdown to read and as "
        f"JSON to keep. {_SHARED}"
    ]
    if packed.rest:
        size = f"{MOST_PACKED / 1_000_000:g} MB"
        lines.append(f"A file has at most {size} here. `/mydata {packed.rest}` gives the next part.")
    if packed.too_large:
        names = ", ".join(map(code, packed.too_large))
        lines.append(f"Too large for a file here: {names}. Whoever runs me can give you that: `palaver people export`.")
    if packed.unreadable:
        lines.append(f"Could not be opened: {', '.join(map(code, packed.unreadable))}. Tell whoever runs me.")
    return "\n".join(lines)


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
            "Conversations you share with others stay: they are theirs as well. "
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
