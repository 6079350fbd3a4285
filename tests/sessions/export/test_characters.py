"""Characters that need care."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.export.characters import encodable, longest_run, one_line, quoted, visible
from sessions.export.pieces import PIECE, gather
from tests.sessions.export.builders import hostile_text

any_text = st.text(st.characters(), max_size=30) | hostile_text  # characters() draws surrogates too


@given(any_text)
def test_encodable_text_can_be_written(text: str) -> None:
    """Text with lone surrogates becomes UTF-8, other text stays as it is."""
    assert encodable(text).encode().decode() == encodable(text)
    assert encodable(encodable(text)) == encodable(text)


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    """Half a character is replaced, two halves that belong together are joined."""
    assert encodable("a\ud800b") == "a\ufffdb"
    assert encodable("\ud83d\ude00") == "😀"


@given(any_text)
def test_one_line_is_one_line(text: str) -> None:
    """No title breaks its line, by any rule of line breaking, or carries a control."""
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert all(unicodedata.category(char) != "Cc" or char == "\t" for char in line)
    assert not set(line) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")


def test_controls_become_visible() -> None:
    """A terminal's escape code is shown, not obeyed; line breaks and tabs stay."""
    assert visible("a\x1b[2J\x00\x7f\x9b\n\tb") == "a␛[2J␀␡\ufffd\n\tb"
    assert visible("a\r\nb\rc") == "a\nb␍c"


@given(any_text)
def test_a_quoted_text_reads_back(text: str) -> None:
    """A quoted text is one line of JSON that gives the text again."""
    line = quoted(text)
    assert json.loads(line) == encodable(text)
    assert len(line.splitlines()) == 1
    assert not any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in line)


@pytest.mark.parametrize(
    ("text", "run"), [("", 0), ("a", 0), ("`", 1), ("`a``", 2), ("```", 3), ("`` ````` ```", 5), ("`" * 10_000, 10_000)]
)
def test_longest_run_is_the_longest(text: str, run: int) -> None:
    """The longest unbroken run is found wherever it stands."""
    assert longest_run(text, char="`") == run


def test_pieces_are_bounded_and_complete() -> None:
    """Small parts come out as few large pieces that join to the same text."""
    parts = ["x" * 1000] * 1000
    pieces = list(gather(parts))
    assert "".join(pieces) == "".join(parts)
    assert len(pieces) == 16
    assert max(map(len, pieces)) < PIECE + 1000


def test_every_piece_can_be_written() -> None:
    """Half a character is replaced in the last piece and in those before it."""
    pieces = list(gather(["\ud800" + "x" * PIECE, "\udfff"]))
    assert [piece[0] for piece in pieces] == ["\ufffd", "\ufffd"]


def test_no_parts_give_no_pieces() -> None:
    """Nothing gives nothing, not an empty piece."""
    assert list(gather([])) == []
