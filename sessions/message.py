"""Message: one thing said, and what it cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Literal, NamedTuple

from sessions.errors import InvalidValue
from sessions.json_limits import flaw

RoleName = Literal["user", "assistant", "system", "tool"]
KindName = Literal["text", "partial", "summary", "unreadable"]
JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

MAX_CONTENT = 4 * 1024 * 1024  # bytes of UTF-8 in one message; a model's longest answer is far below
MAX_METADATA = 64 * 1024  # bytes of JSON
METADATA_DEPTH = 3  # levels around the metadata of a message in an export


class Role(IntEnum):
    """Who speaks. The number is what the database holds."""

    user = 1
    assistant = 2
    system = 3
    tool = 4


class Kind(IntEnum):
    """What sort of message it is. The number is what the database holds."""

    text = 1
    partial = 2  # a reply that broke off; kept and marked
    summary = 3  # stands for the messages before it when the context gets long
    unreadable = 4  # shown where a stored message does not open; stored where an import has one that did not


ROLE_NAMES: dict[int, RoleName] = {1: "user", 2: "assistant", 3: "system", 4: "tool"}
KIND_NAMES: dict[int, KindName] = {1: "text", 2: "partial", 3: "summary", 4: "unreadable"}
ROLE_NUMBERS: dict[str, int] = {name: number for number, name in ROLE_NAMES.items()}
KIND_NUMBERS: dict[str, int] = {name: number for number, name in KIND_NAMES.items()}


class Usage(NamedTuple):
    """Tokens the provider counted for one reply."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: object) -> Usage:
        """Sum two usages field by field."""
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(*(a + b for a, b in zip(self, other, strict=True)))


class Message(NamedTuple):
    """One message as it is read along a branch.

    A NamedTuple and not a frozen dataclass because ten thousand of them are built in one read and
    this is four times cheaper. `seq` counts from 1 along the branch. `created_ms` is milliseconds
    since 1970 in UTC.
    """

    seq: int
    role: RoleName
    content: str
    created_ms: int
    usage: Usage | None = None
    kind: KindName = "text"
    important: bool = False
    author: str | None = None
    metadata: Mapping[str, JsonValue] | None = None

    @property
    def created_at(self) -> datetime:
        """When it was stored, as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.created_ms / 1000, UTC)


def check_role(role: str) -> RoleName:
    """Give the role back, or say which roles there are."""
    number = ROLE_NUMBERS.get(role)
    if number is None:
        raise InvalidValue(f"role {role!r} is not one of {', '.join(ROLE_NUMBERS)}")
    return ROLE_NAMES[number]


def encode_text(text: str) -> bytes:
    """Encode text as UTF-8, lone surrogates replaced by U+FFFD (JSON lets them through)."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def clean_metadata(metadata: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Take a JSON object of at most 64 KiB. Raises `InvalidValue` for anything that an export can not hold."""
    if not metadata and isinstance(metadata, Mapping):
        return {}
    try:
        data = encode_text(json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False))
        cleaned: dict[str, JsonValue] = json.loads(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"metadata must be plain JSON: {error}") from None
    if found := flaw(cleaned, depth=METADATA_DEPTH):
        raise InvalidValue(f"metadata {found}")
    if len(data) > MAX_METADATA:
        raise InvalidValue(f"metadata is {len(data):,} bytes long, {MAX_METADATA:,} are allowed")
    return cleaned


def clean_text(text: str, what: str = "content") -> bytes:
    """Encode text. Raises `InvalidValue` for what is not text and for text over 4 MiB."""
    if not isinstance(text, str):
        raise InvalidValue(f"{what} must be text, got {type(text).__name__}")
    data = encode_text(text)
    if len(data) > MAX_CONTENT:
        raise InvalidValue(f"{what} is {len(data):,} bytes long, {MAX_CONTENT:,} are allowed")
    return data
