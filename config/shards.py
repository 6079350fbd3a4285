"""Shards: which of the connections to Discord's gateway a program makes."""

from __future__ import annotations

import re

AUTO = "auto"
MOST = 16_384
_PART = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?/(\d{1,5})")


def parse_shards(text: str) -> tuple[range, int] | None:
    """Read `0-3/16`: the shards from 0 to 3 of 16; None for `auto`. Raises ValueError."""
    if text == AUTO:
        return None
    match = _PART.fullmatch(text)
    if match is None:
        raise ValueError('is not understood; write "auto", or a part of all shards such as "0-3/16"')
    first, count = int(match[1]), int(match[3])
    last = int(match[2] or first)
    if not first <= last < count <= MOST:
        raise ValueError(f"must name shards from 0 to {count - 1}, the first one first")
    return range(first, last + 1), count


def check_shards(value: str) -> str:
    """Refuse what can not be read. Raises ValueError."""
    parse_shards(value)
    return value
