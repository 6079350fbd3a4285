"""Markdown within Markdown, of any length, as messages of both platforms.

What is made here is a tree of blocks and looks; its words are numbered, so that one that is lost or out of order shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import count
from textwrap import indent

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord.parts import MOST_PIECES as MOST_ON_DISCORD
from adapters.discord.parts import parts_of
from adapters.discord.rendering import render as for_discord
from adapters.reply import Document, Reply
from adapters.telegram.parts import MOST_PIECES as MOST_ON_TELEGRAM
from adapters.telegram.parts import parts
from adapters.telegram.piece import Piece
from adapters.telegram.rendering import render as for_telegram
from tests.adapters.discord.test_rendering import check as taken_by_discord
from tests.adapters.telegram.test_rendering import check as taken_by_telegram

WORD = re.compile(r"w\d+w")
DECORATIONS = (
    "",
    "😀",
    "👩\u200d👩\u200d👧",
    "é",
    "日本",
    "ﷺ",
    "\u202eabc\u202c",
    "a_b",
    "@everyone",
    "<b>",
    "&amp;",
    "🇩🇪",
)
LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True)
class Node:
    """A part of a text: what it is, and what is within it. A leaf is `many` words."""

    kind: str
    within: tuple[Node, ...] = ()
    many: int = 0
    decoration: str = ""


# Two tildes at the beginning of a line could be taken for those of a code block.
LOOKS = ("**{}**", "*{}*", "and ~~{}~~", "[{}](https://example.org/a?b=1)", "[{}](tg://user?id=1)", "***{}***")
words = st.builds(Node, st.just("words"), many=st.integers(1, 40), decoration=st.sampled_from(DECORATIONS))
code = st.builds(Node, st.just("`{}`"), many=st.integers(1, 5))
lines = st.recursive(
    words | code,
    lambda inner: st.builds(Node, st.sampled_from(LOOKS), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    max_leaves=6,
)
paragraphs = st.builds(
    Node, st.sampled_from(["paragraph", "heading"]), st.lists(lines, min_size=1, max_size=3).map(tuple)
)
fences = st.builds(Node, st.just("fence"), many=st.integers(1, 1_500), decoration=st.sampled_from(DECORATIONS))
tables = st.builds(Node, st.just("table"), many=st.integers(1, 40), decoration=st.sampled_from(DECORATIONS))
leaves = paragraphs | fences | tables


def nested(inside: st.SearchStrategy[Node], *kinds: str) -> st.SearchStrategy[Node]:
    """Make blocks of these kinds within each other."""
    return st.recursive(
        inside,
        lambda inner: st.builds(Node, st.sampled_from(kinds), st.lists(inner, min_size=1, max_size=3).map(tuple)),
        max_leaves=8,
    )


quoted = nested(paragraphs | tables, "quote", "list", "numbers")  # of code blocks in quotations below
texts = st.lists(nested(leaves | quoted, "list", "numbers"), min_size=1, max_size=4)
wild = st.lists(nested(leaves, "quote", "list", "numbers"), min_size=1, max_size=4)


def written(tree: Node, number: count[int]) -> str:
    """Write a block as Markdown."""
    if tree.kind == "fence":
        rows = [f"{tree.decoration}{_word(number)}" for _ in range(tree.many)]
        return "\n".join(["```py", *rows, "```"])
    if tree.kind == "table":
        rows = [f"| {_word(number)} | {tree.decoration}{_word(number)} |" for _ in range(tree.many)]
        return "\n".join([rows[0], "|---|---|", *rows[1:]])
    if tree.kind in ("paragraph", "heading"):
        return ("## " if tree.kind == "heading" else "") + " ".join(_line(one, number) for one in tree.within)
    inner = "\n\n".join(written(one, number) for one in tree.within)
    if tree.kind == "quote":
        return indent(inner, "> ", lambda _: True)
    mark = "- " if tree.kind == "list" else "1. "
    return mark + indent(inner, " " * len(mark), lambda line: bool(line.strip()))[len(mark) :]


def outer_first(piece: Piece) -> Piece:
    """Name a quotation before the code that fills it: of two looks of one length Telegram takes either first."""
    order = sorted(piece.entities, key=lambda one: (one.offset, -one.length, one.type != "blockquote"))
    return replace(piece, entities=tuple(order))


def telegram_takes(pieces: list[Piece]) -> None:
    taken_by_telegram([outer_first(piece) for piece in pieces])


def _line(tree: Node, number: count[int]) -> str:
    if tree.many:
        said = " ".join(f"{tree.decoration}{_word(number)}" for _ in range(tree.many))
        return said if tree.kind == "words" else tree.kind.format(said)
    return tree.kind.format(" ".join(_line(one, number) for one in tree.within))


def _word(number: count[int]) -> str:
    return f"w{next(number)}w"


def markdown(trees: list[Node]) -> str:
    """Write a whole text."""
    number = count()
    return "\n\n".join(written(tree, number) for tree in trees)


@settings(max_examples=60)
@given(wild)
def test_telegram_takes_every_message_and_no_word_is_lost(trees: list[Node]) -> None:
    """Each within 4,096 units, with looks that lie within the text and tear no sign, and the words in their order."""
    text = markdown(trees)
    pieces = for_telegram(text)
    telegram_takes(pieces)
    assert WORD.findall(" ".join(piece.text for piece in pieces)) == WORD.findall(text)
    assert not any("tg://user" in (entity.url or "") for piece in pieces for entity in piece.entities)


@settings(max_examples=60)
@given(texts)
def test_discord_takes_every_message_and_no_word_is_lost(trees: list[Node]) -> None:
    """Each within 2,000 units, with every code block closed that it opens, and the words in their order."""
    text = markdown(trees)
    pieces = for_discord(text)
    taken_by_discord(pieces)
    assert WORD.findall("\n".join(pieces)) == WORD.findall(text)
    assert [piece for piece in pieces if piece.count("```") % 2] == []


def test_discord_closes_a_code_block_in_a_quotation() -> None:
    """Where a message ends in it, it is closed, and opened again in the next, as any other is."""
    code = Node("fence", many=500)
    pieces = for_discord(markdown([Node("quote", (code,))]))
    assert len(pieces) > 1
    assert [piece for piece in pieces if piece.count("```") % 2] == []


def test_discord_closes_a_code_block_in_a_list() -> None:
    """The twin: one in an item of a list is."""
    pieces = for_discord(markdown([Node("list", (Node("fence", many=500),))]))
    assert len(pieces) > 1
    assert [piece for piece in pieces if piece.count("```") % 2] == []


@settings(max_examples=30)
@given(texts, st.booleans())
def test_a_reply_is_a_few_messages_or_a_file_with_all_of_it(trees: list[Node], with_file: bool) -> None:
    """On both platforms: at most five messages, and what is more comes whole as a file, beside what was attached."""
    attached = Document(name="a.md", content=b"a", media_type="text/markdown") if with_file else None
    reply = Reply(text=markdown(trees), document=attached)
    here = parts(reply)
    telegram_takes([part for part in here if isinstance(part, Piece)])
    files = [part for part in here if isinstance(part, Document)]
    assert len(here) - len(files) <= MOST_ON_TELEGRAM
    shown = " ".join(part.text for part in here if isinstance(part, Piece)) + _content(files, attached)
    assert WORD.findall(shown) == WORD.findall(reply.text)
    there = parts_of(reply, LIMIT)
    assert len(there) <= MOST_ON_DISCORD
    assert all(len(part.text.encode("utf-16-le")) <= 4_000 for part in there)
    found = [document for part in there for document in part.documents]
    assert WORD.findall("\n".join(part.text for part in there) + _content(found, attached)) == WORD.findall(reply.text)
    assert (attached in files) == (attached in found) == with_file


def _content(files: list[Document], but: Document | None) -> str:
    return "".join(file.content.decode() for file in files if file != but)


@settings(max_examples=30)
@given(st.text(alphabet=st.characters(), max_size=60), st.integers(1, 200), texts)
def test_any_signs_between_blocks_are_taken(text: str, times: int, trees: list[Node]) -> None:
    """Whatever of Unicode stands between them, both platforms take every message."""
    whole = f"{markdown(trees)}\n\n{text * times}\n\n{markdown([replace(trees[0])])}"
    telegram_takes(for_telegram(whole))
    taken_by_discord(for_discord(whole))
