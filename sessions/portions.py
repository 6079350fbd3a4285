"""Portions: rows that go together until they are much, whatever their number: one message may be 4 MiB long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sessions.records import MessageRow

BYTES: Final = 16 * 1024 * 1024


def portions(messages: Iterable[MessageRow]) -> Iterator[list[MessageRow]]:
    """Give messages in lists of at most `BYTES`, or of one message that is longer."""
    portion: list[MessageRow] = []
    size = 0
    for message in messages:
        if portion and size + len(message.body) > BYTES:
            yield portion
            portion, size = [], 0
        portion.append(message)
        size += len(message.body)
    if portion:
        yield portion
