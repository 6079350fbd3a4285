"""Raw: the limit. The standard library's sqlite3 and AES-GCM by hand, straight from the event loop.

No thread, no checks, no time line: what is left is the disk, SQLite and the cipher.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.benchmarks.store import Store, Usage
from tests.benchmarks.workload import CONTEXT, USAGE

_PUT = "INSERT INTO message VALUES (?, ?, ?, ?, ?)"
_TAIL = "SELECT id, role, sealed FROM message WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?"
_SPAN = 1 << 32  # a session's messages lie side by side: its number, then the sequence

Row = tuple[int, str, bytes, int, int]
RoleAndText = tuple[str, str]


class RawStore(Store):
    """One commit for each message."""

    chunk = 10_000

    async def open(self) -> None:
        self.database = sqlite3.connect(self.path, isolation_level=None)
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS message"
            " (id INTEGER PRIMARY KEY, role TEXT, sealed BLOB, tokens_in INTEGER, tokens_out INTEGER)"
        )
        self._cipher = AESGCM(bytes(32))
        self._newest: dict[str, int] = {}

    async def close(self) -> None:
        self.database.close()

    def seal(self, session: str, role: str, text: str, usage: Usage | None = None) -> Row:
        """Encrypt the next message of a session, bound to its place."""
        key = self._newest.get(session) or self._find_newest(session)
        self._newest[session] = key = key + 1
        nonce = os.urandom(12)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), key.to_bytes(8))
        return (key, role, sealed, *(usage or (0, 0)))

    def put(self, rows: Sequence[Row]) -> None:
        """Store sealed messages with one commit."""
        if len(rows) == 1:
            self.database.execute(_PUT, rows[0])
            return
        self.database.execute("BEGIN")
        self.database.executemany(_PUT, rows)
        self.database.execute("COMMIT")

    def tail(self, session: str, count: int) -> list[RoleAndText]:
        """Read and decrypt the newest messages."""
        first = _number(session) * _SPAN
        rows = self.database.execute(_TAIL, (first, first + _SPAN - 1, count)).fetchall()
        rows.reverse()
        decrypt = self._cipher.decrypt
        return [(role, decrypt(box[:12], box[12:], key.to_bytes(8)).decode()) for key, role, box in rows]

    async def append(self, session: str, role: str, text: str, usage: Usage | None = None) -> None:
        self.put([self.seal(session, role, text, usage)])

    async def fill(self, session: str, messages: Sequence[tuple[str, str]]) -> None:
        self.put([self.seal(session, role, text) for role, text in messages])

    async def last(self, session: str, count: int) -> list[RoleAndText]:
        return self.tail(session, count)

    async def all(self, session: str) -> list[RoleAndText]:
        return self.tail(session, -1)

    def text(self, message: object) -> str:
        if not isinstance(message, tuple):
            raise TypeError(f"not a message: {type(message).__name__}")
        return str(message[1])

    def _find_newest(self, session: str) -> int:
        first = _number(session) * _SPAN
        ids = "SELECT coalesce(max(id), ?) FROM message WHERE id BETWEEN ? AND ?"
        return int(self.database.execute(ids, (first, first, first + _SPAN - 1)).fetchone()[0])


def grouped_turn(store: RawStore, sessions: Sequence[str], said: str, answer: str) -> float:
    """Do one turn of every session with two commits in all; give the seconds it took."""
    began = time.perf_counter()
    store.put([store.seal(session, "user", said) for session in sessions])
    for session in sessions:
        store.tail(session, CONTEXT)
    store.put([store.seal(session, "assistant", answer, USAGE) for session in sessions])
    return time.perf_counter() - began


def _number(session: str) -> int:
    return int(session[1:])
