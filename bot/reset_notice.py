"""Reset notice: say that a conversation begins afresh by itself, before and after, why, and how to go back."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from adapters.reply import Choice, Reply
from bot.commands.markup import plural
from bot.commands.times import ahead
from bot.commands.wording import named, place, this_conversation
from sessions.address import Address, ChatKind
from sessions.reset_warning import ResetWarning
from sessions.session import Session

_REASONS = {
    "daily": "a new day has begun",
    "idle": "nothing was said for a while",
}
_REASONS_TO_COME = {
    "daily": "a new day begins then",
    "idle": "nothing was said for a while",
}
_WAYS_BACK = "`/undo` as long as nothing new was said, `/resume` at any time"
_ASIDE = "A conversation here began afresh, because {why}. The one before is kept: `/resume` brings it back."
_WAYS_OUT = (
    Choice(label="Keep", text="/session keep"),
    Choice(label="Snooze 1 h", text="/session snooze 60"),
    Choice(label="Never here", text="/session never-reset"),
)


def reset_notice(archived: Session, reason: str, address: Address) -> Reply:
    """Announce a reset that happened."""
    before = f"The one before, {named(archived)} with {plural(archived.message_count, 'message')}, is kept."
    text = f"{this_conversation(address)} began afresh, because {_REASONS[reason]}. {before}"
    if address.chat_kind is ChatKind.PRIVATE:
        # By name: once something new was said, /undo would take that back instead.
        choice = Choice(label="Bring it back", text=f"/resume {archived.id}")
        text += f" The button brings it back for 24 hours, {_WAYS_BACK}."
        return Reply(text=text, private=True, choices=(choice,))
    # Read in the direct chat, where a button would be about the conversation of that chat.
    text += f" Written in {place(address)}, {_WAYS_BACK} bring it back."
    return Reply(text=text, private=True, aside=_ASIDE.format(why=_REASONS[reason]))


def reset_warning(warning: ResetWarning, zone: str) -> Reply:
    """Announce a reset that comes soon, and offer the ways out."""
    address = warning.address
    at = f"{warning.at.astimezone(ZoneInfo(zone)):%H:%M} {zone} ({ahead(warning.at, warning.now)})"
    text = (
        f"{this_conversation(address)}, {named(warning.session)}, begins afresh at {at}, because "
        f"{_REASONS_TO_COME[warning.reason]}. Nothing is lost: it is kept and `/undo` brings it back."
    )
    if address.chat_kind is ChatKind.PRIVATE:
        return Reply(text=text, private=True, choices=_WAYS_OUT)
    ways = ", ".join(f"`{choice.text}`" for choice in _WAYS_OUT)
    aside = (
        f"A conversation here begins afresh at {at}. Nothing is lost: `/session keep` keeps it, `/undo` brings it back."
    )
    return Reply(text=f"{text} Written in {place(address)}, these change it: {ways}.", private=True, aside=aside)
