"""What the tests of the library share: addresses, a key, a store on disk, and managers opened on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from sessions.address import Address, ChatKind
from sessions.keys import KeyProvider
from sessions.manager import SessionManager
from sessions.message import Message
from tests.conftest import ManualClock

KEY = bytes(range(32))
OTHER_KEY = bytes(range(100, 132))


def person(
    user: str = "ann",
    *,
    chat: str = "chat-1",
    platform: str = "telegram",
    account: str = "bot-1",
    thread: str | None = None,
    kind: ChatKind = ChatKind.PRIVATE,
) -> Address:
    """Give the address of somebody in a chat."""
    return Address(platform=platform, account=account, chat_id=chat, user_id=user, thread_id=thread, chat_kind=kind)


async def say(sessions: SessionManager, session_id: str, *turns: str) -> list[Message]:
    """Store turns: each text as the person's, followed by `re: <text>` as the reply; give all messages stored."""
    stored: list[Message] = []
    for text in turns:
        stored.append(await sessions.add_message(session_id, role="user", content=text))
        stored.append(await sessions.add_message(session_id, role="assistant", content=f"re: {text}"))
    return stored


async def texts(sessions: SessionManager, session_id: str) -> list[str]:
    """Read the whole conversation as plain texts, oldest first."""
    return [message.content for message in await sessions.get_history(session_id, limit=None)]


class Opener(Protocol):
    """Describes a manager on the test's store and clock; `async with` opens it."""

    def __call__(
        self,
        *,
        path: Path | None = ...,
        key: bytes | KeyProvider | list[KeyProvider] = ...,
        hot_sessions: int = ...,
        hot_messages: int = ...,
        read_only: bool = ...,
    ) -> SessionManager: ...


@pytest.fixture
def db_path(tmp_path: Path) -> Path:
    """Where the test's store lies; its folder is made when it is first opened."""
    return tmp_path / "home" / "palaver.db"


@pytest.fixture
def open_store(db_path: Path, clock: ManualClock) -> Opener:
    """Open the test's store, again and again if need be; what is said elsewhere goes through `SessionManager.open`."""

    def describe(
        *,
        path: Path | None = None,
        key: bytes | KeyProvider | list[KeyProvider] = KEY,
        hot_sessions: int = 256,
        hot_messages: int = 64,
        read_only: bool = False,
    ) -> SessionManager:
        return SessionManager.open(
            db_path=path or db_path,
            encryption_key=key,
            clock=clock,
            hot_sessions=hot_sessions,
            hot_messages=hot_messages,
            read_only=read_only,
        )

    return describe


@pytest.fixture
def open_memory(clock: ManualClock) -> Callable[[], SessionManager]:
    """Open a store that lies in memory only."""
    return lambda: SessionManager.open(encryption_key=KEY, clock=clock)
