"""Documents: the conversations of a JSON file, read one after the other, whatever the size of the file.

A file is one conversation, a list of them, or an object that has such a list as `sessions`.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Protocol

from sessions.errors import InvalidValue
from sessions.export.archive import FORMAT, VERSION
from sessions.export.strict_json import TOO_DEEP, refused, repaired, shown, value_at

PIECE = 256 * 1024  # bytes of one read
MAX_CHARACTERS = 256 * 1024 * 1024  # of one conversation
_ZIP = b"PK\x03\x04"
_BLANKS = re.compile(r"[ \t\r\n]*")
_NEAR = 16  # characters before the end of what was read within which an error may be due to the end alone
_LIST = "sessions"
PERSON = "palaver-person"  # what people are given of themselves holds their conversations in the same form


class Source(Protocol):
    """Where bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Give up to `size` bytes; none at the end."""


class Documents:
    """Gives the place in the file and the parsed value of each conversation. Raises `InvalidValue`."""

    def __init__(self, source: Source, *, max_characters: int = MAX_CHARACTERS) -> None:
        self._source, self._most = source, max_characters
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._at, self._ended = "", 0, False
        self._lines = self._bytes = 0  # before what is held

    @property
    def bytes_read(self) -> int:
        """How much of the source was read."""
        return self._bytes

    def __iter__(self) -> Iterator[tuple[str, object]]:
        """Go through the file once."""
        first = self._next()
        if first == "\ufeff":
            raise refused("it begins with a byte order mark; save it as UTF-8 without one")
        if first == "[":
            yield from self._elements("")
        elif first == "{":
            yield from self._members()
        else:
            raise refused("it is neither an object nor a list of objects")
        if self._next():
            raise refused(f"line {self._line()}: something stands behind its end")

    def _members(self) -> Iterator[tuple[str, object]]:
        members: dict[str, object] = {}
        self._at += 1
        while (char := self._next()) != "}":
            if members:
                self._pass(",", char)
            name = self._value() if self._next() == '"' else None
            if not isinstance(name, str):
                raise refused(f"line {self._line()}: the name of a field is missing")
            self._pass(":", self._next())
            if name in members:
                raise refused(f"the field {shown(name)} stands twice in one object")
            if name == _LIST and self._next() == "[":
                members[name] = True
                yield from self._elements(_LIST)
            else:
                members[name] = self._value()
        self._at += 1
        if members.pop(_LIST, None) is not True:
            yield "", members
        elif "format" in members:
            _check_archive(members)

    def _elements(self, path: str) -> Iterator[tuple[str, object]]:
        self._at += 1
        index = 0
        while (char := self._next()) != "]":
            if index:
                self._pass(",", char)
            yield f"{path}[{index}]", self._value()
            index += 1
        self._at += 1

    # -- text ----------------------------------------------------------------------------------

    def _next(self) -> str:
        """Go on to the next character that is not blank, and give it; nothing at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(PIECE):
                return ""

    def _pass(self, wanted: str, found: str) -> None:
        if found != wanted:
            raise refused(f"line {self._line()}: {wanted!r} is missing")
        self._at += 1

    def _value(self) -> object:
        """Parse the next value, reading on until it is whole."""
        self._next()
        while True:
            try:
                value, end = value_at(self._text, self._at)
            except json.JSONDecodeError as error:
                line = self._lines + error.lineno  # before more is read, and what is parsed let go
                if not self._may_go_on(error) or not self._more(len(self._text) - self._at):
                    raise refused(f"line {line}, column {error.colno}: {error.msg}") from None
                continue
            except RecursionError:
                raise refused(TOO_DEEP) from None
            if end == len(self._text) and isinstance(value, int | float) and self._more(end - self._at):
                continue  # a number may go on; as much again is read, so that a long one is not read often
            value = repaired(value, self._text, self._at, end)
            self._at = end
            return value

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Tell whether the text may be wrong only because it ends there."""
        if len(self._text) - self._at > self._most:
            raise refused(f"a conversation is larger than {self._most:,} characters")
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _NEAR

    def _more(self, wanted: int) -> bool:
        """Read on, at least that many bytes if there are so many; let go of what is parsed."""
        if self._ended:
            return False
        self._lines += self._text.count("\n", 0, self._at)
        parts, size = [self._text[self._at :]], 0
        while size < max(wanted, 1) and not self._ended:
            data = self._source.read(PIECE)
            if not self._bytes and data.startswith(_ZIP):
                raise refused("it is a zip file; unpack it and import what is in there")
            self._ended = not data
            try:
                parts.append(self._decode(data, self._ended))
            except UnicodeDecodeError as error:
                raise refused(f"byte {self._bytes + error.start + 1} or one near it is not UTF-8") from None
            size += len(data)
            self._bytes += len(data)
        self._text, self._at = "".join(parts), 0
        return size > 0

    def _line(self) -> int:
        return self._lines + self._text.count("\n", 0, self._at) + 1


def _check_archive(members: dict[str, object]) -> None:
    if members["format"] == PERSON:
        return
    if members["format"] != FORMAT:
        raise _wrong("format", f"is {shown(members['format'])}, not {FORMAT}")
    if members.get("version") != VERSION:
        raise _wrong("version", f"is not {VERSION}, which this program reads; install the Palaver that wrote it")
    for name in members:
        if name not in ("format", "version", "exported_at"):
            raise refused(f"the file has an unknown field {shown(name)}")


def _wrong(name: str, detail: str) -> InvalidValue:
    return refused(f"{name} {detail}")
