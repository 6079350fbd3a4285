"""The form in which the row of a session waits in a store until all of the session has arrived: packed.

It lies there for the time of one import only, and is read by the program that wrote it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter, itemgetter
from typing import Final

from sessions.errors import Tampered
from sessions.records import Arrival, ArrivalRow, SessionRow

_TEXTS: Final = ("id", "status")
_BLOBS: Final = ("key_idx", "owner_idx", "profile", "wrapped", "commitment", "mac")
_PIECES: Final = (*_TEXTS, *_BLOBS)  # of any length
_NUMBERS: Final = tuple(field.name for field in fields(SessionRow) if field.name not in _PIECES)
_NEVER: Final = -(1 << 63)  # stands for no time
_SAME: Final = (1 << 32) - 1  # stands for the length of a piece that is as in the row before
_HEAD: Final = struct.Struct(f">{len(_NUMBERS)}q{len(_PIECES)}I")
_BEGIN: Final = struct.Struct(">?I")  # whether there is another row, and how many sources
_numbers, _pieces = attrgetter(*_NUMBERS), attrgetter(*_PIECES)
_in_order = itemgetter(*((*_NUMBERS, *_PIECES).index(field.name) for field in fields(SessionRow)))
_RESET: Final = _NUMBERS.index("next_reset_at")


def waiting(arrival: Arrival) -> ArrivalRow:
    """Pack an arrival: its sources, its row, and of the other one, if there is one, what differs."""
    row, other, sources = arrival
    pieces = _encoded(row)
    body = [_BEGIN.pack(other is not None, len(sources)), *(source.to_bytes(8, "big") for source in sources)]
    body.append(_packed(row, pieces))
    if other is not None:
        its = _encoded(other)
        body.append(_packed(other, [None if one == known else one for one, known in zip(its, pieces, strict=True)]))
    return ArrivalRow(row.number, row.id, b"".join(body))


class WaitingArrival:
    """An arrival that has waited; its other row is read only when somebody asks. Raises `Tampered`."""

    __slots__ = ("_body", "_end", "_other", "_pieces", "row", "sources")

    def __init__(self, body: bytes) -> None:
        try:
            self._other, count = _BEGIN.unpack_from(body)
            at = _BEGIN.size + 8 * count
            self.sources = struct.unpack_from(f">{count}q", body, _BEGIN.size) if count else ()
            self._body = body
            self.row, self._pieces, self._end = _unpacked(body, at, ())
        except (struct.error, ValueError):
            raise Tampered("a conversation that comes in") from None

    @property
    def instead(self) -> SessionRow | None:
        """The row to take if the key has a current session by now."""
        try:
            return _unpacked(self._body, self._end, self._pieces)[0] if self._other else None
        except (struct.error, ValueError):
            raise Tampered("a conversation that comes in") from None


def _encoded(row: SessionRow) -> list[bytes]:
    session_id, status, *blobs = _pieces(row)
    return [session_id.encode(), status.encode(), *blobs]


def _packed(row: SessionRow, pieces: Sequence[bytes | None]) -> bytes:
    """Pack a row and its pieces; None stands for one that is as in the row before."""
    numbers = list(_numbers(row))
    if numbers[_RESET] is None:
        numbers[_RESET] = _NEVER
    lengths = [_SAME if piece is None else len(piece) for piece in pieces]
    return _HEAD.pack(*numbers, *lengths) + b"".join(filter(None, pieces))


def _unpacked(body: bytes, at: int, known: Sequence[bytes]) -> tuple[SessionRow, Sequence[bytes], int]:
    """Give the row that begins there, its pieces, and where it ends. Raises `struct.error` or `ValueError`."""
    numbers = list(_HEAD.unpack_from(body, at))
    lengths = numbers[len(_NUMBERS) :]
    del numbers[len(_NUMBERS) :]
    if numbers[_RESET] == _NEVER:
        numbers[_RESET] = None
    at += _HEAD.size
    pieces: list[bytes] = []
    for length in lengths:
        if length == _SAME and known:
            pieces.append(known[len(pieces)])
        else:
            pieces.append(body[at : at + length])
            at += length
    if at > len(body):
        raise ValueError("it ends too early")
    session_id, status, *blobs = pieces
    return SessionRow(*_in_order((*numbers, session_id.decode(), status.decode(), *blobs))), pieces, at
