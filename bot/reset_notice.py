"""Reset notice: say that a conversation began afresh by itself, why, and how to go back."""

from __future__ import annotations

from adapters.reply import Choice, Reply
from bot.commands.markup import plural
from bot.commands.wording import named
from sessions.session import Session

_REASONS = {
    "daily": "a new day has begun",
    "idle": "nothing was said for a while",
}


def reset_notice(archived: Session, reason: str) -> Reply:
    """Announce a reset that happened."""
    text = (
        f"This conversation began afresh, because {_REASONS[reason]}. The one before, {named(archived)} with "
        f"{plural(archived.message_count, 'message')}, is kept: `/undo` brings it back."
    )
    return Reply(text=text, private=True, choices=(Choice(label="Bring it back", text="/undo"),))
