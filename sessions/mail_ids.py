"""MailIds: the ids of letters and parcels, which rise with time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

TIME_BITS: Final = 20  # an id is milliseconds since 1970 and a number below a million
_COUNT_BITS: Final = 10  # with several workers that number is the slot of one of them and a count
_MOST: Final = (1 << _COUNT_BITS) - 1


class MailIds:
    """Gives ids after `last`. `now` is in ms since 1970; a clock that was set back gives no id twice."""

    def __init__(self, now: Callable[[], int], last: int) -> None:
        self._now, self._last = now, last

    def next(self) -> int:
        """Give an id for a program that is alone."""
        self._last = max(self._last + 1, self._now() << TIME_BITS)
        return self._last

    def next_in(self, slot: int) -> int:
        """Give an id that no other worker gives: at one moment each has a slot of its own, from 0 to 1023."""
        moment, count = self._last >> TIME_BITS, (self._last & _MOST) + 1
        if self._now() > moment:
            moment, count = self._now(), 0
        elif count > _MOST:
            moment, count = moment + 1, 0
        self._last = moment << TIME_BITS | slot << _COUNT_BITS | count
        return self._last
