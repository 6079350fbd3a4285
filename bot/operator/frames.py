"""Frames: what a crew and its members say to one another through pipes; each is a kind and some values."""

from __future__ import annotations

import asyncio
import io
import pickle
import struct
from collections.abc import Iterator
from enum import IntEnum

_HEAD = struct.Struct(">BQ")  # kind, bytes that follow


class Kind(IntEnum):
    """What a frame holds."""

    asked = 1
    answers = 2
    done = 3  # with one batch, or with opening the store
    failed = 4  # words for the operator, and the exit code


def written(value: object) -> bytes:
    """Write a value."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def framed(kind: Kind, *values: bytes) -> bytes:
    """Put values that are written into a frame."""
    data = b"".join(values)
    return _HEAD.pack(kind, len(data)) + data


def values_in(data: bytes) -> Iterator[object]:
    """Read the values that a frame holds."""
    reader = io.BytesIO(data)
    while reader.tell() < len(data):
        yield pickle.load(reader)  # noqa: S301  # written by this program, in a pipe that nobody else has


def value_in(data: bytes) -> object:
    """Read the one value that a frame holds."""
    return next(values_in(data))


async def next_frame(reader: asyncio.StreamReader) -> tuple[Kind, bytes] | None:
    """Wait for a frame; None when the other side has ended, also in the middle of one."""
    try:
        kind, length = _HEAD.unpack(await reader.readexactly(_HEAD.size))
        return Kind(kind), await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
