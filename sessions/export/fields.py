"""Fields: one JSON object of a file, read by the names and types it must have."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from sessions.errors import InvalidValue
from sessions.export.strict_json import refused, shown
from sessions.export.times import parse_iso
from sessions.json_limits import flaw
from sessions.message import JsonValue

MAX_INTEGER = 2**63 - 1  # what a database column holds
_KINDS: dict[type, str] = {str: "text", bool: "true or false", int: "a whole number", list: "a list", dict: "an object"}

T = TypeVar("T")


class Fields:
    """An object that is being read: each field is taken once, and at the end none may be left.

    Every refusal names the field with its path, as in `messages[3].role`. A field called optional may
    be missing or null.
    """

    __slots__ = ("_left", "_prefix")

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise refused(f"{path or 'the file'} must be an object, not {shown(value)}")
        self._left: dict[str, object] = dict(value)
        self._prefix = f"{path}." if path else ""

    def text(self, name: str) -> str:
        """Take a text."""
        return self._must(name, str)

    def optional_text(self, name: str) -> str | None:
        """Take a text that may be missing."""
        return self._may(name, str)

    def choice(self, name: str, allowed: Collection[str], *, default: str | None = None) -> str:
        """Take one of the allowed words."""
        value = self._must(name, str) if default is None else self._may(name, str)
        if value is None:
            return str(default)
        if value not in allowed:
            raise self.wrong(name, f"is {shown(value)}, allowed are {', '.join(allowed)}")
        return value

    def number(self, name: str, *, least: int = 0) -> int:
        """Take a whole number of at least `least`."""
        return self._in_range(name, self._must(name, int), least)

    def optional_number(self, name: str) -> int | None:
        """Take a whole number, not negative, that may be missing."""
        value = self._may(name, int)
        return None if value is None else self._in_range(name, value, 0)

    def flag(self, name: str) -> bool:
        """Take true or false; a missing one is false."""
        return self._may(name, bool) or False

    def time(self, name: str) -> int:
        """Take a time, in milliseconds since 1970."""
        return self._as_ms(name, self._must(name, str))

    def optional_time(self, name: str) -> int | None:
        """Take a time that may be missing."""
        value = self._may(name, str)
        return None if value is None else self._as_ms(name, value)

    def items(self, name: str) -> list[object]:
        """Take a list."""
        return self._must(name, list)

    def texts(self, name: str) -> list[str]:
        """Take a list of texts that may be missing."""
        values: list[object] = self._may(name, list) or []
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) != len(values):
            raise self.wrong(name, "must hold texts only")
        return texts

    def inner(self, name: str) -> Fields:
        """Take an object to read on in."""
        return Fields(self._must(name, dict), self._prefix + name)

    def optional_inner(self, name: str) -> Fields | None:
        """Take an object to read on in that may be missing."""
        value = self._may(name, dict)
        return None if value is None else Fields(value, self._prefix + name)

    def free(self, name: str, *, depth: int) -> dict[str, JsonValue] | None:
        """Take an object of any shape that may be missing; `depth` is how many levels enclose it."""
        value: dict[str, JsonValue] | None = self._may(name, dict)
        if found := flaw(value, depth=depth):
            raise self.wrong(name, found)
        return value

    def names(self) -> tuple[str, ...]:
        """Give the fields not taken yet."""
        return tuple(self._left)

    def done(self) -> None:
        """Refuse what nobody asked for."""
        for name in self._left:
            raise refused(f"{self._prefix.rstrip('.') or 'the file'} has an unknown field {shown(name)}")

    def wrong(self, name: str, detail: str) -> InvalidValue:
        """Make the error for one field."""
        return refused(f"{self._prefix}{name} {detail}")

    def _must(self, name: str, kind: type[T]) -> T:
        if name not in self._left:
            raise self.wrong(name, "is missing")
        return self._checked(name, kind, self._left.pop(name))

    def _may(self, name: str, kind: type[T]) -> T | None:
        value = self._left.pop(name, None)
        return None if value is None else self._checked(name, kind, value)

    def _checked(self, name: str, kind: type[T], value: object) -> T:
        # For Python true is a number, for JSON it is not.
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise self.wrong(name, f"must be {_KINDS[kind]}, not {shown(value)}")

    def _in_range(self, name: str, value: int, least: int) -> int:
        if not least <= value <= MAX_INTEGER:
            raise self.wrong(name, f"must be a whole number from {least}, not {shown(value)}")
        return value

    def _as_ms(self, name: str, text: str) -> int:
        try:
            return parse_iso(text)
        except (ValueError, OverflowError):
            raise self.wrong(name, f"is {shown(text)}, not a time like 2026-11-21T08:00:01.250Z") from None
