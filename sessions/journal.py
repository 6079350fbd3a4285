"""Journal: what happened to a session besides messages, append-only and sealed.

Messages are stored once, at positions 1, 2, 3, … of their session. Which of them one reads, and in which order,
follows from the journal. When a person edits a message its text is replaced, and the journal says which one counts.

* A **branch** is a run of positions. It starts where the reader left another branch (its parent).
* A **head** is the position of the newest message one reads. 0 is the empty beginning; a negative
  position -i stands for the i-th *foreign* place, a message of the session this one was forked from.
* A **checkpoint** is a name on a position. A **move** is a step of the head that can be taken back.

So save, restore, undo, redo, clear and fork write one entry, whatever the length of the transcript, and
copy no message. Entries are numbered without gaps: a removed one is noticed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from sessions.errors import Tampered
from sessions.message import JsonValue


class EntryKind(IntEnum):
    """What an entry says. The number is what the database holds."""

    branch = 1
    foreign = 2
    checkpoint = 3
    hidden = 4  # a checkpoint was deleted, or came back
    move = 5
    taken_back = 6  # a move was undone, or redone
    settings = 7  # only the session's row was changed
    revised = 8  # a message got another text


class Branch(NamedTuple):
    """A run of positions from `start` to the next branch's start; `parent` is a position."""

    number: int
    start: int
    parent: int


class Foreign(NamedTuple):
    """A place in another session, by that session's number; number 0 means this session itself."""

    number: int
    position: int


class Place(NamedTuple):
    """A head: a session and a position in it."""

    session_id: str
    position: int


class Span(NamedTuple):
    """Positions `first` to `last` of this session, or a foreign place to go on from."""

    first: int
    last: int
    foreign: Foreign | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A checkpoint as the journal knows it."""

    number: int
    automatic: bool
    position: int
    count: int  # messages from the beginning to here
    name: str
    description: str
    at: int
    hidden: bool = False


@dataclass(slots=True, kw_only=True)
class Move:
    """A step of the head from `before` to `after`; `token` is the same in both sessions it touches."""

    token: str
    op: str
    before: Place
    after: Place
    undone: bool
    subject: int = 0  # the checkpoint that `op` is about, if it is about one


@dataclass(slots=True)
class Journal:
    """The entries of one session, folded into what they mean."""

    branches: list[Branch] = field(default_factory=lambda: [Branch(0, 1, 0)])
    foreign: list[Foreign] = field(default_factory=list)
    marks: dict[tuple[bool, int], Mark] = field(default_factory=dict)
    newest_marks: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})  # the highest numbers so far
    moves: list[Move] = field(default_factory=list)
    revised: dict[int, int] = field(default_factory=dict)  # by position: the time of the text that counts

    def apply(self, kind: int, at: int, said: Mapping[str, JsonValue]) -> None:
        """Fold one entry in. Raises `Tampered` for an entry of another shape."""
        try:
            _APPLY[EntryKind(kind)](self, at, _Fields(said))
        except (KeyError, ValueError, IndexError):
            raise Tampered("the journal of a conversation") from None

    # -- reading -------------------------------------------------------------------------------

    def branch_at(self, position: int) -> Branch:
        """Give the branch that a stored position is on."""
        return self.branches[bisect_right(self.branches, position, key=lambda branch: branch.start) - 1]

    def spans(self, head: int) -> list[Span]:
        """List the runs one reads from the beginning to `head`, oldest first."""
        spans: list[Span] = []
        position = head
        while position:
            if position < 0:
                place = self.foreign[-position - 1]
                if place.number:
                    spans.append(Span(0, 0, place))
                    break
                position = place.position
                continue
            branch = self.branch_at(position)
            spans.append(Span(branch.start, position))
            position = branch.parent
        spans.reverse()
        return spans

    def foreign_position(self, place: Foreign) -> int | None:
        """Give the negative position that stands for a foreign place, if it has one."""
        return -self.foreign.index(place) - 1 if place in self.foreign else None

    def undoable(self, head: Place) -> Move | None:
        """Find the newest step that led to this head and was not taken back."""
        return next((move for move in reversed(self.moves) if not move.undone and move.after == head), None)

    def redoable(self, head: Place) -> Move | None:
        """Find the newest step that was taken back from further on to this head."""
        return next((move for move in reversed(self.moves) if move.undone and move.before == head), None)

    def next_mark(self, automatic: bool) -> int:
        """Give the number of the next checkpoint; automatic ones count for themselves."""
        return 1 + self.newest_marks[automatic]

    # -- folding -------------------------------------------------------------------------------

    def _branch(self, at: int, said: _Fields) -> None:
        self.branches.append(Branch(len(self.branches), said.integer("start"), said.integer("parent")))

    def _foreign(self, at: int, said: _Fields) -> None:
        place = Foreign(said.integer("session"), said.integer("position"))
        if said.has("index"):  # the messages were handed over when their session was erased
            self.foreign[said.integer("index")] = place
            return
        self.foreign.append(place)
        if said.has("trunk"):  # the session begins here: it is a fork
            self.branches[0] = Branch(0, 1, -len(self.foreign))

    def _checkpoint(self, at: int, said: _Fields) -> None:
        mark = Mark(
            number=said.integer("number"),
            automatic=said.boolean("automatic"),
            position=said.integer("position"),
            count=said.integer("count"),
            name=said.text("name"),
            description=said.text("description"),
            at=at,
        )
        self.marks[mark.automatic, mark.number] = mark
        self.newest_marks[mark.automatic] = max(self.newest_marks[mark.automatic], mark.number)

    def _hidden(self, at: int, said: _Fields) -> None:
        old = self.marks[said.boolean("automatic"), said.integer("number")]
        changes = {name: getattr(old, name) for name in Mark.__slots__} | {"hidden": said.boolean("hidden")}
        self.marks[old.automatic, old.number] = Mark(**changes)

    def _move(self, at: int, said: _Fields) -> None:
        self.moves.append(
            Move(
                token=said.text("token"),
                op=said.text("op"),
                before=Place(said.text("from"), said.integer("from_position")),
                after=Place(said.text("to"), said.integer("to_position")),
                undone=said.boolean("undone"),
                subject=said.integer("subject"),
            )
        )

    def _taken_back(self, at: int, said: _Fields) -> None:
        token, undone = said.text("token"), said.boolean("undone")
        for move in self.moves:
            if move.token == token:
                move.undone = undone

    def _revised(self, at: int, said: _Fields) -> None:
        self.revised[said.integer("position")] = at

    def _settings(self, at: int, said: _Fields) -> None:
        """Nothing to keep: the entry is there to be counted."""


class _Fields:
    """Typed access to what an entry says; a wrong type is a ValueError."""

    def __init__(self, said: Mapping[str, JsonValue]) -> None:
        self._said = said

    def has(self, name: str) -> bool:
        return name in self._said

    def integer(self, name: str) -> int:
        value = self._said[name]
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(name)
        return value

    def text(self, name: str) -> str:
        value = self._said[name]
        if not isinstance(value, str):
            raise ValueError(name)
        return value

    def boolean(self, name: str) -> bool:
        value = self._said[name]
        if not isinstance(value, bool):
            raise ValueError(name)
        return value


_APPLY = {
    EntryKind.branch: Journal._branch,
    EntryKind.foreign: Journal._foreign,
    EntryKind.checkpoint: Journal._checkpoint,
    EntryKind.hidden: Journal._hidden,
    EntryKind.move: Journal._move,
    EntryKind.taken_back: Journal._taken_back,
    EntryKind.settings: Journal._settings,
    EntryKind.revised: Journal._revised,
}
