"""Names that people give: titles, tags, checkpoint names."""

from __future__ import annotations

import unicodedata

from sessions.errors import InvalidValue

_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn"}  # controls, bidi overrides and zero-width, surrogates, unassigned
_MARKS = {"Mn", "Me"}
_MAX_MARKS = 3  # combining marks on one character; no written language needs more
_JOINER = "\u200d"  # zero-width joiner, which holds emoji together
_EDGES = _JOINER + " "
_SEEN = "LNPS"  # letters, numbers, punctuation, symbols; a mark alone may be a blank


def visible(text: str) -> str:
    """Reduce a name to one line of what can be seen: no controls, overrides, or towers of marks."""
    if not isinstance(text, str):
        raise InvalidValue(f"a name must be text, got {type(text).__name__}")
    kept: list[str] = []
    marks = 0
    for char in " ".join(text.split()):
        category = unicodedata.category(char)
        if category in _DROPPED and char != _JOINER:
            continue
        marks = marks + 1 if category in _MARKS else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    return " ".join("".join(kept).split()).strip(_EDGES)


def check_name(text: str, what: str, limit: int) -> str:
    """Take a name of 1 to `limit` visible characters."""
    cleaned = visible(text)
    if not any(unicodedata.category(char)[0] in _SEEN for char in cleaned):
        raise InvalidValue(f"{what} needs at least one visible character")
    if len(cleaned) > limit:
        raise InvalidValue(f"{what} has at most {limit} characters, this one has {len(cleaned)}")
    return cleaned
