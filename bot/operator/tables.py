"""Tables: rows for a person at a terminal, and the same rows, plain and uncut, for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from shutil import get_terminal_size
from textwrap import wrap

import click

GAP = "  "
LEAST = 12  # cells of the last column, also where the terminal has no room for them


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, the cells it takes in a pipe, and whether it holds numbers."""

    name: str
    width: int
    number: bool = False


def at_terminal() -> bool:
    """Tell whether a person reads what we write."""
    return sys.stdout.isatty()


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[Column]:
    """Make columns as narrow as these rows let them be: the last one gets the room."""
    return [
        replace(column, width=max(map(_cells, (column.name, *cells))))
        for column, *cells in zip(columns, *rows, strict=True)
    ]


def print_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, heading: bool = True, folded: bool = False
) -> None:
    """Print a table. The last column is cut or folded to the terminal's width where there is one, never in a pipe."""
    drawn, room = at_terminal(), None
    widths = [max(column.width, len(column.name)) for column in columns[:-1]]
    if drawn:
        room = max(get_terminal_size().columns - sum(widths) - len(GAP) * len(widths), LEAST)
    if heading:
        click.secho(_line(columns, widths, [column.name for column in columns], room), bold=drawn)
    if folded and room is not None:
        rows = [line for row in rows for line in _folded(row, room)]
    click.echo("".join(f"{_line(columns, widths, row, room)}\n" for row in rows), nl=False)


def _folded(row: Sequence[str], room: int) -> Iterator[Sequence[str]]:
    """Give a row as lines that fit, with what is before the last column on the first of them alone."""
    *before, last = row
    first, *others = wrap(last, room, break_on_hyphens=False) or [""]
    yield [*before, first]
    for line in others:
        yield [*("" for _ in before), line]


def _line(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str], room: int | None) -> str:
    *before, last = row
    cells = [_padded(column, width, text) for column, width, text in zip(columns, widths, before, strict=False)]
    if columns[-1].number:
        last = _padded(columns[-1], columns[-1].width, last)
    return GAP.join([*cells, last if room is None else _cut(last, room)]).rstrip()


def _padded(column: Column, width: int, text: str) -> str:
    blank = " " * (width - _cells(text))
    return blank + text if column.number else text + blank


def _cut(text: str, room: int) -> str:
    """Cut between characters, where the next one would pass the edge."""
    if _cells(text) <= room:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, room - 1).rstrip() + "…"


def _cells(text: str) -> int:
    """Count the cells a text takes: two for each wide character."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
