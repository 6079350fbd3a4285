"""The options of a native command, as a person's client fills them in and refuses wrong ones."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakes.discord.command import GROUP, SUBCOMMAND
from tests.fakes.discord.document import Document
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel
from tests.fakes.discord.refusal import Refused

_STRING, _INTEGER, _BOOLEAN, _USER, _CHANNEL, _NUMBER = 3, 4, 5, 6, 7, 10
Value = str | int | float | bool | User | Channel


def leaf(command: Document, path: list[str]) -> Document:
    """Walk to the subcommand that is meant."""
    part = command
    for step in path:
        inner = [one for one in part["options"] if one["name"] == step and one["type"] in (SUBCOMMAND, GROUP)]
        if not inner:
            raise Refused(f"/{command['name']} has no subcommand {step!r}")
        part = inner[0]
    if any(one["type"] in (SUBCOMMAND, GROUP) for one in part.get("options") or ()):
        raise Refused(f"/{' '.join([command['name'], *path])} needs a subcommand")
    return part


def filled(part: Document, values: Mapping[str, Value], *, focused: str = "") -> list[Document]:
    """Write the options of one command; while completing, those that are required may still be missing."""
    known = {one["name"]: one for one in part.get("options") or ()}
    if unknown := sorted(set(values) - set(known)):
        raise Refused(f"no option {', '.join(unknown)}; there is {', '.join(known) or 'none'}")
    missing = [name for name, one in known.items() if one.get("required") and name not in values]
    if missing and not focused:
        raise Refused(f"option {missing[0]!r} is required")
    return [_option(known[name], value, focused=name == focused) for name, value in values.items()]


def nested(command: Document, path: list[str], options: list[Document]) -> list[Document]:
    """Wrap options into the subcommands on the way to them."""
    part, kinds = command, []
    for step in path:
        part = next(one for one in part["options"] if one["name"] == step)
        kinds.append((step, part["type"]))
    for name, kind in reversed(kinds):
        options = [{"name": name, "type": kind, "options": options}]
    return options


def resolved(values: Mapping[str, Value], *, in_server: bool) -> Document:
    """Write the people and channels that options name."""
    found: Document = {}
    for value in values.values():
        if isinstance(value, User):
            found.setdefault("users", {})[str(value.id)] = value.document()
            if in_server:
                member = value.member(user=False, permissions=True)
                found.setdefault("members", {})[str(value.id)] = member
        elif isinstance(value, Channel):
            found.setdefault("channels", {})[str(value.id)] = {**value.document(), "permissions": "0"}
    return found


def _option(option: Document, value: Value, *, focused: bool) -> Document:
    if focused:
        if not option.get("autocomplete"):
            raise Refused(f"option {option['name']!r} has no autocomplete")
        return {"name": option["name"], "type": option["type"], "value": value, "focused": True}
    sent = _checked(option, value)
    choices = [choice["value"] for choice in option.get("choices") or ()]
    if choices and sent not in choices:
        raise Refused(f"option {option['name']!r} must be one of {choices}")
    return {"name": option["name"], "type": option["type"], "value": sent}


def _checked(option: Document, value: Value) -> str | int | float | bool:
    kind, name = option["type"], option["name"]
    if kind == _STRING and isinstance(value, str):
        _within(name, len(value), option.get("min_length"), option.get("max_length") or 6000)
        return value
    if kind == _BOOLEAN and isinstance(value, bool):
        return value
    numeric = isinstance(value, int | float if kind == _NUMBER else int) and not isinstance(value, bool)
    if kind in (_INTEGER, _NUMBER) and numeric and isinstance(value, int | float):
        _within(name, value, option.get("min_value", -(2**53)), option.get("max_value", 2**53))
        return value
    if (kind == _USER and isinstance(value, User)) or (kind == _CHANNEL and isinstance(value, Channel)):
        return str(value.id)
    raise Refused(f"option {name!r} takes another type than {type(value).__name__}")


def _within(name: str, value: float, low: float | None, high: float | None) -> None:
    if (low is not None and value < low) or (high is not None and value > high):
        raise Refused(f"option {name!r} must be between {low} and {high}")
