"""The form of a message inside its sealed record: flags, maybe usage, maybe extras as JSON, the text.

A plain message is one zero byte and its text: most are, and JSON around each would cost more than the cipher.
"""

from __future__ import annotations

import json
import struct

from sessions.message import KIND_NAMES, ROLE_NAMES, JsonValue, Message, Usage
from sessions.plain_json import encode_json

_USAGE = struct.Struct(">III")
_LENGTH = struct.Struct(">I")
_HAS_USAGE, _HAS_EXTRAS = 1, 2
_new = tuple.__new__


def encode(message: Message, content: bytes) -> bytes:
    """Frame a message whose text is `content`."""
    if message.usage is None and message.author is None and not message.metadata:
        return b"\x00" + content
    flags, parts = 0, [b""]
    if message.usage is not None:
        flags |= _HAS_USAGE
        parts.append(_USAGE.pack(*message.usage))
    if message.author is not None or message.metadata:
        flags |= _HAS_EXTRAS
        said = {"author": message.author, "metadata": message.metadata and dict(message.metadata)}
        data = encode_json(said)
        parts += [_LENGTH.pack(len(data)), data]
    return bytes((flags,)) + b"".join(parts) + content


def decode(data: bytes, seq: int, role: int, kind: int, keep: int, at: int) -> Message:
    """Read what `encode` made, with the columns beside it.

    Anything else is a ValueError, a KeyError, a TypeError, a struct.error or an IndexError.
    """
    flags, start = data[0], 1
    usage = author = metadata = None
    if flags:
        if flags & ~(_HAS_USAGE | _HAS_EXTRAS):
            raise ValueError("unknown flags")
        if flags & _HAS_USAGE:
            usage, start = _new(Usage, _USAGE.unpack_from(data, 1)), _USAGE.size + 1
        if flags & _HAS_EXTRAS:
            (length,) = _LENGTH.unpack_from(data, start)
            start += _LENGTH.size
            author, metadata = _extras(json.loads(data[start : start + length]))
            start += length
    text = str(data[start:], "utf-8")
    # Straight to tuple.__new__: half the time of the named tuple's own constructor, 10,000 times in one read.
    return _new(Message, (seq, ROLE_NAMES[role], text, at, usage, KIND_NAMES[kind], keep == 1, author, metadata))


def text_of(data: bytes) -> bytes:
    """Give the text alone of what `encode` made, as UTF-8; raises as `decode` does, where that would notice."""
    flags, start = data[0], 1
    if not flags:
        return data[1:]
    if flags & _HAS_USAGE:
        start += _USAGE.size
    if flags & _HAS_EXTRAS:
        start += _LENGTH.size + _LENGTH.unpack_from(data, start)[0]
    return data[start:]


def _extras(said: object) -> tuple[str | None, dict[str, JsonValue] | None]:
    """Check the shape of what goes with a message; nothing else is ever built from it."""
    if not isinstance(said, dict) or set(said) != {"author", "metadata"}:
        raise ValueError("extras")
    author, metadata = said["author"], said["metadata"]
    if not isinstance(author, str | None) or not isinstance(metadata, dict | None):
        raise ValueError("extras")
    return author, metadata
