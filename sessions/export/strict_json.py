"""Strict JSON: parse a file from strangers, and refuse it in one clean sentence."""

from __future__ import annotations

import json
import math
import re
from collections import Counter

from sessions.errors import InvalidValue
from sessions.export.characters import encodable
from sessions.json_limits import MAX_DEPTH, MAX_DIGITS

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def refused(detail: str) -> InvalidValue:
    """Make the one error that every unfit file gives."""
    return InvalidValue(f"not a Palaver export: {detail}")


def parse(source: str | bytes, *, max_bytes: int) -> object:
    """Parse JSON of limited size. Lone surrogates become U+FFFD.

    A number that is not finite, or has thousands of digits, comes out as infinity: no field accepts
    that, so it is refused where it stands, by name. Depth is checked there too.
    """
    text = _decoded(source, max_bytes)
    try:
        value: object = json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise refused(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise refused(TOO_DEEP) from None
    return repaired(value, text, 0, len(text))


def value_at(text: str, start: int) -> tuple[object, int]:
    """Parse the value that begins there, and give where it ends. Raises what `json` raises."""
    try:
        return _QUICK.raw_decode(text, start)
    except (json.JSONDecodeError, InvalidValue):
        raise
    except ValueError:  # an integer of thousands of digits
        return _CAREFUL.raw_decode(text, start)


def repaired(value: object, text: str, start: int, end: int) -> object:
    """Replace lone surrogates in what was parsed from a part of a text."""
    return _repaired(value) if _SURROGATE_ESCAPE.search(text, start, end) else value


def shown(value: object) -> str:
    """Name a wrong value, short and without characters that could do harm in a terminal."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return ascii(value if len(value) <= 40 else value[:40] + "...")
    if isinstance(value, (int, float)):
        return repr(value) if abs(value) < 1e18 else "a number out of range"
    return "a list" if isinstance(value, list) else "an object"


def _decoded(source: str | bytes, max_bytes: int) -> str:
    # The length in characters is a lower bound: nothing is encoded before it is known to be small.
    if len(source) > max_bytes or (isinstance(source, str) and len(encodable(source).encode()) > max_bytes):
        raise refused(f"it is larger than {max_bytes:,} bytes")
    try:
        text = source.decode() if isinstance(source, bytes) else encodable(source)
    except UnicodeDecodeError as error:
        raise refused(f"byte {error.start + 1} is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise refused("it begins with a byte order mark; save it as UTF-8 without one")
    return text


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_DIGITS else math.inf


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise refused(f"the field {shown(twice)} stands twice in one object")
    return made


def _repaired(value: object, depth: int = 0) -> object:
    if depth > MAX_DEPTH:
        raise refused(TOO_DEEP)
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [_repaired(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return _object([(encodable(key), _repaired(one, depth + 1)) for key, one in value.items()])
    return value


_QUICK = json.JSONDecoder(object_pairs_hook=_object)
_CAREFUL = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)
