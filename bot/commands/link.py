"""/link: two accounts of one person, one conversation across platforms."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.reply import Choice, Reply
from bot.commands.context import Context
from bot.commands.markup import code, plural
from bot.commands.parameters import Parameters
from bot.commands.wording import LEAVE_FIRST, named, place
from bot.confirmations import Question
from bot.linking import Linking, Offer
from sessions.account import Account
from sessions.address import Address
from sessions.errors import NotFound
from sessions.session import Session

SHOWN = 5


async def link(context: Context, parameters: Parameters) -> Reply | Question:
    """Answer /link [code|off]."""
    if context.services.is_incognito(context.address):
        return Reply(text=LEAVE_FIRST, error=True)
    said = parameters.text("code").strip()
    linking = context.services.linking
    if not said:
        return await _offer(context, linking)
    if said.lower() == "off":
        return await _unlink(context)
    offer = await linking.find(said)
    if offer.other is not None and _same(offer.main, context.address):
        return await _complete(context, linking, offer, offer.other)
    if not offer.may_be_taken_by(context.address):
        raise NotFound("open code", offer.code)
    return await _agree(context, linking, offer)


async def _offer(context: Context, linking: Linking) -> Reply:
    linked = await context.sessions.linked_accounts(context.address)
    known = f"Linked by now: {_accounts(linked)}. `/link off` takes this account out.\n" if len(linked) > 1 else ""
    opened = await linking.offer(context.address)
    return Reply(
        text=f"{known}To link another account of yours, send it to me from there within ten minutes:\n\n"
        f"`/link {opened}`\n\nNobody else should have this code."
    )


async def _agree(context: Context, linking: Linking, offer: Offer) -> Question:
    joining = await context.sessions.joining_sessions(context.address)
    theirs = _accounts([Account.of(offer.main)])

    async def agree() -> Reply:
        await linking.accept(offer.code, context.address)
        here = _accounts([Account.of(context.address)])
        ask = Reply(
            text=f"The account {here} wants to be linked with this one, and sent your code. "
            f"{_joins(joining)} Is that you?\n\nIf not, do nothing: the code is void in ten minutes.",
            private=True,
            choices=(Choice(label="Yes, link them", text=f"/link {offer.code}"),),
        )
        await context.services.tell(offer.main, ask)
        return Reply(text="Now answer me in your other account: I asked there whether that is you.", private=True)

    return Question(
        text=f"Link this account with {theirs}? Conversations that follow you through all chats (scope "
        f"`per-peer`) become the same in both. {_joins(joining)} `/link off` takes it back.",
        yes="Yes, link them",
        run=agree,
    )


async def _complete(context: Context, linking: Linking, offer: Offer, other: Address) -> Reply:
    await linking.close(offer)
    joined = await context.sessions.link(context.address, other)
    linked = await context.sessions.linked_accounts(context.address)
    done = f"Linked: {_accounts(linked)}. {plural(joined, 'conversation')} joined. `/link off` takes it back."
    await context.services.tell(other, Reply(text=done, private=True))
    return Reply(
        text=f"{done} `/session scope per-peer` shares the conversation of {place(context.address)} between them."
    )


async def _unlink(context: Context) -> Reply:
    parted = await context.sessions.unlink(context.address)
    return Reply(text=f"This account stands alone again; {plural(parted, 'conversation')} went with what began where.")


def _joins(joining: Sequence[Session]) -> str:
    if not joining:
        return "No conversations join by it."
    shown = ", ".join(named(session) for session in joining[:SHOWN])
    more = f" and {len(joining) - SHOWN} more" if len(joining) > SHOWN else ""
    return f"{plural(len(joining), 'conversation')} would join: {shown}{more}."


def _accounts(accounts: Sequence[Account]) -> str:
    return ", ".join(f"{account.platform} {code(account.user_id)}" for account in accounts)


def _same(one: Address, other: Address) -> bool:
    return Account.of(one) == Account.of(other)
