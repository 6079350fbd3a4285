"""Checks of a request's body that gather every fault, as the platform's errors tree."""

from __future__ import annotations

from collections.abc import Collection

from tests.fakes.discord.document import Document
from tests.fakes.discord.refusal import ApiRefusal


class Form:
    """One body under examination; faults are kept by where they are."""

    def __init__(self) -> None:
        self._errors: Document = {}

    def fault(self, path: str, code: str, message: str) -> None:
        """Note a fault at a dotted path; an empty path means the body as a whole."""
        node = self._errors
        for step in filter(None, path.split(".")):
            node = node.setdefault(step, {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def finish(self) -> None:
        """Refuse the body if anything was wrong."""
        if self._errors:
            raise ApiRefusal(400, 50035, self._errors)

    def known(self, body: Document, fields: Collection[str], path: str = "") -> None:
        """Allow no other fields than these."""
        for name in sorted(set(body) - set(fields)):
            self.fault(_join(path, name), "UNKNOWN_FIELD", "This field is not known")

    def text(self, body: Document, name: str, path: str, low: int, high: int, *, required: bool = True) -> None:
        """Demand a string of so many characters."""
        value, where = body.get(name), _join(path, name)
        if value is None:
            if required:
                self.fault(where, "BASE_TYPE_REQUIRED", "This field is required")
        elif not isinstance(value, str):
            self.fault(where, "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
        elif not low <= len(value) <= high:
            self.length(where, low, high)

    def length(self, path: str, low: int, high: int) -> None:
        """Note that there is too much or too little of something."""
        if low:
            self.fault(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.")
        else:
            self.fault(path, "BASE_TYPE_MAX_LENGTH", f"Must be {high} or fewer in length.")

    def array(self, body: Document, name: str, path: str, high: int) -> list[Document]:
        """Demand at most so many objects, and give those that are objects."""
        value = body.get(name) or []
        if not isinstance(value, list):
            self.fault(_join(path, name), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return []
        if len(value) > high:
            self.length(_join(path, name), 0, high)
        return [item for item in value if isinstance(item, dict)]

    def choice(self, body: Document, name: str, path: str, allowed: Collection[object]) -> None:
        """Demand one of these values, if any is given."""
        if body.get(name) is not None and body[name] not in allowed:
            self.fault(_join(path, name), "BASE_TYPE_CHOICES", f"Value must be one of {tuple(allowed)}.")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
