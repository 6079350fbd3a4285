"""Peers: the fastest conversation stores of others, through their public API and with their own settings.

They are imported when opened, from an environment that holds them; a worker does so before it times anything.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from tests.benchmarks.store import Store, Usage, item_text
from tests.benchmarks.workload import CONTEXT, USAGE

Item = dict[str, object]
Config = dict[str, object]


class AgentSession(Protocol):
    """What the sessions of openai-agents share."""

    async def get_items(self, limit: int | None = None) -> list[Item]: ...
    async def add_items(self, items: list[Item]) -> None: ...


class OpenAIStore(Store):
    """`SQLiteSession` of openai-agents: one object for each session. It keeps no usage."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._objects: dict[str, AgentSession] = {}

    async def open(self) -> None:
        self._plain = import_module("agents").SQLiteSession

    async def close(self) -> None:
        for session in list(self._objects):
            await self.forget(session)

    def make(self, session: str) -> AgentSession:
        """Make the session's object, as the package asks for."""
        return cast("AgentSession", self._plain(session, self.path))

    async def append(self, session: str, role: str, text: str, usage: Usage | None = None) -> None:
        await self._get(session).add_items([{"role": role, "content": text}])

    async def fill(self, session: str, messages: Sequence[tuple[str, str]]) -> None:
        await self._get(session).add_items([{"role": role, "content": text} for role, text in messages])

    async def last(self, session: str, count: int) -> list[Item]:
        return await self._get(session).get_items(limit=count)

    async def all(self, session: str) -> list[Item]:
        return await self._get(session).get_items()

    def text(self, message: object) -> str:
        return item_text(message)

    async def forget(self, session: str) -> None:
        gone = self._objects.pop(session, None)
        # An EncryptedSession has the other one inside and no close of its own.
        getattr(getattr(gone, "underlying_session", gone), "close", lambda: None)()

    def _get(self, session: str) -> AgentSession:
        found = self._objects.get(session)
        if found is None:
            found = self._objects[session] = self.make(session)
        return found


class OpenAIEncryptedStore(OpenAIStore):
    """`EncryptedSession` (Fernet) around `SQLiteSession`."""

    async def open(self) -> None:
        await super().open()
        self._encrypted = import_module("agents.extensions.memory").EncryptedSession

    def make(self, session: str) -> AgentSession:
        key = base64.urlsafe_b64encode(bytes(32)).decode()
        return cast("AgentSession", self._encrypted(session, super().make(session), key, ttl=10**9))


class State(Protocol):
    """What LangGraph's saver gives back."""

    config: Config
    checkpoint: dict[str, dict[str, list[Item] | str]]


class Saver(Protocol):
    """The part of `AsyncSqliteSaver` that is used."""

    async def setup(self) -> None: ...
    async def aget_tuple(self, config: Config) -> State | None: ...
    async def aput(self, config: Config, state: object, metadata: object, versions: object) -> Config: ...
    def get_next_version(self, current: str | None, channel: None) -> str: ...


class LangGraphStore(Store):
    """`AsyncSqliteSaver` driven directly, the least work it can be given; each write holds the whole history."""

    chunk = 1_000_000

    async def open(self) -> None:
        self._empty = import_module("langgraph.checkpoint.base").empty_checkpoint
        self._connection = await import_module("aiosqlite").connect(self.path)
        make = import_module("langgraph.checkpoint.sqlite.aio").AsyncSqliteSaver
        self._saver = cast("Saver", make(self._connection))
        await self._saver.setup()

    async def close(self) -> None:
        await self._connection.close()

    async def append(self, session: str, role: str, text: str, usage: Usage | None = None) -> None:
        config, messages, version = await self._load(session)
        await self._save(config, [*messages, _message(role, text, usage)], version)

    async def fill(self, session: str, messages: Sequence[tuple[str, str]]) -> None:
        config, before, version = await self._load(session)
        await self._save(config, [*before, *(_message(role, text, None) for role, text in messages)], version)

    async def turn(self, session: str, user: str, reply: str) -> int:
        """Load once, as the run of a graph does."""
        config, messages, version = await self._load(session)
        messages = [*messages, _message("user", user, None)]
        config, version = await self._save(config, messages, version)
        context = messages[-CONTEXT:]
        await self._save(config, [*messages, _message("assistant", reply, USAGE)], version)
        return len(context)

    async def last(self, session: str, count: int) -> list[Item]:
        return (await self.all(session))[-count:]

    async def all(self, session: str) -> list[Item]:
        return (await self._load(session))[1]

    def text(self, message: object) -> str:
        return item_text(message)

    async def _load(self, session: str) -> tuple[Config, list[Item], str | None]:
        config: Config = {"configurable": {"thread_id": session, "checkpoint_ns": ""}}
        found = await self._saver.aget_tuple(config)
        if found is None:
            return config, [], None
        messages = cast("list[Item]", found.checkpoint["channel_values"]["messages"])
        return found.config, messages, cast("str", found.checkpoint["channel_versions"]["messages"])

    async def _save(self, config: Config, messages: list[Item], version: str | None) -> tuple[Config, str]:
        version = self._saver.get_next_version(version, None)
        state = self._empty()
        state["channel_values"] = {"messages": messages}
        state["channel_versions"] = {"messages": version}
        metadata = {"source": "loop", "step": 0, "parents": {}}
        return await self._saver.aput(config, state, metadata, {"messages": version}), version


def _message(role: str, text: str, usage: Usage | None) -> Item:
    message: Item = {"role": role, "content": text}
    if usage is not None:
        message["usage"] = {"input_tokens": usage[0], "output_tokens": usage[1]}
    return message
