"""Parameters: the typed values a handler is given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import TypeVar

Value = str | int | time | tuple[str, ...] | None
T = TypeVar("T", str, int, time, tuple[str, ...])


class Parameters:
    """Values by the names of the table; what was left out is not there.

    Reading a value as another type than the table declares is a mistake in the handler: TypeError.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        self._values = dict(values or {})

    def __contains__(self, name: str) -> bool:
        """Tell whether the person gave it."""
        return name in self._values

    def text(self, name: str) -> str:
        """Give a text, a choice or a reference; empty when it was left out."""
        return self._read(name, str) or ""

    def number(self, name: str, default: int) -> int:
        """Give a whole number."""
        value = self._read(name, int)
        return default if value is None else value

    def number_or_off(self, name: str) -> int | None:
        """Give a whole number; None for "off"."""
        return self._read(name, int)

    def time_or_off(self, name: str) -> time | None:
        """Give a time of day; None for "off"."""
        return self._read(name, time)

    def words(self, name: str) -> tuple[str, ...]:
        """Give all the words of a list."""
        return self._read(name, tuple) or ()

    def _read(self, name: str, kind: type[T]) -> T | None:
        value = self._values.get(name)
        if value is None or isinstance(value, kind):
            return value
        raise TypeError(f"parameter {name} is {type(value).__name__}, not {kind.__name__}")
