"""Hypertext: parse_mode HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.fakes.telegram.entities import Formatted, units
from tests.fakes.telegram.failure import Failure, bad
from tests.fakes.telegram.message import Json

_TAGS = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("span", "tg-spoiler"), "spoiler"),
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)((?:\s+[A-Za-z-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]*))?)*)\s*>")
_ATTRIBUTE = re.compile(r"([A-Za-z-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*)))?")
_ENTITY = re.compile(r"&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(lt|gt|amp|quot));?")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}


@dataclass(frozen=True, slots=True)
class Open:
    """A tag that waits for its end."""

    name: str
    attributes: dict[str, str]
    offset: int
    byte: int


class Hypertext:
    """Reads one text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._text: list[str] = []
        self._offset = 0
        self._open: list[Open] = []
        self._entities: list[Json] = []

    def read(self) -> Formatted:
        """Give the text without its tags, or refuse it."""
        at = 0
        while at < len(self._source):
            at = self._step(at)
        if self._open:
            raise _unreadable(f'Can\'t find end tag corresponding to start tag "{self._open[-1].name}"')
        return Formatted("".join(self._text), self._entities)

    def _step(self, at: int) -> int:
        if self._source[at] == "<":
            return self._tag(at)
        if self._source[at] == "&" and (match := _ENTITY.match(self._source, at)):
            decimal, hexadecimal, name = match.groups()
            self._add(_NAMED[name] if name else chr(int(decimal) if decimal else int(hexadecimal, 16)))
            return match.end()
        self._add(self._source[at])
        return at + 1

    def _add(self, text: str) -> None:
        self._text.append(text)
        self._offset += units(text)

    def _tag(self, at: int) -> int:
        byte = len(self._source[:at].encode())
        match = _TAG.match(self._source, at)
        name = match.group(2).lower() if match else self._word(at)
        if not match or name not in _TAGS:
            if self._source.startswith("</", at):
                raise _unreadable(f"Unexpected end tag at byte offset {byte}")
            raise _unreadable(f'Unsupported start tag "{name}" at byte offset {byte}')
        if match.group(1):
            self._close(name, byte)
        else:
            self._begin(name, match.group(3), byte)
        return match.end()

    def _word(self, at: int) -> str:
        found = re.match(r"</?([^\s>]*)", self._source[at:])
        return found.group(1).lower() if found else ""

    def _begin(self, name: str, rest: str, byte: int) -> None:
        attributes = {it[1].lower(): it[2] or it[3] or it[4] or "" for it in _ATTRIBUTE.finditer(rest)}
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise _unreadable(f'Tag "span" must have class "tg-spoiler" at byte offset {byte}')
        self._open.append(Open(name, attributes, self._offset, byte))

    def _close(self, name: str, byte: int) -> None:
        if not self._open:
            raise _unreadable(f"Unexpected end tag at byte offset {byte}")
        tag = self._open.pop()
        if tag.name != name:
            raise _unreadable(f'Unmatched end tag at byte offset {byte}, expected "</{tag.name}>", found "</{name}>"')
        if self._offset > tag.offset and (entity := self._entity(tag)):
            self._entities.append(entity)

    def _entity(self, tag: Open) -> Json | None:
        kind, length = _TAGS[tag.name], self._offset - tag.offset
        entity: Json = {"type": kind, "offset": tag.offset, "length": length}
        inner = tag.attributes.get("class", "")
        if tag.name == "code" and self._open and self._open[-1].name == "pre":
            if inner.startswith("language-"):
                self._open[-1].attributes["language"] = inner.removeprefix("language-")
            return None
        if kind == "text_link":
            url = tag.attributes.get("href") or "".join(self._text)[-length:]
            return {**entity, "url": url} if "." in url or "://" in url else None
        if kind == "custom_emoji":
            return {**entity, "custom_emoji_id": tag.attributes.get("emoji-id", "")}
        if kind == "blockquote" and "expandable" in tag.attributes:
            return {**entity, "type": "expandable_blockquote"}
        if kind == "pre" and "language" in tag.attributes:
            return {**entity, "language": tag.attributes["language"]}
        return entity


def _unreadable(words: str) -> Failure:
    return bad(f"can't parse entities: {words}")
