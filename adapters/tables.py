"""Tables for channels that show none: columns aligned by blanks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

from adapters.markdown import parser, words

_MARKS = re.compile(r"[*_~`\[\]<&\\]")
WIDEST = 40  # columns a cell is filled up to; one long cell must not blow up every row


def table_text(tokens: Iterable[Token]) -> str:
    """Lay out the table that some tokens describe."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_cell(token))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Put cells below each other; the first row is the head.

    >>> print(aligned([["name", "n"], ["a", "1"]]))
    name | n
    -----+--
    a    | 1
    """
    widths: list[int] = []
    for row in rows:
        widths.extend([0] * (len(row) - len(widths)))
        widths[: len(row)] = [max(width, min(WIDEST, _width(cell))) for width, cell in zip(widths, row, strict=False)]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    return "\n".join(lines)


def _cell(token: Token) -> str:
    if token.children:
        return words(token.children)
    if not _MARKS.search(token.content):
        return token.content
    # The block parser found it.
    return words(parser().parseInline(token.content)[0].children or ())


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Put cells beside each other; those missing at the end leave no trace."""
    used = max((at for at, cell in enumerate(row, 1) if cell), default=0)
    return " | ".join(map(_filled, row[:used], widths)).rstrip()


def _filled(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """Count the columns that a text takes where all letters are equally wide."""
    if text.isascii():
        return len(text)
    return sum(_columns(sign) for sign in text)


def _columns(sign: str) -> int:
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
