"""Markdown as Telegram shows it."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.telegram.links import link_target
from adapters.telegram.piece import Entity, Piece
from adapters.telegram.rendering import MAX_ENTITIES, MAX_UNITS, render

MARKS = [
    *"*_[]()`~#>|!\\&<-+.1:/ ab\n\t\"'",
    "```",
    "~~~",
    "http://a.b",
    "tg://user?id=1",
    "😀",
    "é",
    "\u200d",
    "\ud83d",
]
WILD = st.lists(st.sampled_from(MARKS), max_size=200).map("".join)
BLOCKS = st.sampled_from(
    [
        "{}\n\n",
        "{}\n",
        "# {}\n",
        "**{}** ",
        "_{}_ ",
        "`{}` ",
        "~~{}~~ ",
        "[{}](https://example.org) ",
        "[{}](tg://user?id=1) ",
        "> {}\n",
        "> > {}\n",
        "- {}\n",
        "  1. {}\n",
        "```py\n{}\n```\n",
        "    {}\n",
        "\n| {} |\n|---|\n\n",
        "---\n",
        "😀{} ",
    ]
)
DOCUMENTS = st.lists(st.tuples(BLOCKS, st.integers(1, 40)), max_size=60).map(
    lambda blocks: "".join(block.format(" ".join([f"w{at}"] * many)) for at, (block, many) in enumerate(blocks))
)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def part(piece: Piece, entity: Entity) -> str:
    """Give what an entity covers; a surrogate pair cut in two can not be decoded."""
    data = piece.text.encode("utf-16-le")
    return data[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le")


def looks(markdown: str) -> list[tuple[str, str]]:
    """Give what every entity of a text that fits one message covers."""
    [piece] = render(markdown)
    return [(entity.type, part(piece, entity)) for entity in piece.entities]


def shown(markdown: str) -> str:
    """Give the text of what fits one message."""
    [piece] = render(markdown)
    return piece.text


def check(pieces: list[Piece]) -> None:
    """Check all that Telegram asks of a message."""
    for piece in pieces:
        assert 0 < units(piece.text) <= MAX_UNITS
        assert piece.text.strip()
        assert len(piece.entities) <= MAX_ENTITIES
        places = [(entity.offset, -entity.length) for entity in piece.entities]
        assert places == sorted(places)
        around: list[Entity] = []
        for entity in piece.entities:
            assert entity.offset >= 0
            assert entity.length > 0
            assert entity.offset + entity.length <= units(piece.text)
            assert part(piece, entity).strip()
            around = [other for other in around if other.offset + other.length > entity.offset]
            check_nesting(entity, around)
            around.append(entity)


def check_nesting(entity: Entity, around: list[Entity]) -> None:
    """Check an entity against those that it lies in."""
    kinds = {other.type for other in around}
    assert all(entity.offset + entity.length <= other.offset + other.length for other in around)
    assert entity.type not in kinds
    assert not kinds & {"pre", "code"}
    assert entity.type not in ("pre", "code") or kinds <= {"blockquote"}
    assert (entity.url is not None) is (entity.type == "text_link")
    assert entity.url is None or not entity.url.lower().startswith("tg://user")


@pytest.mark.parametrize(
    ("markdown", "text", "entities"),
    [
        ("plain", "plain", []),
        ("**b** *i* ~~s~~ `c`", "b i s c", [("bold", "b"), ("italic", "i"), ("strikethrough", "s"), ("code", "c")]),
        ("# Head *it*", "Head it", [("bold", "Head it"), ("italic", "it")]),
        ("**a `b` c**", "a b c", [("bold", "a "), ("code", "b"), ("bold", " c")]),
        ("[a **b**](https://e.org)", "a b", [("text_link", "a b"), ("bold", "b")]),
        ("[`a`](https://e.org)", "a", [("text_link", "a")]),
        ("![a cat](https://e.org/c.png)", "a cat", [("text_link", "a cat")]),
        ("<https://e.org>", "https://e.org", []),
        ("[a](b/c)", "a (b/c)", []),
        ("[](https://e.org)", "https://e.org", [("text_link", "https://e.org")]),
        ("- a\n- b\n  1. c\n  1. d", "• a\n• b\n   1. c\n   2. d", []),
        ("7) a\n8) b", "7) a\n8) b", []),
        ("- a\n\n  b", "• a\n\n   b", []),
        ("> a\n> b\n\nc", "a\nb\n\nc", [("blockquote", "a\nb")]),
        ("> a\n> > b", "a\n> b", [("blockquote", "a\n> b")]),
        ("> ```\n> x\n> ```", "x", [("blockquote", "x"), ("pre", "x")]),
        ("a\n\n---\n\nb", "a\n\n————————\n\nb", []),
        ("a:\n```\n x\n```\nb", "a:\n x\nb", [("pre", " x")]),
        ("| a | bc |\n|---|---|\n| **d** | 日 |", "a | bc\n--+---\nd | 日", [("pre", "a | bc\n--+---\nd | 日")]),
        ("😀 **b**", "😀 b", [("bold", "b")]),
    ],
)
def test_each_mark_becomes_its_look(markdown: str, text: str, entities: list[tuple[str, str]]) -> None:
    """Marks vanish, what they mean stays."""
    assert shown(markdown) == text
    assert looks(markdown) == entities


def test_a_code_block_keeps_its_language_and_a_link_its_address() -> None:
    """They are told beside the text."""
    assert render("```py\nx\n```")[0].entities == (Entity("pre", 0, 1, None, "py"),)
    assert render("[a](https://e.org/?q=1)")[0].entities == (Entity("text_link", 0, 1, "https://e.org/?q=1"),)


def test_what_else_stands_behind_a_fence_is_shown() -> None:
    """Only one word can be a language."""
    assert shown("```js the example\nx\n```") == "the example\nx"


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "two\n\nparagraphs",
        "a * b, 2 < 3, snake_case_name, C:\\dir",
        "</code><a href=tg://user?id=1>",
        "<b>not bold</b>",
        "@everyone <@&1234> <@1>",
        "[note]: is not a definition",
        "سلام \u200f(world)\u200e",
        "👩\u200d👩\u200d👧 zero\u200bwidth",
        "2024. It was a good year",
    ],
)
def test_plain_text_comes_out_as_it_went_in(text: str) -> None:
    """Nothing is taken for a mark that is none."""
    assert render(text) == [Piece(text)]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t\n", "\u200b", "\u2800\n", "\ufeff \u200e"])
def test_blank_text_gives_no_message(text: str) -> None:
    """Telegram refuses a message in which nothing is to be seen."""
    assert render(text) == []


@pytest.mark.parametrize("text", ["```", "~~~ wow", "#", ">", "[](tg://user?id=1)", "``` ```", "-", "\ud83d"])
def test_what_is_not_blank_gives_a_message(text: str) -> None:
    """Markdown that shows nothing is shown as it was written."""
    pieces = render(text)
    check(pieces)
    assert len(pieces) == 1


@pytest.mark.parametrize(
    "address",
    [
        "tg://user?id=1",
        "TG://User?id=1",
        "tg:user?id=1",
        "tg:///user?id=1",
        "tg://%75ser?id=1",
        "tg:\\user",
        "tg://user",
    ],
)
def test_nobody_is_mentioned_by_a_link(address: str) -> None:
    """A link to a user stays text, however it is spelled."""
    assert link_target(address) is None
    assert render(f"[x]({address})")[0].entities == ()
    assert "user" in render(f"[x](<{address}>)")[0].text.lower() or "%75" in render(f"[x](<{address}>)")[0].text


@pytest.mark.parametrize(
    "address", ["https://e.org", "HTTP://e.org", "tg://resolve?domain=a", "mailto:a@b.c", "https://t.me/user"]
)
def test_other_links_work(address: str) -> None:
    """Those to the web, to mail and to places in Telegram."""
    assert link_target(address) == address


@pytest.mark.parametrize("address", ["ftp://e.org", "file:///etc", "javascript:x", "e.org", "//e.org", "data:x"])
def test_no_link_of_another_scheme(address: str) -> None:
    """The address is shown instead."""
    [piece] = render(f"[x]({address})")
    assert piece.entities == ()
    assert address in piece.text


@given(WILD)
def test_every_piece_is_one_that_telegram_takes(text: str) -> None:
    """Whatever the text."""
    pieces = render(text)
    check(pieces)
    assert not any(entity.type == "text_link" and entity.url is None for piece in pieces for entity in piece.entities)


@given(DOCUMENTS)
def test_the_words_survive_in_order(markdown: str) -> None:
    """However long the text, and wherever it is cut."""
    pieces = render(markdown)
    check(pieces)
    assert re.findall(r"w\d+", " ".join(piece.text for piece in pieces)) == re.findall(r"w\d+", markdown)


@given(st.text(alphabet="ab *_[]`~>#-+.1\n\\!", max_size=150))
def test_no_letter_is_lost(text: str) -> None:
    """Whatever marks stand around it; the word behind a fence is no part of the text."""
    assume("```" not in text and "~~~" not in text)
    assert re.findall("[ab]", "".join(piece.text for piece in render(text))) == re.findall("[ab]", text)


@given(st.text(max_size=300))
def test_any_text_is_rendered(text: str) -> None:
    """All of Unicode."""
    check(render(text))


def test_emoji_are_cut_between() -> None:
    """4,096 emoji are 8,192 units: two full messages."""
    pieces = render("😀" * 4_096)
    check(pieces)
    assert [piece.text for piece in pieces] == ["😀" * 2_048] * 2


@pytest.mark.parametrize("sign", ["👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "e\u0301", "🏴\U000e0067\U000e0062\U000e007f"])
def test_no_sign_is_torn_apart(sign: str) -> None:
    """What a person sees as one stays one."""
    pieces = render("x" + sign * 3_000)
    check(pieces)
    assert "".join(piece.text for piece in pieces) == "x" + sign * 3_000
    assert all(piece.text.startswith(sign) for piece in pieces[1:])


def test_a_code_block_goes_on_behind_a_cut() -> None:
    """With its language, and cut between lines."""
    lines = "".join(f"    line {at}\n" for at in range(600))
    pieces = render(f"```python\n{lines}```\nend")
    check(pieces)
    assert len(pieces) > 1
    assert all(piece.entities[0].type == "pre" and piece.entities[0].language == "python" for piece in pieces)
    assert all(piece.entities[0].offset == 0 and piece.text.startswith("    line") for piece in pieces)
    assert "\n".join(piece.text for piece in pieces) == f"{lines}end"


def test_a_short_code_block_moves_to_the_next_piece_whole() -> None:
    """It is not torn if it need not be."""
    first, second = render("word " * 750 + "\n```\n" + "code\n" * 100 + "```")
    assert first.entities == ()
    assert second.text == "code\n" * 99 + "code"


def test_styles_go_on_behind_a_cut() -> None:
    """They are closed at the end of a piece and opened in the next."""
    pieces = render("**" + "word " * 2_000 + "end**")
    check(pieces)
    assert [entity.type for piece in pieces for entity in piece.entities] == ["bold"] * len(pieces)
    assert all(part(piece, piece.entities[0]) == piece.text for piece in pieces)


def test_paragraphs_are_cut_before_lines_and_lines_before_words() -> None:
    """The best place of the second half is taken."""
    paragraph = "a a\n" * 600
    assert [units(piece.text) for piece in render(f"{paragraph}\n{paragraph}")] == [2_399, 2_399]
    assert all(piece.text.endswith("a a") for piece in render("a a\n" * 3_000))
    assert all(piece.text.endswith("word") for piece in render("word " * 3_000))


def test_no_piece_has_more_entities_than_telegram_shows() -> None:
    """The hundred and first goes into the next piece."""
    pieces = render("> " + "**a** " * 250)
    check(pieces)
    assert [len(piece.entities) for piece in pieces] == [100, 100, 53]


def test_many_blank_codes_and_blocks_are_no_trouble() -> None:
    """Spans of nothing but white space are none, so a cut can pass over any number of them."""
    check(render("a " + "` ` " * 3_000 + "b"))
    check(render("```\n \n```\n" * 900 + "b"))


@pytest.mark.parametrize(
    "text",
    [
        "*_[`~" * 4_000,
        "`" * 20_000,
        " ".join("`" * many for many in range(1, 200)),
        "[" * 20_000,
        "![" * 9_000 + "](a)" * 3_000,
        "*" * 9_000 + "a" + "*" * 9_000,
        "|" * 9_000 + "\n" + "|-" * 4_000,
        "| " + "a" * 10_000 + " |\n|-|\n" + "|b|\n" * 3_000,
        "- " * 300 + "a\n" + "b\n" * 5_000,
    ],
    ids=["marks", "backticks", "runs", "brackets", "images", "stars", "pipes", "wide", "lazy"],
)
def test_a_message_full_of_marks_is_rendered(text: str) -> None:
    """Soon, and into about as much text."""
    start = time.process_time()
    pieces = render(text)
    assert time.process_time() - start < 10
    check(pieces)
    assert sum(units(piece.text) for piece in pieces) < 40 * len(text)


@pytest.mark.parametrize("opening", [">", "> ", "- ", "1. ", "> - ", "[", "![", "*a **b ", "`["])
def test_deep_nesting_stays_text(opening: str) -> None:
    """No depth overflows the stack, and what lies deep is not lost."""
    pieces = render(opening * 5_000 + "treasure")
    check(pieces)
    assert "treasure" in pieces[-1].text


@pytest.mark.parametrize("depth", range(8, 30))
def test_no_depth_loses_the_text(depth: int) -> None:
    """At the limit, below and above it."""
    for opening in ("> ", "- ", "> - "):
        assert "treasure" in render(opening * depth + "treasure")[0].text


def test_a_megabyte_is_rendered_in_seconds() -> None:
    """Each piece is found without looking at the others; one or two, more on a busy machine."""
    paragraph = "Some *words* and **bold** ones, `code` and a [link](https://example.org).\nOne more line.\n\n"
    markdown = paragraph * (1_000_000 // len(paragraph))
    start = time.process_time()
    pieces = render(markdown)
    assert time.process_time() - start < 15
    check(pieces)
    words = [word for piece in pieces for word in piece.text.split()]
    assert " ".join(words[:12]) == "Some words and bold ones, code and a link. One more line."
    assert words == words[:12] * (1_000_000 // len(paragraph))


def test_a_long_code_block_stays_one_over_many_sections() -> None:
    """A text is parsed in parts; a code block goes on in the next."""
    pieces = render("```py\n" + "x = 1\n" * 20_000 + "```")
    check(pieces)
    assert all(piece.entities == (Entity("pre", 0, units(piece.text), None, "py"),) for piece in pieces)
    assert sum(piece.text.count("x = 1") for piece in pieces) == 20_000
    assert all(len(one.text) + len(two.text) > MAX_UNITS / 2 for one, two in pairwise(pieces))
