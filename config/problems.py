"""Problems: one line for each wrong setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import SecretStr, ValidationError

from config.kinds import Allowed, Secret
from config.layer import Layer
from config.mask import masked
from config.settings import fields_by_name


def problems(error: ValidationError, layers: Sequence[Layer]) -> Iterator[str]:
    """Name each wrong setting, its value unless that is secret, where it was set, and what is allowed."""
    told = set()
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        name = _name_of(detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        if not name:
            yield from message.split("\n")
        elif name not in told:
            told.add(name)
            yield _line(name, layers, message if detail["type"] == "value_error" else _allowed(name))


def _name_of(location: tuple[int | str, ...]) -> str:
    """Find the setting in a place that may lie deeper, in an entry of a list."""
    for depth in (2, 1):
        name = ".".join(str(part) for part in location[:depth])
        if name in fields_by_name():
            return name
    return ""


def _line(name: str, layers: Sequence[Layer], message: str) -> str:
    layer = next(layer for layer in layers if name in layer.values)
    value = layer.values[name]
    secret = isinstance(value, SecretStr) or any(isinstance(mark, Secret) for mark in fields_by_name()[name].metadata)
    shown = "" if secret else f" = {repr(masked(value)) if isinstance(value, str) else masked(str(value))}"
    return f"{name}{shown} ({layer.origin}): {message}"


def _allowed(name: str) -> str:
    kind = next(mark for mark in fields_by_name()[name].metadata if isinstance(mark, Allowed))
    return f"must be {kind.text}"
