"""The table as platforms offer it: in a list, or as native commands with typed options."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.menu import MenuCommand, MenuOption, OptionKind
from bot.commands.command import Access, Command, Kind, Parameter
from bot.commands.table import COMMANDS

_KINDS = {
    Kind.INTEGER: OptionKind.INTEGER,
    Kind.CHOICE: OptionKind.CHOICE,
    Kind.SESSION: OptionKind.SUGGESTED,
    Kind.CHECKPOINT: OptionKind.SUGGESTED,
    Kind.ZONE: OptionKind.SUGGESTED,
    Kind.TAGS: OptionKind.SUGGESTED,
    Kind.COMMAND: OptionKind.SUGGESTED,
}


def menu(table: Sequence[Command] = COMMANDS) -> tuple[MenuCommand, ...]:
    """Give every command that is of use in a chat."""
    return tuple(
        MenuCommand(
            path=command.path,
            summary=command.summary,
            options=tuple(_option(parameter) for parameter in command.parameters),
            private=command.private,
            operators_only=command.access is Access.OPERATOR,
        )
        for command in table
    )


def _option(parameter: Parameter) -> MenuOption:
    kind = _KINDS.get(parameter.kind, OptionKind.TEXT)
    if kind is OptionKind.INTEGER and parameter.off:
        kind = OptionKind.TEXT  # a number, or the word "off"
    number = kind is OptionKind.INTEGER
    return MenuOption(
        name=parameter.name,
        summary=parameter.summary,
        kind=kind,
        required=parameter.required,
        choices=parameter.choices,
        minimum=parameter.minimum if number else None,
        maximum=parameter.maximum if number else None,
    )
