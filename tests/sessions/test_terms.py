"""Terms: comparing bytes is as good as comparing letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.errors import InvalidValue
from sessions.terms import Terms

LETTERS = st.text(st.sampled_from("aAkKsSß\u017f\ufb01fi\u0130\u0131\u212aéÉ語x "), max_size=12)


@given(LETTERS, LETTERS)
def test_stored_bytes_are_found_as_letters_would_be(text: str, words: str) -> None:
    """Whatever folding does to a letter, the short way over bytes gives what the long one over letters gives."""
    said = words.split()
    if not said:
        with pytest.raises(InvalidValue):
            Terms(words)
        return
    folded = text.casefold()
    assert Terms(words).found_in(text.encode()) == all(word.casefold() in folded for word in said)
