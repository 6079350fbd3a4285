"""Registry: the methods that the server knows, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.world import World

Act = Callable[[World, Parameters], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Method:
    """One method, and the names of what may come with it."""

    name: str
    known: frozenset[str]
    act: Act


# Names of methods are not case-sensitive.
METHODS: dict[str, Method] = {}


def method(name: str, known: str = "") -> Callable[[Act], Act]:
    """Enter a function as a method."""

    def enter(act: Act) -> Act:
        METHODS[name.lower()] = Method(name, frozenset(known.split()), act)
        return act

    return enter
