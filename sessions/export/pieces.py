"""Pieces: gather many small strings into fewer larger ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sessions.export.characters import encodable

PIECE = 64 * 1024  # characters; one write to a file or socket


def gather(parts: Iterable[str]) -> Iterator[str]:
    """Join parts into pieces of about 64 Ki characters, each of which encodes as UTF-8."""
    held: list[str] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= PIECE:
            yield encodable("".join(held))
            held.clear()
            size = 0
    if held:
        yield encodable("".join(held))
