"""AuditNotes: what the command line may have noted by itself, and nothing else.

What changes the store is noted where it is done. This is for what only looks, and may look where a bot has the store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bot.arguments import LARGEST, Request, object_of, text_of
from bot.console_address import CONSOLE
from config.readers import check_person
from sessions.address import MAX_ID
from sessions.audit import AuditKind
from sessions.errors import InvalidValue
from sessions.message import JsonValue
from sessions.session import ID_LENGTH, looks_like_id

RECOVERED = "written out for recovery"
_KEY = re.compile(r"[0-9a-f]{4,64}")
_Check = Callable[[JsonValue], bool]


def note_of(request: Request) -> tuple[AuditKind, Mapping[str, JsonValue]]:
    """Read what is to be noted. Raises `InvalidValue` naming what no command notes."""
    kind, about = text_of(request, "kind"), object_of(request, "about")
    fields = _KNOWN.get(kind)
    if fields is None:
        raise InvalidValue(f"{kind[:40]!r} is nothing to note by request; that is {', '.join(_KNOWN)}")
    for name, value in about.items():
        if name not in fields:
            raise InvalidValue(f"a note of the kind {kind} has no {name[:40]!r}; it has {', '.join(fields)}")
        if not fields[name](value):
            raise InvalidValue(f"{name!r} of a note of the kind {kind} can not be this")
    return AuditKind(kind), about


def person_named(text: str | None) -> str | None:
    """Give the person that a condition names, as the audit has them; None for what names nobody there can be."""
    platform, _, user = (text or "").strip().partition(":")
    person = f"{platform.lower()}:{user}"
    try:
        return check_person(person)
    except ValueError:
        is_login = platform.lower() == CONSOLE and 0 < len(user) <= MAX_ID and user.isprintable()
        return person if is_login else None


def _is_id(value: JsonValue) -> bool:
    return isinstance(value, str) and len(value) == ID_LENGTH and looks_like_id(value)


def _are_ids(value: JsonValue) -> bool:
    return isinstance(value, list) and all(map(_is_id, value))


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _is_key(value: JsonValue) -> bool:
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def _is_person(value: JsonValue) -> bool:
    return value is None or (isinstance(value, str) and person_named(value) == value)


def _is_one_of(*words: str) -> _Check:
    return lambda value: value in words


_KNOWN: Mapping[str, Mapping[str, _Check]] = {
    AuditKind.READ.value: {
        "how": _is_one_of("list", "search", "show"),
        "session": _is_id,
        "sessions": _are_ids,
        "person": _is_person,
    },
    AuditKind.EXPORT.value: {
        "session": _is_id,
        "sessions": _are_ids,
        "count": _is_count,
        "format": _is_one_of("markdown", "json", "html", "text", "person"),
        "person": _is_person,
    },
    AuditKind.KEY.value: {"done": _is_one_of(RECOVERED), "key": _is_key},
}
