"""Document: Markdown as one text with spans, each of which looks different from the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.markdown import parser, too_deep
from adapters.tables import table_text
from adapters.telegram.links import link_target

if TYPE_CHECKING:
    from markdown_it.token import Token

_RULE = "—" * 8
_INDENT = "   "  # for each level of a list; letters of a chat are narrow, and so are blanks
_MOST_INDENTS = 8
_STYLES = {"strong": "bold", "em": "italic", "s": "strikethrough"}
_LANGUAGE = re.compile(r"[\w.+#-]{1,32}")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, from one code point up to another."""

    type: str
    start: int
    end: int
    url: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A text, and its spans in the order in which they start. No two overlap but for one within the other."""

    text: str
    spans: tuple[Span, ...]


def document(markdown: str) -> Document:
    """Read Markdown; what is nested too deep stays as it was written."""
    tokens = parser().parse(markdown)
    if too_deep(tokens):
        return Document(markdown, ())
    return _Writer(markdown.split("\n")).write(tokens)


class _Writer:
    """Writes text and spans, token by token."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._parts: list[str] = []
        self._at = 0
        self._spans: list[Span] = []
        self._open: list[Span] = []
        self._fresh = True  # the next block goes on where the text stands
        self._prefix: list[str] = []  # what every further line starts with
        self._counters: list[int | None] = []  # the next number of each list around
        self._links: list[tuple[str, int]] = []

    def write(self, tokens: Sequence[Token]) -> Document:
        skipped_to = 0
        for index, token in enumerate(tokens):
            if index < skipped_to:
                continue
            if token.type == "table_open":
                skipped_to = next(at for at in range(index, len(tokens)) if tokens[at].type == "table_close") + 1
                self._preformatted(token, table_text(tokens[index:skipped_to]), None)
            elif handle := _BLOCKS.get(token.type):
                handle(self, token)
        spans = sorted(self._spans, key=lambda span: (span.start, -span.end))
        return Document("".join(self._parts), tuple(spans))

    # Text and spans

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._at += len(text)

    def _begin(self, kind: str, url: str | None = None) -> None:
        self._open.append(Span(kind, self._at, self._at, url))

    def _end(self) -> None:
        span = self._open.pop()
        # The same look within itself is none.
        if span.type and span.start < self._at and all(other.type != span.type for other in self._open):
            self._spans.append(Span(span.type, span.start, self._at, span.url, span.language))

    def _code(self, text: str) -> None:
        """Write code, which can be part of a quotation alone: whatever else is open has a gap there."""
        if not text.strip() or any(span.type == "text_link" for span in self._open):
            self._put(text)
            return
        styles = [span for span in self._open if span.type != "blockquote"]
        for _ in styles:
            self._end()
        self._begin("code")
        self._put(text)
        self._end()
        for span in styles:
            self._begin(span.type)

    # Blocks

    def _start(self, token: Token, *, prefixed: bool = True) -> None:
        """Go to where a block starts, with a blank line before it if there was one."""
        if self._fresh:
            self._fresh = False
            return
        first = token.map[0] if token.map else 0
        blank = first > 0 and not self._lines[first - 1].strip(" \t>")
        self._put("\n\n" if blank else "\n")
        if prefixed:
            self._put(self._indentation())

    def _indentation(self) -> str:
        return "".join(self._prefix[-_MOST_INDENTS:])

    def _heading(self, token: Token) -> None:
        self._start(token)
        self._begin("bold")

    def _heading_end(self, token: Token) -> None:
        self._end()

    def _quote(self, token: Token) -> None:
        self._start(token)
        within = any(span.type == "blockquote" for span in self._open)
        self._begin("blockquote")
        self._prefix.append("> " if within else "")
        self._put(self._prefix[-1])
        self._fresh = True

    def _quote_end(self, token: Token) -> None:
        self._end()
        self._prefix.pop()
        self._fresh = False

    def _list(self, token: Token) -> None:
        self._counters.append(int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None)

    def _list_end(self, token: Token) -> None:
        self._counters.pop()

    def _item(self, token: Token) -> None:
        self._start(token)
        number = self._counters[-1]
        if number is None:
            self._put("• ")
        else:
            self._put(f"{number}{token.markup} ")
            self._counters[-1] = number + 1
        self._prefix.append(_INDENT)
        self._fresh = True

    def _item_end(self, token: Token) -> None:
        self._prefix.pop()
        self._fresh = False

    def _rule(self, token: Token) -> None:
        self._start(token)
        self._put(_RULE)

    def _fence(self, token: Token) -> None:
        language, _, rest = token.info.strip().partition(" ")
        if not _LANGUAGE.fullmatch(language):
            language, rest = "", token.info.strip()
        if rest.strip():
            self._start(token)
            self._put(f"{rest.strip()}\n")
            self._fresh = True
        self._preformatted(token, token.content, language or None)

    def _code_block(self, token: Token) -> None:
        self._preformatted(token, token.content, None)

    def _preformatted(self, token: Token, content: str, language: str | None) -> None:
        if self._fresh and self._parts and not self._parts[-1].endswith("\n"):
            self._put("\n")
        self._start(token, prefixed=False)
        self._open.append(Span("pre" if content.strip() else "", self._at, self._at, None, language))
        self._put(content.strip("\n"))
        self._end()

    # Lines

    def _inline(self, token: Token) -> None:
        for child in token.children or ():
            if child.type == "text":
                self._put(child.content)
            elif child.type in ("softbreak", "hardbreak"):
                self._put("\n" + self._indentation())
            elif child.type == "code_inline":
                self._code(child.content)
            elif child.type == "link_open":
                self._link(child)
            elif child.type == "link_close":
                self._link_end()
            elif child.nesting == 1:
                self._begin(_STYLES[child.tag])
            elif child.nesting == -1:
                self._end()
            else:
                self._put(child.content)

    def _link(self, token: Token) -> None:
        address = str(token.attrs["href"])
        target = link_target(address)
        # Telegram finds a bare address by itself.
        self._links.append(("" if token.info == "auto" else address, len(self._parts)))
        self._begin("text_link" if target and token.info != "auto" else "", target)

    def _link_end(self) -> None:
        address, first = self._links.pop()
        shown = "".join(self._parts[first:])
        if not shown.strip():
            self._put(address)
        linked = self._open[-1].type == "text_link"
        self._end()
        if address and shown.strip() and shown != address and not linked:
            self._put(f" ({address})")


_BLOCKS: dict[str, Callable[[_Writer, Token], None]] = {
    "paragraph_open": _Writer._start,
    "heading_open": _Writer._heading,
    "heading_close": _Writer._heading_end,
    "blockquote_open": _Writer._quote,
    "blockquote_close": _Writer._quote_end,
    "bullet_list_open": _Writer._list,
    "ordered_list_open": _Writer._list,
    "bullet_list_close": _Writer._list_end,
    "ordered_list_close": _Writer._list_end,
    "list_item_open": _Writer._item,
    "list_item_close": _Writer._item_end,
    "hr": _Writer._rule,
    "fence": _Writer._fence,
    "code_block": _Writer._code_block,
    "inline": _Writer._inline,
}
