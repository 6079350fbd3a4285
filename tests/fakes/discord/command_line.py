"""A native command as somebody types it at the terminal: words, then options by name or by order."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from tests.fakes.discord.command import GROUP, SUBCOMMAND
from tests.fakes.discord.document import Document
from tests.fakes.discord.option import Value
from tests.fakes.discord.refusal import Refused

_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")


class CommandLine(NamedTuple):
    """The command that is meant, and its options."""

    words: str
    options: dict[str, Value]


def parsed(text: str, commands: list[Document]) -> CommandLine:
    """Read a line like `/checkpoint save before` or `/checkpoint save name=before`."""
    try:
        tokens = shlex.split(text.removeprefix("/"))
    except ValueError as error:
        raise Refused(f"that cannot be read: {error}") from None
    part = next((one for one in commands if tokens and one["name"] == tokens[0]), None)
    if part is None:
        raise Refused(f"there is no such command; there is {', '.join(usages(commands)) or 'none yet'}")
    words = [tokens.pop(0)]
    while tokens and (inner := _subcommand(part, tokens[0])):
        part = inner
        words.append(tokens.pop(0))
    return CommandLine(" ".join(words), _options(part, tokens))


def usages(commands: list[Document]) -> list[str]:
    """Write every command with its options."""
    return [usage for command in commands for usage in _usages(command, f"/{command['name']}")]


def _usages(part: Document, words: str) -> list[str]:
    options = part.get("options") or []
    nested = [one for one in options if one["type"] in (SUBCOMMAND, GROUP)]
    if nested:
        return [usage for one in nested for usage in _usages(one, f"{words} {one['name']}")]
    marks = [one["name"] if one.get("required") else f"[{one['name']}]" for one in options]
    return [" ".join([words, *marks])]


def _subcommand(part: Document, word: str) -> Document | None:
    nested = [one for one in part.get("options") or [] if one["type"] in (SUBCOMMAND, GROUP)]
    return next((one for one in nested if one["name"] == word), None)


def _options(part: Document, tokens: list[str]) -> dict[str, Value]:
    known = {one["name"]: one for one in part.get("options") or []}
    named = [token for token in tokens if token.partition("=")[0] in known and "=" in token]
    values = {name: _typed(known[name], text) for name, _, text in (token.partition("=") for token in named)}
    left = [token for token in tokens if token not in named]
    free = [one for name, one in known.items() if name not in values]
    for index, option in enumerate(free[: len(left)]):
        last = index == len(free) - 1
        values[option["name"]] = _typed(option, " ".join(left[index:]) if last else left[index])
    if len(left) > len(free) and not free:
        raise Refused(f"too many words: {' '.join(left)}")
    return values


def _typed(option: Document, text: str) -> Value:
    for choice in option.get("choices") or []:
        if text in (choice["name"], str(choice["value"])):
            value: str | int | float = choice["value"]
            return value
    kind = option["type"]
    try:
        return int(text) if kind == 4 else float(text) if kind == 10 else _boolean(text) if kind == 5 else text
    except ValueError:
        raise Refused(f"option {option['name']!r} does not take {text!r}") from None


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError(text)
    return text.lower() in _TRUE
