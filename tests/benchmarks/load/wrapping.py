"""Wrapping: paragraphs and lists of a page, whose numbers make them longer or shorter, at one width."""

from __future__ import annotations

import re
import textwrap

WIDTH = 120
_AS_IT_IS = ("#", "|", "![", "```")
_ITEM = re.compile(r"^(- |\d+\. )", re.MULTILINE)


def wrapped(text: str) -> str:
    """Wrap what is prose; blocks are parted by empty lines."""
    return "\n\n".join(_block(block) for block in text.strip().split("\n\n"))


def _block(block: str) -> str:
    if block.startswith(_AS_IT_IS):
        return block
    if not _ITEM.match(block):
        return _filled(block, "")
    items = re.split(r"\n(?=- |\d+\. )", block)
    return "\n".join(_filled(item, " " * len(_mark(item))) for item in items)


def _mark(item: str) -> str:
    found = _ITEM.match(item)
    return "" if found is None else found[0]


def _filled(text: str, indent: str) -> str:
    return textwrap.fill(
        " ".join(text.split()), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
