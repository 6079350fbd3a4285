"""Binding: from what was typed behind a command to the typed values of its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import time
from difflib import get_close_matches
from functools import cache
from zoneinfo import available_timezones

from bot.commands.command import Command, Kind, Parameter
from bot.commands.grammar import next_argument, split, whole
from bot.commands.markup import code
from bot.commands.parameters import Parameters, Value
from config.zone import plain
from sessions.errors import InvalidValue
from sessions.reset_policy import find_zone

MAX_REFERENCE = 250  # characters; no title is longer
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(am|pm)?", re.ASCII)


class Misuse(InvalidValue):
    """A command was given too little, too much or something it does not take; ends with its usage line."""

    def __init__(self, command: Command, problem: str) -> None:
        self.command, self.problem = command, problem
        super().__init__(f"{problem}\nUsage: `{command.usage}`\nFor example: `{command.example}`")


def bind(command: Command, line: str) -> Parameters:
    """Read `line` as the parameters of `command`.

    Raises `Misuse`, and `UnclosedQuote` for a quote that does not close.
    """
    values: dict[str, Value] = {}
    rest = line
    for parameter in command.parameters:
        if not rest:
            if parameter.required:
                raise Misuse(command, f"{code(command.name)} needs {parameter.summary}.")
            break
        given, rest = _take(parameter, rest)
        values[parameter.name] = _read(command, parameter, given)
    if rest:
        taken = "nothing" if not command.parameters else "no more"
        raise Misuse(command, f"{code(command.name)} takes {taken}, so {code(rest)} is left over.")
    return Parameters(values)


def bind_options(command: Command, options: Mapping[str, str | int]) -> Parameters:
    """Read the options of a native command, by the names of the table.

    Raises `Misuse`: what a platform has checked is checked again here.
    """
    values: dict[str, Value] = {}
    for parameter in command.parameters:
        if parameter.name in options:
            values[parameter.name] = _read(command, parameter, str(options[parameter.name]))
        elif parameter.required:
            raise Misuse(command, f"{code(command.name)} needs {parameter.summary}.")
    return Parameters(values)


def _take(parameter: Parameter, line: str) -> tuple[str, str]:
    """Cut off what belongs to one parameter; tags are read from their own words later."""
    if parameter.kind is Kind.TAGS:
        return line, ""
    if parameter.kind.takes_the_rest:
        return whole(line), ""
    return next_argument(line)


def _read(command: Command, parameter: Parameter, given: str) -> Value:
    if parameter.off and given.lower() == "off":
        return None
    try:
        return _READERS.get(parameter.kind, _text)(parameter, given)
    except InvalidValue as error:
        raise Misuse(command, str(error)) from None


def _text(parameter: Parameter, given: str) -> str:
    if not given.strip() and parameter.kind is not Kind.REST:
        raise InvalidValue(f"{code(parameter.name)} must not be empty.")
    if parameter.kind in (Kind.SESSION, Kind.CHECKPOINT) and len(given) > MAX_REFERENCE:
        raise InvalidValue(f"{code(given)} is too long to be {parameter.kind.value}.")
    return given


def _integer(parameter: Parameter, given: str) -> int:
    if given.isascii() and given.isdecimal() and len(given) < 10:
        number = int(given)
        if parameter.minimum <= number <= parameter.maximum:
            return number
    allowed = f"a whole number from {parameter.minimum:,} to {parameter.maximum:,}"
    raise InvalidValue(f"{code(given)} is not {allowed}{_or_off(parameter)}.")


def _choice(parameter: Parameter, given: str) -> str:
    word = given.lower()
    meant = dict(parameter.also).get(word, word)
    if meant in parameter.choices:
        return meant
    allowed = ", ".join(code(choice) for choice in parameter.choices)
    raise InvalidValue(f"{code(given)} is not one of {allowed}.{_nearest(word, parameter.choices)}")


def _time(parameter: Parameter, given: str) -> time:
    match = _TIME.fullmatch(given.lower())
    if match:
        hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
        if half and not 1 <= hour <= 12:
            hour = 24
        elif half:
            hour = hour % 12 + (12 if half == "pm" else 0)
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise InvalidValue(f"{code(given)} is not a time of day from 00:00 to 23:59{_or_off(parameter)}.")


@cache
def zones() -> dict[str, str]:
    """Give all time zones by their names in lower case, and by the city alone where that is clear."""
    names = sorted(available_timezones())
    cities: dict[str, list[str]] = {}
    for name in names:
        area, _, city = name.rpartition("/")
        if area and area != "Etc":
            cities.setdefault(city.lower(), []).append(name)
    unique = {city: found[0] for city, found in cities.items() if len(found) == 1}
    return unique | {name.lower(): name for name in names}


def _zone(parameter: Parameter, given: str) -> str:
    word = "_".join(given.lower().split())
    name = plain(zones().get(word, given))
    find_zone(name)
    return name


def _tags(parameter: Parameter, given: str) -> tuple[str, ...]:
    """Read tags apart by spaces or commas, with or without `#`; each once."""
    words = (piece.strip().lstrip("#") for word in split(given) for piece in word.split(","))
    tags = tuple(dict.fromkeys(word for word in words if word))
    if not tags:
        raise InvalidValue(f"{code(given)} holds no tag.")
    return tags


def _or_off(parameter: Parameter) -> str:
    return ", or `off`" if parameter.off else ""


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, n=1)
    return f" Did you mean {code(near[0])}?" if near else ""


_READERS: dict[Kind, Callable[[Parameter, str], Value]] = {
    Kind.INTEGER: _integer,
    Kind.CHOICE: _choice,
    Kind.TIME: _time,
    Kind.ZONE: _zone,
    Kind.TAGS: _tags,
}
