"""Markdown as Discord shows it."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.rendering import MAX_UNITS, render
from adapters.fences import fence_after

MARKS = [
    *"*_[]()`~#>|!\\&<-+.1:/ ab\n\t",
    "```",
    "\n```py\n",
    "\n```\n",
    "~~~",
    "|-|",
    "😀",
    "\u200d",
    "\ud83d",
    "a" * 900,
]
WILD = st.lists(st.sampled_from(MARKS), max_size=60).map("".join)
BLOCKS = st.sampled_from(
    [
        "{}\n\n",
        "{}\n",
        "# {}\n",
        "**{}** ",
        "- {}\n",
        "\n```py\n{}\n```\n",
        "\n  ```\n  {}\n  ```\n",
        "\n- ```\n{}\n  ```\n",
        "\n````\n```\n{}\n````\n",
        "\n| {} |\n|---|\n\n",
    ]
)
DOCUMENTS = st.lists(st.tuples(BLOCKS, st.integers(1, 200)), max_size=30).map(
    lambda blocks: "".join(block.format("\n".join([f"w{at}"] * many)) for at, (block, many) in enumerate(blocks))
)


def check(pieces: list[str]) -> None:
    """Check all that Discord asks of a message."""
    for piece in pieces:
        assert piece.strip()
        assert len(piece) <= MAX_UNITS
        assert len(piece.encode("utf-16-le")) <= 2 * MAX_UNITS
        assert fence_after(piece, 0, len(piece), None) is None


@given(WILD)
def test_every_piece_is_one_that_discord_takes(text: str) -> None:
    """Whatever the text; and no code block is left open."""
    check(render(text))


@given(st.text(max_size=300), st.integers(1, 30))
def test_any_text_is_rendered(text: str, times: int) -> None:
    """All of Unicode."""
    check(render(text * times))


@given(DOCUMENTS)
def test_the_words_survive_in_order(markdown: str) -> None:
    """However long the text, and wherever it is cut."""
    pieces = render(markdown)
    check(pieces)
    assert re.findall(r"w\d+", "\n".join(pieces)) == re.findall(r"w\d+", markdown)


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "# Head\n\n**b** *i* ~~s~~ `c` [l](https://e.org)\n\n\n> quote\n- a\n  - b",
        "@everyone <@&1234> <@1>",
        "</code><a href=tg://user?id=1>",
        "a | b\nc | d",
        "```\n| a |\n|---|\n```",
        "سلام \u200f(world)\u200e 👩\u200d👩\u200d👧",
        "*_[`~" * 100,
        "x" * 2_000,
    ],
)
def test_text_goes_out_as_it_is(text: str) -> None:
    """Discord reads Markdown itself."""
    assert render(text) == [text]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t\n", "\u200b", "\u2800\n"])
def test_blank_text_gives_no_message(text: str) -> None:
    """Discord refuses an empty message."""
    assert render(text) == []


def test_a_table_becomes_aligned_text() -> None:
    """Discord shows none."""
    table = "see:\n| name | *n* |\n|---|--:|\n| 日本 | `1` |\n| [x](https://e.org) |\n\nend"
    aligned = "name              | n\n------------------+--\n日本              | 1\nx (https://e.org)"
    assert render(table) == [f"see:\n```\n{aligned}\n```\n\nend"]


def test_a_cell_can_not_close_the_block_of_its_table() -> None:
    """Backticks in it are held apart."""
    [piece] = render("| a |\n|---|\n| \\`\\`\\` @everyone |")
    assert piece.count("```") == 2
    assert "@everyone" in piece


def test_a_code_block_is_closed_and_opened_again() -> None:
    """Each piece shows its part as code, with the language."""
    lines = "".join(f"    line {at}\n" for at in range(600))
    pieces = render(f"```python\n{lines}```\nend")
    check(pieces)
    assert all(piece.startswith("```python\n    line") for piece in pieces)
    assert all(piece.endswith("\n```") for piece in pieces[:-1])
    assert pieces[-1].endswith("\n```\nend")
    assert "".join(re.findall(r" +line \d+\n", "\n".join(pieces))) == lines


def test_a_short_code_block_moves_to_the_next_piece_whole() -> None:
    """It is not torn if it need not be."""
    code = "```\n" + "code\n" * 100 + "```"
    assert render("word " * 350 + "\n" + code) == [("word " * 350).strip(), code]


def test_no_empty_code_block_is_left_by_a_cut() -> None:
    """A block that ends right behind a cut is not opened again."""
    for many in (*range(1_900, 2_000), 5_000):
        for before in ("", "word ", "\n\nword\n", "word " * 150):
            pieces = render(f"{before}\n```\n{'x' * many}\n```\nend")
            check(pieces)
            assert not any(re.search(r"```\n\s*```", piece) for piece in pieces)


def test_an_open_code_block_is_closed_at_the_end() -> None:
    """An answer that was stopped shows its code as code."""
    assert render("```py\nx = 1") == ["```py\nx = 1\n```"]


def test_emoji_are_cut_between() -> None:
    """Each counts for two."""
    pieces = render("😀" * 4_096)
    check(pieces)
    assert "".join(pieces) == "😀" * 4_096
    assert len(pieces) == 5


def test_a_megabyte_is_rendered_in_seconds() -> None:
    """With code blocks in it."""
    text = "Some *words*.\n\n```py\nx = 1\n```\n\n" * 32_000
    start = time.process_time()
    pieces = render(text)
    assert time.process_time() - start < 15
    check(pieces)
    assert sum(piece.count("x = 1") for piece in pieces) == 32_000
