"""Letter: one thing that came in from a platform, kept until it is handled."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from sessions.message import JsonValue


class LetterState(IntEnum):
    """How far a letter has come. The number is what the database holds."""

    waiting = 1
    begun = 2  # something of it took effect
    finished = 3


class Update(NamedTuple):
    """What a platform sent: a name that is unique within its channel, and where it was said.

    What is said at one place is handled by one worker, in its order; `lane` says that it is for another one's.
    """

    name: str
    content: bytes
    place: str = ""
    lane: int = 0


class Letter(NamedTuple):
    """An update as the platform sent it. `name` is unique within its channel; ids rise in order of arrival.

    `attempts` counts how often it was taken up once more: at a start of the program at which it had begun to take
    effect and was still unfinished, or when it had left no trace and was tried again.
    `again` says that it may have been worked on before, whatever came of it; it is not stored. `lane` says what one of
    several workers handles alone.
    """

    id: int
    channel: str
    name: str
    content: bytes
    state: LetterState = LetterState.waiting
    attempts: int = 0
    progress: Mapping[str, JsonValue] | None = None
    again: bool = False
    lane: int = 0
