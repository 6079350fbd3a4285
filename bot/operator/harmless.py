r"""Harmless: what strangers wrote, at the operator's terminal.

A control character could move the cursor or change the title, and one that turns the direction of text could pass one
name for another. At a terminal each is seen as `\u001b` and has no effect; in JSON that is the same value. A pipe and a
file get every byte as it is.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from bot.operator.tables import at_terminal

_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escaped(text: str) -> str:
    r"""Show everything that a terminal acts on as what it is, but line breaks and tabs.

    >>> escaped("\x1b[2J\tone\r\ntwo")
    '\\u001b[2J\tone\ntwo'
    """
    return _ACTS.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))


def harmless(text: str) -> str:
    """Give text as it can be printed: at a terminal without effect, elsewhere as it is."""
    return escaped(text) if at_terminal() else text


class TerminalSink:
    """Takes whole pieces of text as UTF-8 and writes them to a terminal, without effect."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes, /) -> None:
        """Write a piece."""
        self._file.write(escaped(data.decode()).encode())
