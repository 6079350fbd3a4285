"""Markdown as a terminal shows it, and where a growing text can be cut without changing how it looks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from adapters.console.plain import plain

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from rich.console import Console
    from rich.markdown import Markdown

MOST_RENDERED = 4_000  # characters of an unfinished block; beyond that only its last lines are shown, as they are


class MarkdownView:
    """Turns Markdown into text with colours. The libraries for it are loaded when it is first used."""

    def render(self, text: str, *, width: int, style: str = "none") -> str:
        """Give the text as it looks `width` columns wide, ended by a line feed; nothing for nothing.

        Control characters are taken out, HTML is shown as text, a line feed stays one, and a link shows
        where it leads.
        """
        clean = plain(text)
        if not clean.strip():
            return ""
        with self._console.capture() as capture:
            self._console.print(self._document(clean, style), width=width)
        return "\n".join(line.rstrip(" ") for line in capture.get().split("\n"))

    def settled(self, text: str) -> int:
        """Give the length of the beginning that will look the same whatever comes after it.

        That is all before the last block, once that has a whole line.
        """
        starts = [token.map[0] for token in self._parser.parse(text) if token.level == 0 and token.map]
        last = max(starts, default=0)
        lines = text.split("\n")
        if last == 0 or last >= len(lines) - 1:
            return 0
        return sum(len(line) + 1 for line in lines[:last])

    def preview(self, text: str, *, width: int, height: int) -> str:
        """Give the last `height` lines of a block that is still growing."""
        if len(text) <= MOST_RENDERED:
            lines = self.render(text, width=width).rstrip("\n").split("\n")
        else:
            tail = plain(text[-width * height :]).split("\n")
            lines = [line[at : at + width] for line in tail for at in range(0, max(1, len(line)), width)]
        return "\n".join(lines[-height:])

    @cached_property
    def _console(self) -> Console:
        from io import StringIO

        from rich.console import Console
        from rich.theme import Theme

        # A background of our own would be a box on half of all terminals.
        theme = Theme({"markdown.code": "cyan"})
        return Console(file=StringIO(), force_terminal=True, highlight=False, theme=theme)

    @cached_property
    def _parser(self) -> MarkdownIt:
        from markdown_it import MarkdownIt

        # A terminal shows no pictures, and the stand-in for one would leave the quotation it is in.
        return MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable("image")

    def _document(self, text: str, style: str) -> Markdown:
        from rich.markdown import Markdown

        document = Markdown("", style=style, hyperlinks=False, code_theme="ansi_dark")
        document.parsed = [_with_line_feeds(token) for token in self._parser.parse(text)]
        return document


def _with_line_feeds(token: Token) -> Token:
    """Keep the line feeds within a paragraph: who writes a message means them."""
    for child in token.children or ():
        if child.type == "softbreak":
            child.type, child.tag = "hardbreak", "br"
    return token
