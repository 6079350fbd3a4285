"""Fences: Markdown cut into pieces that each stand alone, with code blocks closed and opened again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.pieces import Cut, cut, fitting, units, visible

# Marks of quotations, indentation and a list marker may stand before it. A longer run or a longer word is no code block
# anybody meant.
_OPENING = re.compile(
    r"((?:[ ]{0,3}>[ ]?){0,3})[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,16}(?!`)|~{3,16}(?!~))[ \t]*([^`\n]{0,80})"
)
_LINE = re.compile(r"[^\n]*\n?")
_RESERVE = 32  # units for a line feed and the longest closing fence, in a quotation of a quotation


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code block: its marks, what stands behind and before them, and where its first line starts."""

    marks: str
    info: str
    at: int
    quotation: str = ""

    @property
    def head(self) -> str:
        """Give what opens it again."""
        return f"{self.quotation}{self.marks}{self.info}\n"

    @property
    def tail(self) -> str:
        """Give what closes it."""
        return f"\n{self.quotation}{self.marks}"

    def ends_before(self, line: str) -> bool:
        """Tell whether the quotation it stands in has ended with the line before."""
        return bool(self.quotation) and not line.lstrip().startswith(">")

    def closes_at(self, line: str) -> bool:
        """Tell whether a line closes it."""
        bare = line.lstrip(" \t>").strip() if self.quotation else line.strip()
        return len(bare) >= len(self.marks) and not bare.strip(self.marks[0])


def fence_after(text: str, start: int, end: int, fence: Fence | None) -> Fence | None:
    """Give the code block that is open at `end`, if `fence` was open at `start`."""
    for match in _LINE.finditer(text, start, end):
        line, whole = match[0].rstrip("\n"), not match.start() or text[match.start() - 1] == "\n"
        if fence is not None and match[0] and whole and fence.ends_before(line):
            fence = None
        if fence is not None:
            fence = None if fence.closes_at(line) else fence
        elif opening := _OPENING.fullmatch(line):
            fence = Fence(opening[2], opening[3].strip(), match.start(), opening[1])
    return fence


def split(text: str, most: int) -> Iterator[str]:
    """Cut Markdown into visible pieces of at most `most` UTF-16 units, a few hundred at least.

    A code block that is open at a cut is closed there and opened again in the next piece. One that is
    never closed is closed at the end.
    """
    start, fence = 0, None
    while start < len(text):
        place, open_after = _next(text, start, most, fence)
        body = text[start : place.end].strip("\n").rstrip()
        if visible(body):
            yield _standing_alone(body, fence, open_after)
        start, fence = _behind_closing(text, place.start, open_after)


def _standing_alone(body: str, before: Fence | None, after: Fence | None) -> str:
    head = before.head if before else ""
    tail = after.tail if after else ""
    return f"{head}{body}{tail}"


def _next(text: str, start: int, most: int, fence: Fence | None) -> tuple[Cut, Fence | None]:
    """Find where the piece that begins at `start` ends, and the code block that is open there."""
    room = most - (units(fence.head) if fence else 0)
    end = fitting(text, start, room)
    if end == len(text):
        after = fence_after(text, start, end, fence)
        if after is None or fitting(text, start, room - _RESERVE) == end:
            return Cut(end, end), after
    place = cut(text, _first_place(text, start, fence), fitting(text, start, room - _RESERVE))
    after = fence_after(text, start, place.end, fence)
    if after and after.at > start and _is_better_whole(text, start, place.end, after):
        return Cut(after.at, after.at), None
    return place, after


def _first_place(text: str, start: int, fence: Fence | None) -> int:
    """Give where a cut can be: a piece does not end with the fence that it begins with."""
    line = _LINE.match(text, start)
    if fence is None and line and _OPENING.fullmatch(line[0].rstrip("\n")):
        return line.end()
    return start


def _is_better_whole(text: str, start: int, end: int, fence: Fence) -> bool:
    """Tell whether to cut before a code block: if it begins late in the piece, or none of its lines is in it."""
    return fence.at > (start + end) // 2 or "\n" not in text[fence.at : end]


def _behind_closing(text: str, start: int, fence: Fence | None) -> tuple[int, Fence | None]:
    """Pass over a closing fence right behind a cut: nothing is left to open again."""
    line = _LINE.match(text, start)
    if fence and line and fence.closes_at(line[0]):
        return line.end(), None
    return start, fence
