"""Spent: which buttons of a message were pressed, for the looks of it; that each counts once is kept elsewhere."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from adapters.buttons import used_up

REMEMBERED = 1_000  # messages


class Spent:
    """Remembers what was pressed: what a platform tells of a message may be older than the press before."""

    def __init__(self) -> None:
        self._pressed: OrderedDict[Hashable, list[str]] = OrderedDict()

    def press(self, message: Hashable, payload: str) -> None:
        """Take note of a press."""
        self._pressed.setdefault(message, []).append(payload)
        self._pressed.move_to_end(message)
        if len(self._pressed) > REMEMBERED:
            self._pressed.popitem(last=False)

    def has(self, message: Hashable, payload: str) -> bool:
        """Tell whether a button of a message is used up by what was pressed there."""
        return any(used_up(payload, pressed) for pressed in self._pressed.get(message, ()))
