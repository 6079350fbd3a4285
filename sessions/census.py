"""CensusKeeper: sealed counts of what there must be, so that a removed row is noticed."""

from __future__ import annotations

import struct

from sessions.cipher import RecordCipher
from sessions.errors import Tampered
from sessions.records import Census
from sessions.store import Recount

_COUNTS = struct.Struct(">qqq")  # signed, as SQLite counts: a changed row must not raise anything else


class CensusKeeper:
    """Authenticates the numbers of sessions, of preferences, and of all changes to preferences."""

    def __init__(self, cipher: RecordCipher, install_id: bytes) -> None:
        self._cipher, self._label = cipher, b"palaver\x01census" + install_id

    def first(self) -> Census:
        """Give the counts of an empty store."""
        return self._seal(0, 0, 0)

    def change(self, *, sessions: int = 0, preferences: int = 0, revisions: int = 0) -> Recount:
        """Give the function that adds to the counts."""

        def recount(before: Census) -> Census:
            self.check(before)
            return self._seal(
                before.sessions + sessions, before.preferences + preferences, before.revisions + revisions
            )

        return recount

    def check(self, census: Census) -> None:
        """Raise `Tampered` unless the counts are those last sealed."""
        if not self._cipher.verify(self._label + _COUNTS.pack(*census[:3]), census.mac):
            raise Tampered("the census of the store")

    def _seal(self, sessions: int, preferences: int, revisions: int) -> Census:
        mac = self._cipher.mac(self._label + _COUNTS.pack(sessions, preferences, revisions))
        return Census(sessions, preferences, revisions, mac)
