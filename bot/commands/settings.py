"""Settings: whose conversation it is, and when it begins afresh by itself."""

from __future__ import annotations

from datetime import timedelta

from adapters.reply import Reply
from bot.commands.context import Context
from bot.commands.parameters import Parameters
from bot.commands.wording import here, in_words, outlook, policy_in_words, this_conversation
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope

_MAIN_REFUSED = (
    "`main` is one conversation for everybody this bot answers, so it needs a bot that answers chosen people only "
    "(`access.mode` and `access.allow` in its settings). `per-peer`, `per-channel` and `per-channel-peer` "
    "are free to choose."
)


async def scope(context: Context, parameters: Parameters) -> Reply:
    """Answer /session scope."""
    wanted = Scope.parse(parameters.text("scope"))
    before, where = await context.sessions.scope_of(context.address), here(context.address)
    if wanted is before:
        return Reply(text=f"The scope {where} is `{wanted.value}` already: {in_words(wanted, context.address)}.")
    if context.services.is_incognito(context.address):
        return Reply(text="While incognito the conversation is yours alone. `/incognito off` first.", error=True)
    if wanted is Scope.MAIN and not context.services.main_scope_allowed:
        return Reply(text=_MAIN_REFUSED, error=True)
    await context.services.stop(context.address)
    await context.sessions.set_scope(context.address, wanted)
    text = (
        f"From now on your conversation {where} is `{wanted.value}`: {in_words(wanted, context.address)}. "
        f"The other one is kept: `/session scope {before.value}` goes back to it."
    )
    return Reply(text=text)


async def reset_time(context: Context, parameters: Parameters) -> Reply:
    """Answer /session reset-time."""
    at, zone = parameters.time_or_off("time"), parameters.text("zone")
    if zone:
        rule = await context.sessions.set_chat_resets(context.address, daily_at=at, timezone=zone)
    else:
        rule = await context.sessions.set_chat_resets(context.address, daily_at=at)
    return await _told(context, rule.policy)


async def idle_reset(context: Context, parameters: Parameters) -> Reply:
    """Answer /session idle-reset."""
    minutes = parameters.number_or_off("minutes")
    idle = None if minutes is None else timedelta(minutes=minutes)
    rule = await context.sessions.set_chat_resets(context.address, idle=idle)
    return await _told(context, rule.policy)


async def _told(context: Context, policy: ResetPolicy) -> Reply:
    """Say what holds now, and what comes of it next."""
    if policy.daily_at is None and policy.idle is None:
        return Reply(text=f"Automatic resets are off {here(context.address)}.")
    session = await context.session()
    text = (
        f"{this_conversation(context.address)} begins afresh {policy_in_words(policy)}. "
        f"Next: {outlook(session, policy, context.now)}.\n"
        "Nothing is lost by it: the old conversation is kept, and `/undo` goes back to it."
    )
    return Reply(text=text)
