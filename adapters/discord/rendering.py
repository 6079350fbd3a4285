"""Markdown as Discord shows it: it reads Markdown itself, but no tables, and no message beyond 2,000 characters."""

from __future__ import annotations

import re

from adapters.fences import split
from adapters.markdown import block_parser
from adapters.pieces import clean
from adapters.tables import table_text

MAX_UNITS = 2_000  # of UTF-16, which are never fewer than characters
_BELOW_HEAD = re.compile(r"^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t:|-]*)?$", re.MULTILINE)
_FENCE = "```"


def render(markdown: str) -> list[str]:
    """Give the messages to send, none for a blank text; at most 2,000 characters each."""
    return list(split(_without_tables(clean(markdown)), MAX_UNITS))


def _without_tables(text: str) -> str:
    """Put aligned text in the place of every table that stands by itself."""
    if "|" not in text or not _BELOW_HEAD.search(text):
        return text
    lines = text.split("\n")
    tokens = block_parser().parse(text)
    starts = [at for at, token in enumerate(tokens) if token.type == "table_open" and token.level == 0]
    for at in reversed(starts):
        end = next(index for index in range(at, len(tokens)) if tokens[index].type == "table_close")
        first, last = tokens[at].map or (0, 0)
        lines[first:last] = [_FENCE, _harmless(table_text(tokens[at:end])), _FENCE]
    return "\n".join(lines)


def _harmless(text: str) -> str:
    """Keep what stands in a cell from closing the code block."""
    return text.replace("``", "`\u200b`")
