"""Markdown: parse_mode MarkdownV2."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.fakes.telegram.entities import Formatted, units
from tests.fakes.telegram.failure import Failure, bad
from tests.fakes.telegram.message import Json

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
# Longer marks come first: __ is always read as underline.
_MARKS = {
    "```": ("pre", "Pre"),
    "__": ("underline", "Underline"),
    "||": ("spoiler", "Spoiler"),
    "_": ("italic", "Italic"),
    "*": ("bold", "Bold"),
    "~": ("strikethrough", "Strikethrough"),
    "`": ("code", "Code"),
    "![": ("custom_emoji", "CustomEmoji"),
    "[": ("text_link", "TextUrl"),
}
_ENDS = {"![": "]", "[": "]"}
_LANGUAGE = re.compile(r"[^\s`]*(?=\n)")


@dataclass(frozen=True, slots=True)
class Open:
    """A mark that waits for its end."""

    mark: str
    offset: int
    byte: int
    language: str = ""


class Markdown:
    """Reads one text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._text: list[str] = []
        self._offset = 0
        self._open: list[Open] = []
        self._quote: tuple[int, bool] | None = None
        self._entities: list[Json] = []

    def read(self) -> Formatted:
        """Give the text without its marks, or refuse it."""
        at = 0
        while at < len(self._source):
            at = self._step(at)
        if self._open:
            last = self._open[-1]
            raise _unreadable(f"Can't find end of {_MARKS[last.mark][1]} entity at byte offset {last.byte}")
        self._end_quote(expandable=False)
        return Formatted("".join(self._text), self._entities)

    def _step(self, at: int) -> int:
        source = self._source
        if source[at] == "\\" and at + 1 < len(source) and 0 < ord(source[at + 1]) <= 126:
            return self._add(source[at + 1], at + 2)
        if self._open and self._ends(self._open[-1].mark, at):
            return self._close(at)
        if self._open and self._open[-1].mark in ("`", "```"):
            return self._add(source[at], at + 1)
        if source[at] == "\n":
            return self._line(at)
        if after := self._quotation(at):
            return after
        return self._begin(at) if source[at] in _RESERVED else self._add(source[at], at + 1)

    def _ends(self, mark: str, at: int) -> bool:
        # Within italics __ is the beginning of an underlined part.
        italic_only = mark == "_" and self._source.startswith("__", at)
        return self._source.startswith(_ENDS.get(mark, mark), at) and not italic_only

    def _add(self, text: str, after: int) -> int:
        self._text.append(text)
        self._offset += units(text)
        return after

    def _line(self, at: int) -> int:
        if self._quote and not self._source.startswith(">", at + 1):
            self._end_quote(expandable=False)
        return self._add("\n", at + 1)

    def _quotation(self, at: int) -> int | None:
        if at and self._source[at - 1] != "\n":
            return self._quote_end(at)
        if self._source.startswith("**>", at):
            self._quote = (self._offset, True)
            return at + 3
        if self._source.startswith(">", at):
            self._quote = self._quote or (self._offset, False)
            return at + 1
        return None

    def _quote_end(self, at: int) -> int | None:
        rest = self._source[at : at + 4]
        last = rest == "||" or (rest.startswith("||\n") and rest[3:] != ">")
        if self._quote and last and not any(it.mark == "||" for it in self._open):
            self._end_quote(expandable=True)
            return at + 2
        return None

    def _end_quote(self, *, expandable: bool) -> None:
        if self._quote and self._offset > self._quote[0]:
            kind = "expandable_blockquote" if expandable or self._quote[1] else "blockquote"
            self._entities.append({"type": kind, "offset": self._quote[0], "length": self._offset - self._quote[0]})
        self._quote = None

    def _begin(self, at: int) -> int:
        mark = next((mark for mark in _MARKS if self._source.startswith(mark, at)), None)
        if mark is None:
            raise _unreadable(f"Character '{self._source[at]}' is reserved and must be escaped with the preceding '\\'")
        language, after = "", at + len(mark)
        if mark == "```" and (found := _LANGUAGE.match(self._source, after)):
            language, after = found.group(), found.end() + 1
        self._open.append(Open(mark, self._offset, len(self._source[:at].encode()), language))
        return after

    def _close(self, at: int) -> int:
        opened = self._open.pop()
        after = at + len(_ENDS.get(opened.mark, opened.mark))
        entity: Json = {"type": _MARKS[opened.mark][0], "offset": opened.offset, "length": self._offset - opened.offset}
        if opened.language:
            entity["language"] = opened.language
        if opened.mark in _ENDS:
            url, after = self._address(opened, after)
            entity |= {"url": url} if opened.mark == "[" else {"custom_emoji_id": url.rpartition("=")[2]}
        if entity["length"] and entity.get("url") != "":
            self._entities.append(entity)
        return after

    def _address(self, opened: Open, at: int) -> tuple[str, int]:
        if not self._source.startswith("(", at):
            if opened.mark == "![":
                raise _unreadable("Custom emoji entity must contain a tg://emoji URL")
            return "".join(self._text)[-(self._offset - opened.offset) :], at
        found = re.compile(r"\(((?:\\.|[^\\)])*)\)", re.DOTALL).match(self._source, at)
        if not found:
            byte = len(self._source[:at].encode())
            raise _unreadable(f"Can't find end of a URL at byte offset {byte}")
        return re.sub(r"\\(.)", r"\1", found.group(1), flags=re.DOTALL), found.end()


def _unreadable(words: str) -> Failure:
    return bad(f"can't parse entities: {words}")
