"""Stores: the table of everything that is measured."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from tests.benchmarks.store import Store

OWN, NO_CACHE, RAW, PEER, ENCRYPTED, GRAPH = (
    "palaver",
    "palaver-nocache",
    "raw",
    "openai",
    "openai-encrypted",
    "langgraph",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One store: where its adapter is, what importing it means, and where it is installed."""

    label: str
    module: str
    adapter: str
    imports: str
    encrypted: str
    foreign: bool = False  # lives in the peers' environment
    filled_as: str | None = None  # works on what another store filled

    def load(self) -> type[Store]:
        """Import the adapter."""
        found = getattr(import_module(f"tests.benchmarks.{self.module}"), self.adapter)
        if not (isinstance(found, type) and issubclass(found, Store)):
            raise TypeError(f"{self.adapter} is no store")
        return found


_OURS = "from sessions import Address, SessionManager"
STORES = {
    OWN: Entry("Palaver", "own", "PalaverStore", _OURS, "AES-256-GCM"),
    NO_CACHE: Entry("Palaver, every tail from disk", "own", "PalaverNoCacheStore", _OURS, "AES-256-GCM", filled_as=OWN),
    RAW: Entry("raw sqlite3 by hand, one commit each", "raw", "RawStore", "import sqlite3", "AES-256-GCM"),
    PEER: Entry("openai-agents SQLiteSession", "peers", "OpenAIStore", "import agents", "no", foreign=True),
    ENCRYPTED: Entry(
        "openai-agents EncryptedSession",
        "peers",
        "OpenAIEncryptedStore",
        "from agents.extensions.memory import EncryptedSession",
        "Fernet",
        foreign=True,
    ),
    GRAPH: Entry(
        "LangGraph AsyncSqliteSaver",
        "peers",
        "LangGraphStore",
        "from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver",
        "no",
        foreign=True,
    ),
}
