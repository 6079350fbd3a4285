"""Layout: where the messages of an export stand when they are stored: at positions 1, 2, 3, … in runs of one branch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sessions.checkpoint import Checkpoint
from sessions.errors import InvalidValue
from sessions.export.strict_json import refused
from sessions.export.transcript import Branch, StoredMessage, Transcript

MAX_MARK = 9_999_999  # the number of a checkpoint; its id has room for one digit more


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A checkpoint, the position it stands at, and how many messages lead there."""

    checkpoint: Checkpoint
    position: int
    count: int


class Layout:
    """The branches, the head and the checkpoints of a transcript, by position.

    Gaps in the numbers of the messages are closed. Raises `InvalidValue` for what can not be stored so.
    """

    def __init__(self, transcript: Transcript, *, where: str = "") -> None:
        self._where = where
        numbers = [one.n for one in transcript.stored]
        self._places = {n: position for position, n in enumerate(numbers, 1)} | {0: 0}
        self.starts = [bisect_left(numbers, branch.start) + 1 for branch in transcript.branches] or [1]
        self.parents = [self._place(branch.parent or 0) for branch in transcript.branches] or [0]
        self._check(transcript.branches, transcript.stored)
        self._depths: list[int] = []
        for start, parent in zip(self.starts, self.parents, strict=True):
            self._depths.append(self.length(parent) - start + 1)
        self.head = self._place(transcript.head)
        self.marks = [self._placed(index, one, transcript) for index, one in enumerate(transcript.checkpoints)]

    def _place(self, n: int) -> int:
        if n not in self._places:
            raise self._wrong(f"message {n} is not in the file")
        return self._places[n]

    def branch_of(self, position: int) -> int:
        """Give the index of the branch that a position is on."""
        return bisect_right(self.starts, position) - 1

    def length(self, position: int) -> int:
        """Count the messages from the beginning to a position."""
        return 0 if position == 0 else position + self._depths[self.branch_of(position)]

    def runs(self, stored: int) -> Iterator[tuple[int, range]]:
        """Give each branch and the positions on it, of so many messages."""
        ends = [*self.starts[1:], stored + 1]
        for branch, (start, end) in enumerate(zip(self.starts, ends, strict=True)):
            yield branch, range(start, end)

    def _check(self, branches: Sequence[Branch], stored: Sequence[StoredMessage]) -> None:
        if self.starts[0] != 1 or self.parents[0] != 0:
            raise self._wrong("branches[0] must begin at the first message")
        if self.starts != sorted(self.starts):
            raise self._wrong("branches must stand in the order in which they begin")
        if any(parent >= start for start, parent in zip(self.starts, self.parents, strict=True)):
            raise self._wrong("a branch leaves from a message after its own beginning")
        known = [branch.number for branch in branches]
        for branch, positions in self.runs(len(stored)):
            for one in stored[positions.start - 1 : positions.stop - 1]:
                if one.branch != known[branch]:
                    at = stored.index(one)
                    raise self._wrong(f"messages[{at}].branch is {one.branch}, but another branch has begun")

    def _placed(self, index: int, checkpoint: Checkpoint, transcript: Transcript) -> Placed:
        if checkpoint.number > MAX_MARK:
            raise self._wrong(f"checkpoints[{index}].number is {checkpoint.number}, the highest is {MAX_MARK}")
        n = transcript.checkpoint_positions.get(checkpoint.id)
        position = self._place(n) if n is not None else self._nth(index, checkpoint)
        return Placed(checkpoint=checkpoint, position=position, count=self.length(position))

    def _nth(self, index: int, checkpoint: Checkpoint) -> int:
        """Find where so many messages have been read on the way to the head."""
        count, position = checkpoint.message_count, self.head
        if count > self.length(position):
            raise self._wrong(f"checkpoints[{index}].message_count is {count}, but message {count} is not there")
        while position:
            branch = self.branch_of(position)
            if count >= self.starts[branch] + self._depths[branch]:
                return count - self._depths[branch]
            position = self.parents[branch]
        return 0

    def _wrong(self, detail: str) -> InvalidValue:
        return refused(f"{self._where}{detail}")
