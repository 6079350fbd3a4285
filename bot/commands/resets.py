"""Resets that are not wanted: once, for now, or never again."""

from __future__ import annotations

from datetime import timedelta

from adapters.reply import Reply
from bot.commands.context import Context
from bot.commands.parameters import Parameters
from bot.commands.times import ahead, weekday
from bot.commands.wording import here, this_conversation
from sessions.reset_policy import ResetPolicy
from sessions.resets import PlannedReset

_NEVER = (
    "No automatic resets {here} from now on. `/session reset-time` or `/session idle-reset` switches them on again."
)
_OFF = "Automatic resets are off {here}."
_EMPTY = "Nothing has been said {here} yet, so no automatic reset is to come."


async def keep(context: Context, parameters: Parameters) -> Reply:
    """Answer /session keep."""
    planned = await context.sessions.keep_session(context.address)
    if planned is None:
        return await _nothing_to_come(context)
    return Reply(
        text=f"{this_conversation(context.address)} stays. The next automatic reset: {await _when(context, planned)}."
    )


async def snooze(context: Context, parameters: Parameters) -> Reply:
    """Answer /session snooze [minutes]."""
    minutes = timedelta(minutes=parameters.number("minutes", 60))
    planned = await context.sessions.snooze_reset(context.address, for_=minutes)
    if planned is None:
        return await _nothing_to_come(context)
    return Reply(text=f"{this_conversation(context.address)} begins afresh not before {await _when(context, planned)}.")


async def never(context: Context, parameters: Parameters) -> Reply:
    """Answer /session never-reset."""
    rule = await context.sessions.set_chat_resets(context.address, daily_at=None, idle=None)
    if not rule.policy.is_off:  # the session has a rule of its own, which is before the chat's
        session = await context.session()
        await context.sessions.update_session(session.id, reset_policy=ResetPolicy(timezone=rule.policy.timezone))
    return Reply(text=_NEVER.format(here=here(context.address)))


async def _nothing_to_come(context: Context) -> Reply:
    rule = await context.sessions.reset_rule((await context.session()).id)
    return Reply(text=(_OFF if rule.policy.is_off else _EMPTY).format(here=here(context.address)))


async def _when(context: Context, planned: PlannedReset) -> str:
    zone = (await context.sessions.reset_rule(planned.session.id)).policy.timezone
    return f"{weekday(planned.at, zone)} {zone} ({ahead(planned.at, context.now)})"
