"""Paper: a master key in a form to be written down and typed in again.

Four lines of 16 characters (base32 without 0, 1, 8 and 9, in groups of four). Each holds 8 bytes of the key and 2 of a
checksum over them and the number of the line, so that a slip of the pen is found and the line named.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from sessions.cipher import KEY_SIZE
from sessions.errors import InvalidValue

LINES = 4
_BYTES = KEY_SIZE // LINES
_SUM = 2
_CHARACTERS = 16
_MISREAD = str.maketrans("018", "OIB")  # not in the alphabet, so whoever writes them means these


def to_paper(key: bytes) -> list[str]:
    """Give the lines to write down."""
    parts = [key[start : start + _BYTES] for start in range(0, KEY_SIZE, _BYTES)]
    return [_line(number, part) for number, part in enumerate(parts, 1)]


def from_paper(text: str) -> bytes:
    """Read the lines back; spaces, dashes and the case of letters do not count. Raises `InvalidValue`.

    Lines that begin with # and the numbers before the colons are left out.
    """
    lines = [line.partition(":")[2] or line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    if len(lines) != LINES:
        raise InvalidValue(f"a key on paper has {LINES} lines of {_CHARACTERS} characters; these are {len(lines)}")
    return b"".join(_part(number, line) for number, line in enumerate(lines, 1))


def _line(number: int, part: bytes) -> str:
    text = base64.b32encode(part + _checksum(number, part)).decode()
    return f"{number}: " + " ".join(text[start : start + 4] for start in range(0, _CHARACTERS, 4))


def _part(number: int, line: str) -> bytes:
    text = "".join(char for char in line.upper() if not char.isspace() and char != "-").translate(_MISREAD)
    try:
        data = base64.b32decode(text) if len(text) == _CHARACTERS else b""
    except binascii.Error:
        data = b""
    part, found = data[:_BYTES], data[_BYTES:]
    if len(found) != _SUM or found != _checksum(number, part):
        raise InvalidValue(f"line {number} has a slip in it: compare it with the paper, letter by letter")
    return part


def _checksum(number: int, part: bytes) -> bytes:
    return hashlib.sha256(b"palaver/paper/1" + bytes((number,)) + part).digest()[:_SUM]
