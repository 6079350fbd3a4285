"""Server peers: the stores of others that keep conversations on a PostgreSQL server, with their own settings."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from tests.benchmarks.peers import AgentSession, LangGraphStore, OpenAIStore, Saver

CONNECTIONS = 10  # as many as Palaver opens


class LangGraphServerStore(LangGraphStore):
    """`AsyncPostgresSaver` on a pool of psycopg, driven directly as the one on SQLite is."""

    at_once = 8

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        self._address = address

    async def open(self) -> None:
        self._empty = import_module("langgraph.checkpoint.base").empty_checkpoint
        rows = import_module("psycopg.rows").dict_row
        self._pool = import_module("psycopg_pool").AsyncConnectionPool(
            self._address,
            min_size=CONNECTIONS,
            max_size=CONNECTIONS,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": rows},  # as its pages say
        )
        await self._pool.open(wait=True)
        self._saver = cast("Saver", import_module("langgraph.checkpoint.postgres.aio").AsyncPostgresSaver(self._pool))
        await self._saver.setup()

    async def close(self) -> None:
        await self._pool.close()


class AgentsServerStore(OpenAIStore):
    """`SQLAlchemySession` of openai-agents on asyncpg. It keeps no usage."""

    at_once = 8

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        self._address = address

    async def open(self) -> None:
        self._session = import_module("agents.extensions.memory").SQLAlchemySession
        scheme, _, rest = self._address.partition("://")
        make = import_module("sqlalchemy.ext.asyncio").create_async_engine
        self._engine = make(f"{scheme}+asyncpg://{rest}", pool_size=CONNECTIONS, max_overflow=0, pool_timeout=120)
        await self.make("first").get_items()  # it makes the tables, and would do so several times at once

    async def close(self) -> None:
        await self._engine.dispose()

    def make(self, session: str) -> AgentSession:
        return cast("AgentSession", self._session(session, engine=self._engine, create_tables=True))
