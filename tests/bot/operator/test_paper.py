"""A master key on paper comes back as it was, and a slip of the pen is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.operator.paper import from_paper, to_paper
from sessions.errors import InvalidValue

KEY = bytes(range(32))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@given(st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_from_paper(key: bytes) -> None:
    """Also in small letters, with dashes, without spaces, without the numbers, and with notes in between."""
    lines = to_paper(key)
    assert len(lines) == 4
    assert from_paper("\n".join(lines)) == key
    assert from_paper("# Palaver, master key 00\n\n" + "\r\n".join(lines).lower()) == key
    assert from_paper("\n".join(line[3:].replace(" ", "-") for line in lines)) == key
    assert from_paper("\n".join(line.replace(" ", "") for line in lines)) == key
    misread = str.maketrans("OIB", "018")
    assert from_paper("\n".join(line[:3] + line[3:].translate(misread) for line in lines)) == key


def test_a_slip_is_found_in_its_line() -> None:
    """Each wrong letter in each place is noticed, and the line is named."""
    for line, right in enumerate(to_paper(KEY)):
        letters = right[3:].replace(" ", "")
        for place, letter in enumerate(letters):
            for wrong in ALPHABET.replace(letter, ""):
                lines = to_paper(KEY)
                lines[line] = letters[:place] + wrong + letters[place + 1 :]
                with pytest.raises(InvalidValue, match=f"line {line + 1} has a slip"):
                    from_paper("\n".join(lines))


def test_lines_in_another_order_are_found() -> None:
    """Each line knows its place."""
    first, second, third, fourth = to_paper(KEY)
    with pytest.raises(InvalidValue, match="line 2"):
        from_paper("\n".join((first, third, second, fourth)))


@pytest.mark.parametrize("text", ["", "\n\n", "one\ntwo", "1: A\n2: B\n3: C\n4: D\n", "é\n" * 4, "\0\n" * 4])
def test_what_is_no_key_is_refused_in_words(text: str) -> None:
    """Too few lines, too short ones, and characters that no key has."""
    with pytest.raises(InvalidValue, match=r"has 4 lines of 16 characters|line 1 has a slip"):
        from_paper(text)
