"""Journal: entries folded into branches, checkpoints and steps; other shapes are refused."""

from __future__ import annotations

import pytest

from sessions.errors import Tampered
from sessions.journal import Branch, EntryKind, Foreign, Journal, Place, Span
from sessions.message import JsonValue

CHECKPOINT: dict[str, JsonValue] = {
    "number": 1, "automatic": False, "position": 2, "count": 2, "name": "here", "description": "",
}  # fmt: skip
MOVE: dict[str, JsonValue] = {
    "token": "t", "op": "clear", "from": "a", "to": "a", "from_position": 4, "to_position": 0, "undone": False,
    "subject": 0,
}  # fmt: skip
BRANCH: dict[str, JsonValue] = {"start": 5, "parent": 2}


def folded(*entries: tuple[EntryKind, dict[str, JsonValue]]) -> Journal:
    """Fold entries in."""
    journal = Journal()
    for kind, said in entries:
        journal.apply(kind, 0, said)
    return journal


def test_without_entries_one_reads_from_the_first_to_the_head() -> None:
    """An empty head reads nothing."""
    assert folded().spans(7) == [Span(1, 7)]
    assert folded().spans(0) == []


def test_a_branch_goes_on_from_its_parent() -> None:
    """One reads the trunk to the parent and then the branch; a head on the trunk is not affected."""
    journal = folded((EntryKind.branch, BRANCH), (EntryKind.branch, {"start": 8, "parent": 6}))
    assert journal.spans(9) == [Span(1, 2), Span(5, 6), Span(8, 9)]
    assert journal.spans(7) == [Span(1, 2), Span(5, 7)]
    assert journal.spans(4) == [Span(1, 4)]
    assert journal.branch_at(7) == Branch(1, 5, 2)


def test_a_fork_begins_in_another_session_until_it_is_handed_over() -> None:
    """A foreign place ends the way back; a place of one's own goes on."""
    journal = folded((EntryKind.foreign, {"session": 3, "position": 9, "trunk": True}))
    assert journal.spans(2) == [Span(0, 0, Foreign(3, 9)), Span(1, 2)]
    assert journal.foreign_position(Foreign(3, 9)) == -1
    assert journal.foreign_position(Foreign(3, 8)) is None
    journal.apply(EntryKind.branch, 0, {"start": 3, "parent": 0})
    journal.apply(EntryKind.foreign, 0, {"session": 0, "position": 11, "index": 0})
    assert journal.spans(2) == [Span(3, 11), Span(1, 2)]


def test_the_newest_step_that_led_here_is_undone_and_redone() -> None:
    """A step that was taken back is not taken back again."""
    journal = folded((EntryKind.move, MOVE), (EntryKind.move, MOVE | {"token": "u"}))
    here, there = Place("a", 0), Place("a", 4)
    undoable = journal.undoable(here)
    assert undoable is not None
    assert undoable.token == "u"
    assert journal.redoable(there) is None
    journal.apply(EntryKind.taken_back, 0, {"token": "u", "undone": True})
    assert journal.redoable(there) is undoable
    assert journal.undoable(here) is not undoable


def test_checkpoints_are_numbered_apart_from_automatic_ones() -> None:
    """Numbers are never used twice, also after a deletion."""
    journal = folded((EntryKind.checkpoint, CHECKPOINT), (EntryKind.checkpoint, CHECKPOINT | {"automatic": True}))
    journal.apply(EntryKind.hidden, 0, {"number": 1, "automatic": False, "hidden": True})
    assert journal.marks[False, 1].hidden
    assert not journal.marks[True, 1].hidden
    assert (journal.next_mark(False), journal.next_mark(True)) == (2, 2)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (0, {}),
        (99, BRANCH),
        (EntryKind.branch, {}),
        (EntryKind.branch, BRANCH | {"start": "5"}),
        (EntryKind.branch, BRANCH | {"parent": True}),
        (EntryKind.branch, BRANCH | {"parent": None}),
        (EntryKind.foreign, {"session": 1, "position": 2.0}),
        (EntryKind.foreign, {"session": 0, "position": 2, "index": 5}),
        (EntryKind.checkpoint, CHECKPOINT | {"automatic": 1}),
        (EntryKind.checkpoint, CHECKPOINT | {"name": None}),
        (EntryKind.hidden, {"number": 7, "automatic": False, "hidden": True}),
        (EntryKind.move, MOVE | {"from": 7}),
        (EntryKind.move, MOVE | {"undone": "no"}),
        (EntryKind.taken_back, {"token": "t"}),
    ],
)
def test_an_entry_of_another_shape_is_refused(kind: int, said: dict[str, JsonValue]) -> None:
    """It can not have been written by us."""
    with pytest.raises(Tampered):
        Journal().apply(kind, 0, said)
