"""Tails: how much of each session stays readable in memory."""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary

from sessions.live import LiveSession
from sessions.message import Message
from sessions.tail import Tail

ROOM = 8 * 1024 * 1024  # bytes for all long tails together
LONGEST = ROOM // 4
_BESIDE = 600  # bytes that a message takes beside its text, with what is known of it


class Tails:
    """Keeps the newest `hot` messages of each session, and what is read further back for every turn of a long one.

    The latter as long as there is room: the tails that were longest without a turn are cut to `hot` first.
    """

    def __init__(self, hot: int, *, room: int = ROOM, longest: int = LONGEST) -> None:
        self.hot, self._room, self._longest = hot, room, longest
        self._long: WeakKeyDictionary[Tail, None] = WeakKeyDictionary()  # in the order of use
        self._total = 0  # never less than there is

    def newest(self, live: LiveSession, count: int) -> list[Message] | None:
        """Give the newest `count` messages if they are here; all that are here if there are more."""
        messages = live.tail.messages
        here = len(messages) >= count and (not messages or messages[-1].seq == live.row.message_count)
        return messages[:] if here else None

    def between(self, live: LiveSession, first: int, last: int) -> list[Message] | None:
        """Give messages `first` to `last` if they are here."""
        messages = live.tail.messages
        if not messages or messages[0].seq > first or not first <= last <= messages[-1].seq:
            return None
        return messages[first - messages[0].seq : last - messages[0].seq + 1]

    def append(self, live: LiveSession, message: Message) -> None:
        """Take in a message that was stored behind the head."""
        tail = live.tail
        if message.important:
            tail.none_kept = False
        if not self.hot:
            tail.whole = False
            return
        messages = tail.messages
        if messages and messages[-1].seq != message.seq - 1:
            self._cut(tail, 0)
        if not messages and message.seq > 1 and not tail.whole:
            return  # nothing of it is known yet: the first read fetches it
        messages.append(message)
        if tail.size:  # it is among the long ones
            self._grow(tail, _size(message))
        elif len(messages) > 2 * self.hot:
            self._cut(tail, self.hot)

    def fill(self, live: LiveSession, tail: Tail, messages: list[Message]) -> None:
        """Keep what was read up to the head in the tail that was there before the read."""
        if not self.hot or len(tail.messages) >= self.hot:
            return
        if messages and messages[-1].seq == live.row.message_count:  # else one came meanwhile
            tail.messages = messages[-self.hot :]
            tail.whole = tail.messages[0].seq == 1

    def extend(self, tail: Tail, older: list[Message]) -> None:
        """Keep what was read in front of a tail, if it still begins there."""
        if not (older and tail.messages) or older[-1].seq != tail.messages[0].seq - 1:
            return
        more = sum(map(_size, older))
        if tail not in self._long:
            more += sum(map(_size, tail.messages))
        tail.messages[:0] = older
        tail.whole = older[0].seq == 1
        self._grow(tail, more)

    # -- room ----------------------------------------------------------------------------------

    def _grow(self, tail: Tail, more: int) -> None:
        """Count what a long tail takes, and make room if it is too much."""
        self._long.pop(tail, None)
        self._long[tail] = None  # behind the others: it is in use
        tail.size += more
        self._total += more
        if tail.size > self._longest:
            self._cut(tail, self.hot)
        if self._total > self._room:
            self._total = sum(tail.size for tail in self._long)  # without those that are gone
            for oldest in list(self._long):
                if self._total > self._room:
                    self._cut(oldest, self.hot)

    def _cut(self, tail: Tail, left: int) -> None:
        """Leave only the newest messages of a tail."""
        if len(tail.messages) > left:
            del tail.messages[: len(tail.messages) - left]
            tail.whole = False
        if tail in self._long:
            del self._long[tail]
            self._total -= tail.size
        tail.size = 0


def _size(message: Message) -> int:
    return sys.getsizeof(message.content) + _BESIDE
