"""Reset notice: say that a conversation begins afresh by itself, before and after, why, and how to go back."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from adapters.reply import Choice, Reply
from bot.commands.markup import plural
from bot.commands.times import ahead
from bot.commands.wording import named
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
_WAYS_OUT = (
    Choice(label="Keep", text="/session keep"),
    Choice(label="Snooze 1 h", text="/session snooze 60"),
    Choice(label="Never here", text="/session never-reset"),
)


def reset_notice(archived: Session, reason: str) -> Reply:
    """Announce a reset that happened."""
    text = (
        f"This conversation began afresh, because {_REASONS[reason]}. The one before, {named(archived)} with "
        f"{plural(archived.message_count, 'message')}, is kept. The button brings it back for 24 hours, `/undo` as "
        "long as nothing new was said, `/resume` at any time."
    )
    # By name: once something new was said, /undo would take that back instead.
    return Reply(text=text, private=True, choices=(Choice(label="Bring it back", text=f"/resume {archived.id}"),))


def reset_warning(warning: ResetWarning, zone: str) -> Reply:
    """Announce a reset that comes soon, and offer the ways out."""
    at = f"{warning.at.astimezone(ZoneInfo(zone)):%H:%M} {zone} ({ahead(warning.at, warning.now)})"
    text = (
        f"This conversation, {named(warning.session)}, begins afresh at {at}, because "
        f"{_REASONS_TO_COME[warning.reason]}. Nothing is lost: it is kept and `/undo` brings it back."
    )
    return Reply(text=text, private=True, choices=_WAYS_OUT)
