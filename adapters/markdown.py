"""Markdown as the channels read it: CommonMark with tables and strikethrough, where no word gets lost."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

MAX_NESTING = 24  # levels of quotation, or twice those of lists; every level costs stack


@cache
def parser() -> MarkdownIt:
    """Give the parser, loaded when it is first used."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    # The definition of a reference would vanish from the text. Images within images are parsed without a
    # limit of depth; without the rule an image is an exclamation mark and a link.
    parser.enable(["strikethrough", "table"]).disable(["reference", "image"])
    parser.core.ruler.push("images", _images_as_links)
    return parser


@cache
def block_parser() -> MarkdownIt:
    """Give a parser that finds blocks alone, and leaves what is in them as it is."""
    from markdown_it import MarkdownIt

    options = {"html": False, "maxNesting": MAX_NESTING}
    return MarkdownIt("commonmark", options).enable("table").disable(["reference", "inline"])


def too_deep(tokens: Iterable[Token]) -> bool:
    """Tell whether the text is nested deeper than the parser goes: it leaves out what lies below."""
    return any(token.level >= MAX_NESTING - 1 for token in tokens)


def words(tokens: Iterable[Token]) -> str:
    """Give inline content as bare text, each link followed by where it leads."""
    parts: list[str] = []
    address, label = "", 0
    for token in tokens:
        if token.type == "link_open":
            address, label = "" if token.info == "auto" else str(token.attrs["href"]), len(parts)
        elif token.type == "link_close":
            shown = "".join(parts[label:])
            parts.append("" if not address or shown == address else f" ({address})" if shown else address)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        else:
            parts.append(token.content)
    return "".join(parts)


def _images_as_links(state: StateCore) -> None:
    """Take away the exclamation marks before links."""
    for token in state.tokens:
        for child, following in pairwise(token.children or ()):
            if following.type == "link_open" and following.info != "auto" and child.type == "text":
                child.content = child.content.removesuffix("!")
