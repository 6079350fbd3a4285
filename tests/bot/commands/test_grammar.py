"""From a typed line to words."""

# ruff: noqa: RUF001 - the quotes that look alike are what this is about

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.grammar import UnclosedQuote, command_word, first_word, next_argument, quote, split, strip, whole

TEXT = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\"'“”„‘’«»\\ \t\n\u00a0\u200b/@")), max_size=60)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("   ", []),
        ("save before", ["save", "before"]),
        ('save "before refactor" it is', ["save", "before refactor", "it", "is"]),
        ("save 'before refactor'", ["save", "before refactor"]),
        ("save “before refactor”", ["save", "before refactor"]),
        ("save „vor dem Umbau“", ["save", "vor dem Umbau"]),
        ("save «avant le changement»", ["save", "avant le changement"]),
        ('save “typed on two phones"', ["save", "typed on two phones"]),
        ("don't stop", ["don't", "stop"]),
        ("'I don't stop'", ["I don't stop"]),
        ('5" disk', ['5"', "disk"]),
        ('"say "hi" now"', ['say "hi', 'now"']),
        (r'"say \"hi\" now"', ['say "hi" now']),
        (r"\"open", ['"open']),
        (r"two\ words", ["two words"]),
        (r"C:\notes \\", [r"C:\notes", "\\"]),
        ('""', [""]),
        ("a\u00a0b\u202fc\u3000d\ne", ["a", "b", "c", "d", "e"]),
        ("\ufeff\u200fa\u200b b", ["a", "b"]),
        ('"a"\u200e b', ["a", "b"]),
    ],
)
def test_words_are_split(line: str, words: list[str]) -> None:
    """White space of every kind separates, quotes of every kind hold together, backslashes make ordinary."""
    assert split(line) == words


@pytest.mark.parametrize("line", ['"open', 'save "open', "'tis the season", "“open", 'a "b"c', '"', r'"a\"'])
def test_unclosed_quote_is_named(line: str) -> None:
    """A quote that does not close is an error that shows the quote and what to do."""
    with pytest.raises(UnclosedQuote) as caught:
        split(line)
    assert caught.value.quote in str(caught.value)
    assert "Close it" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Trip to Rome", "Trip to Rome"),
        ('"Trip to Rome"', "Trip to Rome"),
        ("“Trip to Rome”", "Trip to Rome"),
        ('He said "hi"', 'He said "hi"'),
        ('"Rome" and "Oslo"', '"Rome" and "Oslo"'),
        ("'tis the season", "'tis the season"),
        (r"\"Rome", '"Rome'),
        ("two\nlines ", "two\nlines"),
        ('""', ""),
        ("", ""),
    ],
)
def test_rest_of_line_is_kept_as_it_is(line: str, text: str) -> None:
    """Text up to the end of the line loses only quotes around all of it."""
    assert whole(line) == text


def test_rest_of_line_with_an_unclosed_quote_is_an_error() -> None:
    """A double quote that opens the rest of the line must close."""
    with pytest.raises(UnclosedQuote):
        whole('"Trip to Rome')


@pytest.mark.parametrize(
    ("line", "word", "rest"),
    [
        ("/session list", "session", "list"),
        ("/session@palaver_bot list", "session", "list"),
        ("/SESSION List", "session", "List"),
        ("  /session\u00a0list  ", "session", "list"),
        ("\u200e/session\u200b list", "session", "list"),
        ("/", "", ""),
        ("/ session", "", "session"),
        ("/undo\n3", "undo", "3"),
    ],
)
def test_command_word_is_found(line: str, word: str, rest: str) -> None:
    """The name loses slash, bot name, upper case and what copying brings along."""
    assert command_word(line) == (word, rest)


@given(st.lists(TEXT))
def test_quoting_round_trips(words: list[str]) -> None:
    """Whatever is quoted reads back as it was, one word for each."""
    assert split(" ".join(map(quote, words))) == words


@given(TEXT, TEXT)
def test_a_quoted_word_leaves_what_follows(word: str, rest: str) -> None:
    """Reading one word neither loses nor adds anything behind it."""
    assert next_argument(f"{quote(word)} {rest}") == (word, strip(rest))


@given(TEXT)
def test_nothing_raises_but_the_unclosed_quote(line: str) -> None:
    """Any input at all is read, or refused with the one clear error."""
    command_word(line)
    first_word(line)
    for read in (split, whole, next_argument):
        with contextlib.suppress(UnclosedQuote):
            read(line)


@given(TEXT)
def test_the_rest_of_the_line_is_quoted_away(text: str) -> None:
    """A quoted text is the same as a whole line and as one word."""
    assert whole(quote(text)) == text


def test_long_lines_are_read_in_linear_time() -> None:
    """A line of a hundred thousand words costs a moment, not minutes."""
    begin = time.perf_counter()
    assert len(split("a " * 100_000)) == 100_000
    assert time.perf_counter() - begin < 5
