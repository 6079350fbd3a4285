"""Cuts: where the conversations of an archive stand in its file, found in a hundredth of the time of parsing them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from sessions.export.archive import BETWEEN, END, FORMAT, VERSION
from sessions.export.documents import MAX_CHARACTERS, PIECE, Source

_HEAD: Final = re.compile(
    rb'\{"format": "%b", "version": %d,\n"exported_at": "[-0-9T:.]{23}Z",\n"sessions": \[\n'
    % (FORMAT.encode(), VERSION)
)
_LONGEST_HEAD: Final = 256  # bytes
_BETWEEN: Final = BETWEEN.encode()
_END: Final = b"\n" + END.encode()


class Cut(NamedTuple):
    """The text of what should be one conversation, and how many bytes stand before it in the file."""

    offset: int
    text: bytes


class OtherLayout(Exception):
    """A file is not laid out as we lay out archives; it may be right all the same."""


def cuts(source: Source, *, most: int = MAX_CHARACTERS, piece: int = PIECE) -> Iterator[Cut]:
    """Cut an archive where one conversation ends and the next begins, at lines that stand nowhere else in ours.

    If each text is a whole JSON value then so is the file. Raises `OtherLayout`, at once or at its end.
    """
    held, offset = _read(source, _LONGEST_HEAD), 0
    head = _HEAD.match(held)
    if head is None:
        raise OtherLayout
    at = looked = head.end()
    while True:
        end = held.find(_BETWEEN, looked)
        if end >= 0:
            yield Cut(offset + at, held[at:end])
            at = looked = end + len(_BETWEEN)
            continue
        if len(held) - at > most:
            raise OtherLayout
        more = source.read(max(piece, len(held) - at))  # as much again, so that a long one is not copied often
        if not more:
            break
        looked = max(len(held) - at - len(_BETWEEN) + 1, 0)
        held, offset, at = held[at:] + more, offset + at, 0
    if not held.endswith(_END, at):
        raise OtherLayout
    yield Cut(offset + at, held[at : -len(_END)])


def _read(source: Source, size: int) -> bytes:
    held = b""
    while len(held) < size and (more := source.read(size - len(held))):
        held += more
    return held
