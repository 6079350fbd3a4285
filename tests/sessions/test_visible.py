"""Names: one line of what can be seen."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.errors import InvalidValue
from sessions.visible import check_name, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("  two   words\n\tand more ", "two words and more"),
        ("nul\x00bell\x07esc\x1b[31m", "nulbellesc[31m"),
        ("\u202eright to left\u202c \u2066isolate\u2069", "right to left isolate"),
        ("zero\u200bwidth\ufeff\u00ad", "zerowidth"),
        ("a" + "\u0301" * 500 + "b", "a" + "\u0301" * 3 + "b"),
        ("family 👩\u200d👩\u200d👧", "family 👩\u200d👩\u200d👧"),
        ("\u200dedge\u200d", "edge"),
        ("日本語 हिन्दी עברית", "日本語 हिन्दी עברית"),
        ("private\ue000 \udfff unassigned\U0003ffff", "private unassigned"),
    ],
)
def test_only_what_can_be_seen_is_kept(text: str, seen: str) -> None:
    """Controls, overrides, blanks without width and towers of marks go; writing of every script stays."""
    assert visible(text) == seen


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "\u200d", "\u200d \u200d", "\u202e", "\x00\x01", "\ufe0f", "\u034f", "\u0301", "\udfff"]
)
def test_a_name_needs_something_to_see(text: str) -> None:
    """What looks empty is not a name."""
    with pytest.raises(InvalidValue, match="a title needs at least one visible character"):
        check_name(text, "a title", 200)


def test_a_name_has_a_longest_length() -> None:
    """Measured after cleaning; the answer says both lengths."""
    assert check_name("a" * 200, "a title", 200) == "a" * 200
    assert check_name("a" * 200 + "\u200b" * 10_000, "a title", 200) == "a" * 200
    with pytest.raises(InvalidValue, match="at most 200 characters, this one has 10000"):
        check_name("a" * 10_000, "a title", 200)


@pytest.mark.parametrize("text", [None, 7, b"x", ["x"]])
def test_a_name_is_text(text: object) -> None:
    """Anything else is refused, not turned into text."""
    with pytest.raises(InvalidValue, match="must be text"):
        visible(text)  # type: ignore[arg-type]


@given(st.text(max_size=200))
def test_a_cleaned_name_stays_as_it_is(text: str) -> None:
    """Cleaning twice is cleaning once, and nothing that acts on a terminal or on the direction is left."""
    seen = visible(text)
    assert visible(seen) == seen
    assert not {unicodedata.category(char) for char in seen.replace("\u200d", "")} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
