"""Pending answers: what is to be brought to somebody and is not yet, taken back when what it tells of is erased."""

from __future__ import annotations

from collections.abc import Collection

from adapters.envelope import Envelope
from sessions.account import Account
from sessions.manager import SessionManager


async def take_back(sessions: SessionManager, accounts: Collection[Account]) -> int:
    """Take back every answer to these people that is not out; give their number."""
    people = {(f"{one.platform}:{one.account}", one.user_id) for one in accounts}

    def is_theirs(channel: str, content: bytes) -> bool:
        try:
            to = Envelope.decode(content).to
        except (ValueError, KeyError, TypeError):
            return False
        return (channel, str(to.get("person"))) in people

    return await sessions.mailbox.discard(is_theirs) if people else 0
