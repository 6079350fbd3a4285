"""CensusKeeper: sealed counts of what there must be, so that a removed row is noticed."""

from __future__ import annotations

import struct

from sessions.cipher import RecordCipher
from sessions.errors import Tampered
from sessions.records import Census
from sessions.store import Recount

_COUNTS = struct.Struct(">8q")  # signed, as SQLite counts: a changed row must not raise anything else


class CensusKeeper:
    """Authenticates how much there is of everything."""

    def __init__(self, cipher: RecordCipher, install_id: bytes) -> None:
        self._cipher, self._label = cipher, b"palaver\x01census" + install_id

    def first(self) -> Census:
        """Give the counts of an empty store."""
        return self._sealed(Census())

    def change(self, more: Census) -> Recount:
        """Give the function that adds to the counts."""

        def recount(before: Census) -> Census:
            self.check(before)
            return self._sealed(before.plus(more))

        return recount

    def check(self, census: Census) -> None:
        """Raise `Tampered` unless the counts are those last sealed."""
        if not self._cipher.verify(self._data(census), census.mac):
            raise Tampered("the census of the store")

    def _sealed(self, census: Census) -> Census:
        return census._replace(mac=self._cipher.mac(self._data(census)))

    def _data(self, census: Census) -> bytes:
        return self._label + _COUNTS.pack(*census.counts)
