"""Packing: what is sealed, made smaller, and filled up so that its size tells little."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from sessions.errors import InvalidValue
from sessions.exchange.trouble import BadBundle

MOST_CONTENT: Final = 128 * 1024 * 1024  # bytes of one session, as it is read
MOST_PACKED: Final = 48 * 1024 * 1024  # and as it is sealed
LEAST: Final = 512
_LENGTH = struct.Struct(">I")


def pack(content: bytes) -> bytes:
    """Compress and fill up. Raises `InvalidValue` for what is too large to be exchanged."""
    packed = zlib.compress(content, 6)
    if len(content) > MOST_CONTENT or len(packed) > MOST_PACKED:
        raise InvalidValue(f"it is larger than {MOST_CONTENT // 1024**2} MiB, too large to be exchanged; export it")
    data = _LENGTH.pack(len(packed)) + packed
    return data + bytes(_room(len(data)) - len(data))


def unpack(data: bytes, *, most: int = MOST_CONTENT) -> bytes:
    """Give the content back; never more than `most` bytes come of it. Raises `BadBundle`."""
    if len(data) < _LENGTH.size:
        raise BadBundle("it is not whole")
    (length,) = _LENGTH.unpack_from(data)
    packed = memoryview(data)[_LENGTH.size : _LENGTH.size + length]
    if len(packed) != length:
        raise BadBundle("it is not whole")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, most + 1)
    except zlib.error:
        raise BadBundle("it can not be unpacked") from None
    if len(content) > most:
        raise BadBundle(f"there are more than {most:,} bytes in it")
    if not unpacker.eof or unpacker.unused_data:
        raise BadBundle("it can not be unpacked")
    return content


def _room(size: int) -> int:
    """Round up so that of the size only its first few binary digits are told (Padmé): at most 12 % more."""
    size = max(size, LEAST)
    exponent = size.bit_length() - 1
    step = 1 << max(exponent - exponent.bit_length(), 0)
    return -(-size // step) * step
