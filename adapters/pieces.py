"""Pieces: where a text that is too long for one message can be cut."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

_JOINER = "\u200d"
_SEPARATORS = ("\n\n", "\n", " ")
_MOST_MARKS = 64  # code points taken for one sign; a letter under a thousand accents is cut
_UNSEEN = ("Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp")  # what is not assigned yet may be a new emoji
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols by category, yet nothing is to be seen


class Cut(NamedTuple):
    """A piece ends before `end`; the next one starts at `start`. What lies between is white space."""

    end: int
    start: int


def clean(text: str) -> str:
    """Make line ends one line feed, and halves of surrogate pairs, which nothing can encode, U+FFFD."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def visible(text: str) -> bool:
    """Tell whether there is anything to see: a platform refuses a message of white and zero-width space."""
    return any(unicodedata.category(sign) not in _UNSEEN and sign not in _BLANK for sign in text)


def units(text: str) -> int:
    """Count UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def fitting(text: str, start: int, most: int) -> int:
    """Give the largest end for which `text[start:end]` has at most `most` UTF-16 units."""
    data = text[start : start + most].encode("utf-16-le")[: 2 * most]
    return start + len(data.decode("utf-16-le", "ignore"))


def cut(text: str, start: int, most: int) -> Cut:
    """Cut between `start` and `most`: at a paragraph, a line or a word of the second half, or else where it can be.

    Needs `start < most < len(text)`.
    """
    middle = (start + most) // 2
    for separator in _SEPARATORS:
        at = text.rfind(separator, middle, most + len(separator))
        if at > start:
            return _around(text, at, separator)
    at = max(text.rfind("\n", start, middle), text.rfind(" ", start, middle))
    if at > start and text[start:at].strip():
        return _around(text, at, text[at])
    at = _between_signs(text, start, most)
    return Cut(at, at)


def _around(text: str, at: int, separator: str) -> Cut:
    """Leave out line feeds at the cut, or blanks between words; never the indentation of the next line."""
    sign = separator[0]
    after = at
    while after < len(text) and text[after] == sign:
        after += 1
    return Cut(at, after)


def _between_signs(text: str, start: int, most: int) -> int:
    """Step back to where no sign that a person sees as one is torn apart."""
    for at in range(most, max(start, most - _MOST_MARKS), -1):
        if not _joined(text, at, start):
            return at
    return most


def _joined(text: str, at: int, start: int) -> bool:
    """Tell whether the code points before and after a place make one sign together."""
    before, after = text[at - 1], text[at]
    if before == _JOINER or after == _JOINER or unicodedata.category(after)[0] == "M":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":  # skin tones and tags
        return True
    if not (_is_flag_half(before) and _is_flag_half(after)):
        return False
    first = at - 1
    while first > start and _is_flag_half(text[first - 1]):
        first -= 1
    return (at - first) % 2 == 1


def _is_flag_half(sign: str) -> bool:
    return "\U0001f1e6" <= sign <= "\U0001f1ff"
