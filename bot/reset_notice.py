"""Reset notice: say that a conversation began afresh by itself, why, and how to go back."""

from __future__ import annotations

from datetime import datetime

from adapters.reply import Choice, Reply
from bot.commands.markup import plural
from bot.commands.wording import named
from sessions.reset_policy import ResetPolicy
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


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether the next message begins a new session."""
    return session.status.is_current and session.next_reset_at is not None and session.next_reset_at <= now


def reason_of(session: Session, policy: ResetPolicy) -> str:
    """Tell which half of a rule made a session due."""
    if policy.daily_at is None or policy.idle is None:
        return "daily" if policy.idle is None else "idle"
    idle_since = max(session.created_at, session.last_activity_at)
    return "idle" if session.next_reset_at == idle_since + policy.idle else "daily"
