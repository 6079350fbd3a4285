"""Markdown on a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.console.markdown import MOST_RENDERED, MarkdownView
from adapters.console.plain import plain

VIEW = MarkdownView()
BLOCKS = st.sampled_from(
    [
        "# A heading\n",
        "Some *words*.\n",
        "```py\nx = 1\n\n```\n",
        "- a\n- b\n",
        "\n",
        "> said\n",
        "1. one\n",
        "    x\n",
        "| a |\n|---|\n",
    ]
)


def shown(text: str, *, width: int = 60) -> str:
    """Give the text as a person sees it: without the sequences for colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", VIEW.render(text, width=width))


def test_marks_become_colours() -> None:
    """Emphasis is shown, the signs for it are not."""
    assert shown("**bold** and `code`") == "bold and code\n"
    assert "\x1b[1m" in VIEW.render("**bold**", width=60)


def test_line_feeds_stay() -> None:
    """Two lines stay two lines, although Markdown would join them."""
    assert shown("roses are red\nviolets are blue") == "roses are red\nviolets are blue\n"


def test_html_is_shown_as_it_was_written() -> None:
    """No words vanish because they stand between angle brackets."""
    assert shown("<div>\nhidden?\n</div>") == "<div>\nhidden?\n</div>\n"
    assert shown("a <b>bold</b> word") == "a <b>bold</b> word\n"


def test_a_link_shows_where_it_leads() -> None:
    """No text can pose as another address; the terminal is given no link to follow unseen."""
    rendered = VIEW.render("[my bank](https://evil.example)", width=60)

    assert "my bank (https://evil.example)" in re.sub(r"\x1b\[[\d;]*m", "", rendered)
    assert "\x1b]8" not in rendered


def test_control_characters_are_taken_out() -> None:
    """The only sequences that reach the terminal are our own, for colours."""
    rendered = VIEW.render("\x1b[2J\x1b]52;c;AAAA\x07 `\x9b2J`", width=60)

    assert set(re.findall(r"\x1b[^m]*m?", rendered)) <= set(re.findall(r"\x1b\[[\d;]*m", rendered))


def test_nothing_is_shown_for_nothing() -> None:
    """White space alone takes no room."""
    assert VIEW.render(" \n\n", width=60) == ""


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("One paragraph", ""),
        ("One\n\nTw", "One\n\n"[:0]),
        ("One\n\nTwo\n", "One\n\n"),
        ("```\na\n\nb\n", ""),
        ("```\na\n```\nafter\n", "```\na\n```\n"),
        ("- a\n\n- b\n", ""),
        ("- a\n\n  more\n\nend\n", "- a\n\n  more\n\n"),
    ],
)
def test_only_what_can_not_change_any_more_is_settled(text: str, settled: str) -> None:
    """A block is settled once another one has begun with a whole line; a list or a fence that is open is not."""
    assert text[: VIEW.settled(text)] == settled


@settings(deadline=None, max_examples=60)
@given(st.lists(BLOCKS, max_size=8).map("".join), st.text(alphabet="ab\n-`#> 1.", max_size=20))
def test_what_is_settled_stays_so(text: str, more: str) -> None:
    """Whatever comes after, the beginning is parsed into the same blocks as it was alone."""
    head = text[: VIEW.settled(text)]
    alone = [(token.type, token.content) for token in VIEW._parser.parse(head)]
    together = [(token.type, token.content) for token in VIEW._parser.parse(text + more)]

    assert together[: len(alone)] == alone


def test_a_preview_is_not_higher_than_its_room() -> None:
    """Of a long block the last lines are shown, whether it is short enough to be rendered or not."""
    for lines in (50, MOST_RENDERED):
        text = "```\n" + "".join(f"line {n}\n" for n in range(lines))
        preview = VIEW.preview(text, width=40, height=5).split("\n")
        assert len(preview) == 5
        assert any(f"line {lines - 1}" in line for line in preview)


def test_a_preview_breaks_a_line_without_end() -> None:
    """A single line of any length stays within the width."""
    assert all(len(line) <= 40 for line in VIEW.preview("x" * 9_000, width=40, height=5).split("\n"))


def test_a_picture_stays_where_it_was_quoted() -> None:
    """A terminal shows no pictures, and what stands for one must not look like something the program says."""
    shown = re.sub(r"\x1b\[[0-9;]*m", "", VIEW.render("> before ![9 · you](http://x) after", width=60))
    assert shown.split() == ["▌", "before", "!9", "·", "you", "(http://x)", "after"]


def test_the_direction_of_text_can_not_be_turned() -> None:
    """Overrides and isolates are taken out: with them a message could show what it does not say."""
    assert plain("a\u202eb\u2066c") == "abc"
