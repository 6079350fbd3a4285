"""Piece: the text of one message, and how parts of it look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """How a part of a text looks. `offset` and `length` count UTF-16 code units, `type` is a word of the Bot API."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """What one message takes."""

    text: str
    entities: tuple[Entity, ...] = ()
