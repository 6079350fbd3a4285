"""The form in which the row of a session waits in a store until all of the session has arrived: packed.

It lies there for the time of one import only, and is read by the program that wrote it.
"""

from __future__ import annotations

import struct
from dataclasses import fields
from itertools import accumulate, pairwise
from operator import attrgetter, itemgetter
from typing import Any, Final

from sessions.errors import Tampered
from sessions.records import Arrival, ArrivalRow, SessionRow

_TEXTS: Final = ("id", "status")
_BLOBS: Final = ("key_idx", "owner_idx", "profile", "wrapped", "commitment", "mac")
_PIECES: Final = (*_TEXTS, *_BLOBS)  # of any length
_NUMBERS: Final = tuple(field.name for field in fields(SessionRow) if field.name not in _PIECES)
_NEVER: Final = -(1 << 63)  # stands for no time
_SAME: Final = (1 << 32) - 1  # stands for the length of a piece that is as in the row before
_HEAD: Final = struct.Struct(f">{len(_NUMBERS)}q{len(_PIECES)}I")
_SOURCE: Final = struct.Struct(">q")
_numbers, _pieces = attrgetter(*_NUMBERS), attrgetter(*_PIECES)
_in_order = itemgetter(*((*_NUMBERS, *_PIECES).index(field.name) for field in fields(SessionRow)))
_RESET: Final = _NUMBERS.index("next_reset_at")


def waiting(arrival: Arrival) -> ArrivalRow:
    """Pack an arrival: its row, the other one if there is one, of which only what differs, and the sources."""
    row, other = arrival.row, arrival.instead
    pieces = _encoded(row)
    body = [bytes((other is not None,)), _packed(row, pieces, None)]
    if other is not None:
        body.append(_packed(other, _encoded(other), pieces))
    body += map(_SOURCE.pack, arrival.sources)
    return ArrivalRow(row.number, row.id, b"".join(body))


def decode_arrival(body: bytes) -> Arrival:
    """Read what `waiting` made. Raises `Tampered`."""
    try:
        row, pieces, at = _unpacked(body, 1, ())
        instead: SessionRow | None = None
        if body[0]:
            instead, _, at = _unpacked(body, at, pieces)
        return Arrival(row, instead, tuple(source for (source,) in _SOURCE.iter_unpack(body[at:])))
    except (struct.error, IndexError, ValueError):
        raise Tampered("a conversation that comes in") from None


def _encoded(row: SessionRow) -> list[bytes]:
    session_id, status, *blobs = _pieces(row)
    return [session_id.encode(), status.encode(), *blobs]


def _packed(row: SessionRow, pieces: list[bytes], before: list[bytes] | None) -> bytes:
    numbers = list(_numbers(row))
    if numbers[_RESET] is None:
        numbers[_RESET] = _NEVER
    if before is None:
        return _HEAD.pack(*numbers, *map(len, pieces)) + b"".join(pieces)
    differing = [piece if piece != known else None for piece, known in zip(pieces, before, strict=True)]
    lengths = [_SAME if piece is None else len(piece) for piece in differing]
    return _HEAD.pack(*numbers, *lengths) + b"".join(filter(None, differing))


def _unpacked(body: bytes, at: int, before: tuple[bytes, ...]) -> tuple[SessionRow, tuple[bytes, ...], int]:
    """Give the row that begins there, its pieces, and where it ends."""
    found: tuple[Any, ...] = _HEAD.unpack_from(body, at)
    numbers, lengths = list(found[: len(_NUMBERS)]), found[len(_NUMBERS) :]
    if numbers[_RESET] == _NEVER:
        numbers[_RESET] = None
    own = (length for length in lengths if length != _SAME)
    bounds = list(accumulate(own, initial=at + _HEAD.size))
    if bounds[-1] > len(body):
        raise ValueError("it ends too early")
    cut = iter([body[start:end] for start, end in pairwise(bounds)])
    pieces = tuple(before[n] if length == _SAME else next(cut) for n, length in enumerate(lengths))
    session_id, status, *blobs = pieces
    return SessionRow(*_in_order((*numbers, session_id.decode(), status.decode(), *blobs))), pieces, bounds[-1]
