"""Markup: put other people's words into Markdown so that they stay words."""

from __future__ import annotations

import re

from sessions.export.characters import encodable, longest_run, visible
from sessions.export.characters import one_line as unbroken

SHOWN = 60  # characters of a title, a name or a mistyped word
_BREAKS = re.compile("[\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def one_line(text: str, *, limit: int = SHOWN) -> str:
    """Give text on one line, nothing in it hidden or reordered, cut to `limit` characters."""
    words = " ".join(unbroken(encodable(text)).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def code(text: str, *, limit: int = SHOWN) -> str:
    """Give text as inline code: no mark-up in it works, whatever it holds."""
    words = one_line(text, limit=limit) or " "
    run = longest_run(words, char="`")
    fence = "`" * (run + 1 if run else 1)
    padding = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{padding}{words}{padding}{fence}"


def quoted(text: str, *, limit: int) -> str:
    """Give text as a block quote: every line of it begins with `>`, so none can pose as ours.

    What is beyond `limit` characters is counted instead of shown.
    """
    shown, more = encodable(text[:limit]), len(text) - limit
    lines = [f"> {visible(line)}".rstrip() for line in _BREAKS.sub("\n", shown.replace("\r\n", "\n")).split("\n")]
    if more > 0:
        lines.append(f"> … and {more:,} more characters")
    return "\n".join(lines if text.strip() else ["> (empty)"])


def plural(count: int, noun: str) -> str:
    """Count things: `1 message`, `2,000 messages`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
