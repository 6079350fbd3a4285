"""Encrypted sessions for chat bots: every person's conversations apart, durable, and theirs.

    from sessions import Address, SessionManager

    async with SessionManager.open(db_path="sessions.db", encryption_key=key) as sessions:
        session = await sessions.get_or_create_session(
            Address(platform="telegram", account="1", chat_id="-100", user_id="42")
        )
        await sessions.add_message(session.id, role="user", content="Hello")

Each name lives in the module that is called after it; the common ones can be had from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sessions.address import Address, ChatKind
    from sessions.checkpoint import Checkpoint
    from sessions.errors import SessionError
    from sessions.keys import KeyFile, KeyService, Passphrase, RawKey
    from sessions.manager import SessionManager
    from sessions.message import Message, Usage
    from sessions.reset_policy import ResetPolicy
    from sessions.scope import Scope
    from sessions.session import Session, Status
    from sessions.ticker import ResetTicker

_HOME = {
    "Address": "address",
    "ChatKind": "address",
    "Checkpoint": "checkpoint",
    "KeyFile": "keys",
    "KeyService": "keys",
    "Message": "message",
    "Passphrase": "keys",
    "RawKey": "keys",
    "ResetPolicy": "reset_policy",
    "ResetTicker": "ticker",
    "Scope": "scope",
    "Session": "session",
    "SessionError": "errors",
    "SessionManager": "manager",
    "Status": "session",
    "Usage": "message",
}
__all__ = [
    "Address",
    "ChatKind",
    "Checkpoint",
    "KeyFile",
    "KeyService",
    "Message",
    "Passphrase",
    "RawKey",
    "ResetPolicy",
    "ResetTicker",
    "Scope",
    "Session",
    "SessionError",
    "SessionManager",
    "Status",
    "Usage",
]


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for: a program pays only for what it uses."""
    if name not in _HOME:
        raise AttributeError(f"module 'sessions' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sessions.{_HOME[name]}"), name)
