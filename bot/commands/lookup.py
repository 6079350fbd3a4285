"""Lookup: which command of the table a typed line means."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from bot.commands.command import Command
from bot.commands.grammar import command_word, first_word
from bot.commands.markup import code
from sessions.errors import InvalidValue


class UnknownCommand(InvalidValue):
    """There is no such command or sub-command."""


def find_command(table: Sequence[Command], line: str) -> tuple[Command, str]:
    """Give the command that `line` names and the rest of the line.

    Raises `UnknownCommand`, which suggests the nearest one.
    """
    word, rest = command_word(line)
    group = [command for command in table if command.path[0] == word]
    if not group:
        raise UnknownCommand(_unknown(table, word))
    if len(group[0].path) == 1:
        return group[0], rest
    sub, after = first_word(rest)
    for command in group:
        if command.path[1] == sub.lower():
            return command, after
    return _default(group, sub.lower(), rest), rest


def _default(group: Sequence[Command], sub: str, rest: str) -> Command:
    """Give what the first word alone stands for, unless the second was meant as a sub-command."""
    default = next((command for command in group if command.default), None)
    names = [command.path[1] for command in group]
    near = get_close_matches(sub, names, n=1) if sub else []
    takes_it = default is not None and (not rest or (default.parameters and not near and not sub.isalpha()))
    if default is not None and takes_it:
        return default
    head = code(f"/{group[0].path[0]}")
    said = f"{head} has no {code(sub)}." if sub else f"{head} needs a word behind it."
    meant = f" Did you mean {code(f'/{group[0].path[0]} {near[0]}')}?" if near else ""
    raise UnknownCommand(f"{said}{meant} There are: {', '.join(code(name) for name in names)}.")


def _unknown(table: Sequence[Command], word: str) -> str:
    near = _nearest(table, word)
    meant = f" Did you mean {code(near)}?" if near else " To begin a message with a slash, write two."
    return f"There is no command {code('/' + word)}.{meant} `/help` lists them all."


def _nearest(table: Sequence[Command], word: str) -> str | None:
    """Find what was probably meant: a first word, `/sesion`, or the second one alone, `/export`."""
    first = {command.path[0]: f"/{command.path[0]}" for command in table}
    plural = {f"{name}s": head for name, head in first.items()}
    # Of several with one second word the first of the table is meant: those for operators stand at its end.
    second = {command.path[1]: command.name for command in reversed(table) if len(command.path) == 2}
    for names, cutoff in ((first | plural, 0.65), (second, 0.8)):
        near = get_close_matches(word, names, n=1, cutoff=cutoff)
        if near:
            return names[near[0]]
    return None
