"""Memo: what was read while one letter is handled, and need not be read again at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

FRESH: Final = 0.25  # seconds; whatever is changed elsewhere meanwhile counts as changed right after


class Memo:
    """Remembers for a moment what a store said, where others write to it as well."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: dict[bytes | str, tuple[float, object]] = {}

    def get(self, key: bytes | str) -> object | None:
        """Give what was read just now; None if nothing was."""
        known = self._known.get(key)
        return known[1] if known is not None and self._monotonic() - known[0] < FRESH else None

    def set(self, key: bytes | str, value: object) -> None:
        """Remember what was read or written."""
        self._known[key] = (self._monotonic(), value)

    def clear(self) -> None:
        """Believe nothing any more: something was written, and what was read before is from before that."""
        self._known.clear()
