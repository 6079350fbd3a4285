"""Addressing: whether a message in a group is meant for the bot, and what it says then."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.telegram.place import whole

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?!\S)")
_AFTER_NAME = " \t\n,:;"


@dataclass(frozen=True, slots=True)
class Me:
    """The account of the bot; `username` is without the @."""

    id: int
    username: str


def without_own_name(text: str, me: Me) -> str:
    """Take `@ourname` off a command."""
    found = _COMMAND.match(text)
    if found is None or not _same(found[2], me.username):
        return text
    return f"/{found[1]}{text[found.end() :]}"


def addressed(text: str, entities: object, me: Me, *, is_reply: bool) -> str | None:
    """Give what is said to the bot in a group, or None if that is nothing."""
    command = _COMMAND.match(text)
    if command is not None:
        return without_own_name(text, me) if command[2] is None or _same(command[2], me.username) else None
    spans = list(_mentions(text, entities, me))
    if not spans:
        return text if is_reply else None
    return _without(text, spans)


def _same(name: str | None, username: str) -> bool:
    return name is not None and bool(username) and name.lower() == username.lower()


def _mentions(text: str, entities: object, me: Me) -> Iterable[tuple[int, int]]:
    """Find where the bot is named, in UTF-16 code units."""
    data = text.encode("utf-16-le")
    for entity in entities if isinstance(entities, list) else ():
        if not isinstance(entity, Mapping):
            continue
        offset, length = whole(entity.get("offset")), whole(entity.get("length"))
        if offset is None or length is None or offset < 0 or length <= 0:
            continue
        end = offset + length
        if _names(entity, data[2 * offset : 2 * end].decode("utf-16-le", "replace"), me):
            yield offset, end


def _names(entity: Mapping[str, object], words: str, me: Me) -> bool:
    if entity.get("type") == "mention":
        return _same(words.removeprefix("@"), me.username)
    user = entity.get("user")
    return entity.get("type") == "text_mention" and isinstance(user, Mapping) and whole(user.get("id")) == me.id


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Take names out, with the comma after one that begins the text."""
    data, parts, at = text.encode("utf-16-le"), list[str](), 0
    for start, end in sorted(spans):
        parts.append(data[2 * at : 2 * max(at, start)].decode("utf-16-le", "replace"))
        at = max(at, end)
    parts.append(data[2 * at :].decode("utf-16-le", "replace"))
    said = parts[0].rstrip()
    for part in parts[1:]:
        said = f"{said} {part.lstrip()}".rstrip() if said else part.lstrip(_AFTER_NAME).rstrip()
    return said
