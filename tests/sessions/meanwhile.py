"""What happens between the reading of a session and that of its messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sessions.manager import SessionManager
from sessions.records import MessageFields
from sessions.sqlite.store import SqliteStore


class Meanwhile(SqliteStore):
    """A store in which a job is done, once, before messages are read."""

    job: Callable[[], Awaitable[object]] | None = None

    async def messages(
        self, first: int, last: int, limit: int, *, newest: bool, kept: bool = False
    ) -> list[MessageFields]:
        job, self.job = self.job, None
        if job is not None:
            await job()
        return await super().messages(first, last, limit, newest=newest, kept=kept)


async def seal_anew(sessions: SessionManager) -> None:
    """Give every session another data key."""
    await sessions.rotation.begin(sessions.kid, deep=True)
    while not (await sessions.rotation.step()).done:
        pass
    assert await sessions.rotation.end() == 0
