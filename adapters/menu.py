"""Menu: the commands as a platform offers them: in a list, or as native commands with typed options."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class OptionKind(Enum):
    """How an option is filled in."""

    TEXT = "text"
    INTEGER = "integer"
    CHOICE = "choice"
    SUGGESTED = "suggested"  # text, completed by the `Suggester` while it is typed


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuOption:
    """One thing a command takes."""

    name: str
    summary: str
    kind: OptionKind = OptionKind.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuCommand:
    """One command of one or two words. `private` marks answers that only the caller may see in a group."""

    path: tuple[str, ...]
    summary: str
    options: tuple[MenuOption, ...] = ()
    private: bool = False
    operators_only: bool = False
