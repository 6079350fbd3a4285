"""Reading along branches."""

from __future__ import annotations

import pytest

from sessions.errors import InvalidValue
from sessions.export.transcript import Branch, StoredMessage, read_along
from tests.sessions.export.builders import a_message

BRANCHES = (
    Branch(number=1, start=1, parent=None),
    Branch(number=2, start=4, parent=2),
    Branch(number=3, start=6, parent=0),
    Branch(number=4, start=7, parent=5),
)
STORED = tuple(
    StoredMessage(n, branch, a_message(f"m{n}", seq=n)) for n, branch in enumerate((1, 1, 1, 2, 2, 3, 4), start=1)
)


@pytest.mark.parametrize(
    ("head", "read"),
    [
        (0, []),
        (3, ["m1", "m2", "m3"]),
        (2, ["m1", "m2"]),
        (5, ["m1", "m2", "m4", "m5"]),
        (6, ["m6"]),
        (7, ["m1", "m2", "m4", "m5", "m7"]),
    ],
)
def test_reads_from_the_beginning_to_the_head(head: int, read: list[str]) -> None:
    """A head gives the messages of its own branch and of the branches it grew from, and no others."""
    assert [message.content for message in read_along(STORED, BRANCHES, head)] == read


def test_a_missing_message_is_an_error() -> None:
    """A head that is not stored raises instead of giving an empty conversation."""
    with pytest.raises(InvalidValue, match="message 8"):
        read_along(STORED, BRANCHES, 8)


def test_a_missing_branch_is_an_error() -> None:
    """A branch that nobody declared raises instead of ending the way early."""
    with pytest.raises(InvalidValue, match="missing"):
        read_along(STORED, BRANCHES[1:], 5)
