"""Text that a terminal shows and does not obey."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.console.plain import plain

DANGEROUS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"]


def test_escape_sequences_lose_what_makes_them_work() -> None:
    """Titles, clipboards and screens stay as they are: ESC, CSI as one character, BEL and backspace go."""
    assert plain("\x1b]0;owned\x07\x1b[2J\x9b31mred\x08") == "]0;owned[2J31mred"


def test_words_stay_as_they_are() -> None:
    """Line feeds, tabs, every script and emoji pass."""
    text = "Grüße\t日本語\n👩\u200d🔬 naïve — ok"
    assert plain(text) == text


@given(st.lists(st.text(alphabet=st.sampled_from([*DANGEROUS, *"ab[]\n"]))))
def test_a_sequence_cut_in_two_is_caught(pieces: list[str]) -> None:
    """Cleaning piece by piece gives what cleaning the whole gives, and nothing dangerous is in it."""
    cleaned = "".join(map(plain, pieces))

    assert cleaned == plain("".join(pieces))
    assert not set(cleaned) & set(DANGEROUS)
