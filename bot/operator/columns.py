"""Columns: a table as wide as what is in it, with nothing in a cell that a terminal would take for a command."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.commands.markup import one_line
from bot.operator.tables import Column, print_table

_WIDEST = 1_000  # characters of a cell


def columns(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = (), folded: bool = False
) -> None:
    """Print rows below a head; `right` are the columns of numbers. Without rows nothing is printed.

    At a terminal the last column is cut where there is no more room, or `folded` onto lines of its own.
    """
    if not rows:
        return
    shown = [[one_line(cell, limit=_WIDEST) for cell in row] for row in rows]
    widths = [max(len(row[number]) for row in (head, *shown)) for number in range(len(head))]
    named = [Column(name, widths[number], number in right) for number, name in enumerate(head)]
    print_table(named, shown, folded=folded)
