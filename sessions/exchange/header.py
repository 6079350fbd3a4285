"""Header: what a bundle is about."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from sessions.exchange.trouble import BadBundle
from sessions.session import ID_LENGTH, looks_like_id

DIGEST = 32
_FORM = struct.Struct(f">B{ID_LENGTH}sQQ{DIGEST}s")
HEADER_SIZE = _FORM.size


class Kind(IntEnum):
    """What a bundle says. The number is what it holds."""

    STATE = 1  # a session as it is at the sender's, for another machine of the same person
    ERASED = 2  # the session was erased at the sender's
    SHARED = 3  # a session as it was when it was shared, for somebody else


class Header(NamedTuple):
    """Kind, session and sequence: a later bundle of a slot has a higher one.

    `seen` is the sequence of the newest bundle about the session that the sender had read from the receiver by then.
    `digest` tells one state of a session from another.
    """

    kind: Kind
    session_id: str
    sequence: int
    seen: int
    digest: bytes

    def encode(self) -> bytes:
        """Write as bytes, always as many."""
        return _FORM.pack(self.kind, self.session_id.encode(), self.sequence, self.seen, self.digest)

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read what `encode` made. Raises `BadBundle`."""
        try:
            kind, name, sequence, seen, digest = _FORM.unpack(data)
            header = cls(Kind(kind), name.decode("ascii"), sequence, seen, digest)
        except (struct.error, ValueError):
            raise BadBundle("it says nothing that this Palaver knows; it may be of a newer one") from None
        proper = len(header.session_id) == ID_LENGTH and looks_like_id(header.session_id)
        if not proper or header.session_id != header.session_id.lower():
            raise BadBundle("it is about no session")
        return header
