"""JSON values of any shape: the metadata people attach to sessions and messages."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sessions.errors import InvalidValue
from sessions.json_limits import flaw
from sessions.message import JsonValue

_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def encode(value: Mapping[str, JsonValue], *, where: str, depth: int) -> str:
    """Write metadata as JSON, or say where it holds what JSON can not carry."""
    plain = dict(value)
    if found := flaw(plain, depth=depth):
        raise InvalidValue(f"{where} can not be exported: it {found}; change it and try again")
    return _ENCODE(plain)
