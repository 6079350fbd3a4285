"""Other people's words in Markdown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.commands.markup import code, one_line, plural, quoted

TEXT = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("`*_#>\n\r\u2028\x1b[\u202e\x85\x0b")), max_size=80)


def test_code_holds_backticks() -> None:
    """The fence is longer than any run of backticks inside."""
    assert code("a") == "`a`"
    assert code("a `` b") == "``` a `` b ```".replace(" a", "a").replace("b ", "b")
    assert code("`a") == "`` `a ``"


def test_names_are_one_line() -> None:
    """Breaks become spaces, overrides vanish, controls are shown as pictures, the rest is cut."""
    assert one_line("a\nb\u2028c\u202ed") == "a b cd"
    assert "\x1b" not in one_line("\x1b[31mred")
    assert one_line("x" * 100, limit=10) == "x" * 9 + "…"


def test_quotes_keep_every_line_apart_from_ours() -> None:
    """A message can not forge a heading of the next message."""
    assert quoted("hi\n**2 · you**\r\n# x", limit=100) == "> hi\n> **2 · you**\n> # x"


def test_empty_text_is_said_to_be_empty() -> None:
    """A message of white space is told from no message."""
    assert quoted(" \n", limit=100) == "> (empty)"


def test_long_text_is_counted() -> None:
    """What is cut off is counted."""
    assert quoted("x" * 1500, limit=500).endswith("\n> … and 1,000 more characters")


def test_things_are_counted() -> None:
    """One is singular, everything else is plural."""
    assert [plural(count, "message") for count in (0, 1, 2000)] == ["0 messages", "1 message", "2,000 messages"]


@given(TEXT)
def test_no_quoted_line_can_pose_as_ours(text: str) -> None:
    """However a reader breaks lines, each one of the quote begins with its mark."""
    lines = quoted(text, limit=40).splitlines()
    assert lines
    assert all(line == ">" or line.startswith("> ") for line in lines)
    assert not any(ord(char) < 32 and char not in "\n\t" for char in quoted(text, limit=40))


@given(TEXT)
def test_code_is_one_line_that_nothing_ends_early(text: str) -> None:
    """No run of backticks inside is as long as the fence, and no line ends inside."""
    shown = code(text)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    inside = shown[len(fence) : -len(fence)]
    assert len(shown.splitlines()) == 1
    assert fence not in inside
