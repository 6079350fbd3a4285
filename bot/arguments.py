"""Arguments: what a request carries, each read as what it has to be.

All raise `InvalidValue`, which names the argument and what it has to be.
"""

from __future__ import annotations

from collections.abc import Mapping

from sessions.errors import InvalidValue
from sessions.message import JsonValue

Request = Mapping[str, JsonValue]
LARGEST = 2**53  # what a number can be; more is no count, no age and no place in a store


def text_of(request: Request, name: str) -> str:
    """Take a text."""
    value = request.get(name)
    if not isinstance(value, str):
        raise _wrong(request, name, "a text")
    return value


def optional_text_of(request: Request, name: str) -> str | None:
    """Take a text, or None where there is none."""
    return None if request.get(name) is None else text_of(request, name)


def texts_of(request: Request, name: str) -> list[str]:
    """Take a list of texts; an empty one where there is none."""
    value = request.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong(request, name, "a list of texts")
    return [str(one) for one in value]


def flag_of(request: Request, name: str, *, default: bool) -> bool:
    """Take a yes or no."""
    value = request.get(name, default)
    if not isinstance(value, bool):
        raise _wrong(request, name, "true or false")
    return value


def count_of(request: Request, name: str) -> int:
    """Take a whole number, 0 or more."""
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise _wrong(request, name, f"a whole number from 0 to {LARGEST}")
    return value


def object_of(request: Request, name: str) -> Mapping[str, JsonValue]:
    """Take an object; an empty one where there is none."""
    value = request.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(request, name, "an object")
    return value


def form_of(value: object) -> str:
    """Name the form of a value of JSON."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "a text"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


def _wrong(request: Request, name: str, wanted: str) -> InvalidValue:
    if name not in request:
        return InvalidValue(f"the request lacks {name!r}, which has to be {wanted}")
    value = request[name]
    if isinstance(value, list) and "list" in wanted:
        return InvalidValue(f"{name!r} has to be {wanted}, and holds something else")
    if isinstance(value, int | float) and not isinstance(value, bool) and "number" in wanted:
        return InvalidValue(f"{name!r} has to be {wanted}")
    return InvalidValue(f"{name!r} has to be {wanted}, this is {form_of(value)}")
