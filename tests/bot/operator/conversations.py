"""Conversations in a store of their own, and what has become of them."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bot.startup import key_provider, open_sessions
from config import load_settings
from sessions.address import Address
from sessions.audit import AuditEntry
from sessions.catalogue import Listed, Wanted
from sessions.manager import SessionManager
from sessions.message import Message
from tests.bot import where
from tests.bot.shell import Done, Shell

T = TypeVar("T")
Quick = Callable[..., Done]
DAY = 86_400.0
ME = Address(platform="console", account="local", chat_id="console", user_id=getpass.getuser())


def telegram(user: str) -> Address:
    return Address(platform="telegram", account="1", chat_id=user, user_id=user)


def within(
    shell: Shell, work: Callable[[SessionManager], Awaitable[T]], *, days_ago: float = 0, read_only: bool = False
) -> T:
    """Do something in the store of a shell, so many days ago."""

    async def run() -> T:
        environ = {"PALAVER_HOME": str(shell.home), "PALAVER_SESSIONS__TIMEZONE": "UTC", **where.environ()}
        settings = load_settings(environ=environ)
        clock = time.time() - days_ago * DAY
        async with open_sessions(
            settings, key_provider(settings), clock=lambda: clock, read_only=read_only
        ) as sessions:
            return await work(sessions)

    return asyncio.run(run())


def begin(shell: Shell, address: Address = ME, *words: str, title: str | None = None, days_ago: float = 0) -> str:
    """Begin a conversation and say words in it, so many days ago; give its id."""

    async def work(sessions: SessionManager) -> str:
        session = await sessions.new_session(address, title=title)
        for said in words:
            await sessions.add_message(session.id, role="user", content=said)
        return session.id

    return within(shell, work, days_ago=days_ago)


def listed(shell: Shell) -> dict[str, Listed]:
    """Give every conversation there is, by id."""

    async def work(sessions: SessionManager) -> Sequence[Listed]:
        return await sessions.catalogue.select(Wanted())

    return {one.session.id: one for one in within(shell, work, read_only=True)}


def history(shell: Shell, session_id: str) -> list[Message]:
    async def work(sessions: SessionManager) -> list[Message]:
        return await sessions.get_history(session_id, limit=None)

    return within(shell, work, read_only=True)


def audited(shell: Shell) -> list[AuditEntry]:
    async def work(sessions: SessionManager) -> list[AuditEntry]:
        return await sessions.audit.newest()

    return within(shell, work, read_only=True)
