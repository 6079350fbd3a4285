"""Marks: what ties an answer to its question, and says where that is known."""

from __future__ import annotations

import re
import secrets
from typing import Final

MARK: Final = r"[0-9a-f]{6}(?:[0-9a-f]{2})?"
_ANSWER = re.compile(rf"(?:yes|no) #({MARK})", re.IGNORECASE)


def new_mark(lane: int) -> str:
    """Make a mark for a question that is known to the worker of a lane; 0 where there is only one program."""
    return secrets.token_hex(3) + (f"{lane:02x}" if lane else "")


def lane_in(text: str) -> int:
    """Give the lane of the question that a text answers; 0 for any other text."""
    answer = _ANSWER.fullmatch(text)
    return int(answer[1][6:] or "0", 16) if answer else 0
