"""Own: Palaver itself, through its public API and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sessions import Address, Message, SessionManager, Usage
from tests.benchmarks import store as bench

KEY = bytes(range(32))


class PalaverStore(bench.Store):
    """The settings one gets without asking."""

    hot_messages = 64
    at_once = 128

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._ids_file = folder / "ids.json"
        self._ids: dict[str, str] = json.loads(self._ids_file.read_text()) if self._ids_file.exists() else {}

    async def open(self) -> None:
        self.sessions = SessionManager.open(db_path=self.path, encryption_key=KEY, hot_messages=self.hot_messages)
        await self.sessions.__aenter__()

    async def close(self) -> None:
        await self.sessions.__aexit__(None, None, None)
        self._ids_file.write_text(json.dumps(self._ids))

    async def append(self, session: str, role: str, text: str, usage: bench.Usage | None = None) -> None:
        session_id = self._ids.get(session) or await self._begin(session)
        counted = None if usage is None else Usage(*usage)
        await self.sessions.add_message(session_id, role=role, content=text, usage=counted)

    async def last(self, session: str, count: int) -> Sequence[Message]:
        return await self.sessions.get_history(self._ids[session], limit=count)

    async def all(self, session: str) -> Sequence[Message]:
        return await self.sessions.get_history(self._ids[session], limit=None)

    def text(self, message: object) -> str:
        if not isinstance(message, Message):
            raise TypeError(f"not a message: {type(message).__name__}")
        return message.content

    def id(self, session: str) -> str:
        """Give the id of a session that was filled."""
        return self._ids[session]

    @staticmethod
    def address(session: str) -> Address:
        """Give the address a session belongs to."""
        return Address(platform="telegram", account="1", chat_id=session, user_id="1")

    async def _begin(self, session: str) -> str:
        made = await self.sessions.get_or_create_session(self.address(session))
        self._ids[session] = made.id
        return made.id


class PalaverNoCacheStore(PalaverStore):
    """Keeps no message in memory: every read goes to the disk and is decrypted."""

    hot_messages = 0
