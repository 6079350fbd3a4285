"""Address: ids are opaque, and none may be missing."""

from __future__ import annotations

import pytest

from sessions.address import MAX_ID, Address
from sessions.errors import InvalidValue
from tests.sessions.conftest import person

FIELDS = {"platform": "telegram", "account": "1", "chat_id": "2", "user_id": "3"}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", ["", None, 0, 42, b"x", "a" * (MAX_ID + 1), "a\n", "\x00", "\ud800"])
def test_a_missing_or_broken_id_is_an_error(name: str, value: object) -> None:
    """There is no default that several people could share."""
    with pytest.raises(InvalidValue, match=name):
        Address(**{**FIELDS, name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["", 7, "\r", "a" * (MAX_ID + 1)])
def test_a_thread_is_left_out_or_is_an_id(value: object) -> None:
    """None says that there is no thread; an empty text says nothing."""
    with pytest.raises(InvalidValue, match="thread_id"):
        Address(**FIELDS, thread_id=value)  # type: ignore[arg-type]


def test_the_kind_of_chat_is_one_of_four() -> None:
    """A text is not a kind."""
    with pytest.raises(InvalidValue, match="chat_kind"):
        Address(**FIELDS, chat_kind="private")  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [" ", "a:b", "a/b", "Ä", "ä", "A\u0308", "👩‍👩‍👧", "\u202e", "None", "0", "x" * MAX_ID])
def test_ids_are_kept_as_they_are(odd: str) -> None:
    """Nothing is trimmed, folded or normalised."""
    assert person(odd, chat=odd, thread=odd).user_id == odd
