"""Entities: formatting and commands inside a text, counted in UTF-16 units."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.fakes.telegram.failure import bad
from tests.fakes.telegram.message import Json, items

MOST = 100
_NO_DATA = (
    "mention hashtag cashtag bot_command url email phone_number bold italic underline strikethrough spoiler code "
    "blockquote expandable_blockquote"
)
KINDS = frozenset([*_NO_DATA.split(), "pre", "text_link", "text_mention", "custom_emoji", "date_time"])
_NEEDS = {"text_link": "url", "text_mention": "user", "custom_emoji": "custom_emoji_id"}
_COMMAND = re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z]\w{2,31})?")
_MENTION = re.compile(r"(?<![\w/])@[A-Za-z]\w{2,31}")


@dataclass(slots=True)
class Formatted:
    """A text and what is special in it."""

    text: str
    entities: list[Json] = field(default_factory=list)

    @property
    def units(self) -> int:
        """How long it is for the server."""
        return units(self.text)

    def trimmed(self) -> Formatted:
        """Drop the white space around it, and whatever was only there."""
        start = units(self.text) - units(self.text.lstrip())
        text = self.text.strip()
        end, kept = units(text), []
        for entity in self.entities:
            first = max(0, _number(entity, "offset") - start)
            last = min(end, _number(entity, "offset") + _number(entity, "length") - start)
            if last > first:
                kept.append({**entity, "offset": first, "length": last - first})
        kept.sort(key=lambda entity: (_number(entity, "offset"), -_number(entity, "length")))
        return Formatted(text, kept[:MOST])


def units(text: str) -> int:
    """Count the UTF-16 units of a text."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def part(text: str, entity: Json) -> str:
    """Give the words that an entity covers."""
    first = 2 * _number(entity, "offset")
    return text.encode("utf-16-le")[first : first + 2 * _number(entity, "length")].decode("utf-16-le")


def found(text: str) -> list[Json]:
    """Find commands and mentions, as an app does for what a person types."""
    entities = [_entity("bot_command", text, match) for match in _COMMAND.finditer(text)]
    covered = [(_number(it, "offset"), _number(it, "offset") + _number(it, "length")) for it in entities]
    for match in _MENTION.finditer(text):
        entity = _entity("mention", text, match)
        if not any(first <= _number(entity, "offset") < last for first, last in covered):
            entities.append(entity)
    return sorted(entities, key=lambda entity: _number(entity, "offset"))


def checked(text: str, given: object) -> Formatted:
    """Refuse entities that do not fit the text."""
    if given is not None and not isinstance(given, list):
        raise bad("can't parse entities: expected an Array")
    entities = items(given)
    for entity in entities:
        _check(entity, text)
    return Formatted(text, [dict(entity) for entity in entities])


def _entity(kind: str, text: str, match: re.Match[str]) -> Json:
    return {"type": kind, "offset": units(text[: match.start()]), "length": units(match.group())}


def _check(entity: Json, text: str) -> None:
    kind, offset, length = entity.get("type"), _number(entity, "offset"), _number(entity, "length")
    if kind not in KINDS:
        raise bad("can't parse entities: unsupported entity type")
    if (needed := _NEEDS.get(str(kind))) and not entity.get(needed):
        raise bad(f"can't parse entities: can't find field \"{needed}\"")
    if offset < 0 or length <= 0:
        raise bad(f"can't parse entities: entity has the offset {offset} and the length {length}")
    end = units(text)
    if offset + length > end:
        raise bad(f"entity beginning at UTF-16 offset {offset} ends after the end of the text at UTF-16 offset {end}")
    for edge, words in ((offset, "begins"), (offset + length, "ends")):
        if _splits(text, edge):
            raise bad(f"entity beginning at UTF-16 offset {offset} {words} in a middle of a UTF-16 symbol")


def _splits(text: str, edge: int) -> bool:
    data = text.encode("utf-16-le", "surrogatepass")
    return 2 * edge < len(data) and data[2 * edge + 1] & 0xFC == 0xDC


def _number(entity: Json, name: str) -> int:
    value = entity.get(name)
    if not isinstance(value, int):
        raise bad(f'can\'t parse entities: field "{name}" must be a number')
    return value
