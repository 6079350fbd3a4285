"""Paper: what is on a terminal, and above its upper edge, after all that was written to it."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[(?P<arguments>[0-?]*)[ -/]*(?P<final>[@-~])|(?P<char>[^\x1b])", re.DOTALL)


class Paper:
    """A terminal of endless height that knows the movements a prompt makes."""

    def __init__(self, text: str, *, width: int = 80) -> None:
        self._rows: list[list[str]] = [[]]
        self._row = self._column = 0
        self._width, self._wraps = width, True
        for token in _TOKEN.finditer(text):
            if token["char"] is not None:
                self._write(token["char"])
            else:
                self._move(token["final"], token["arguments"])

    @property
    def lines(self) -> list[str]:
        """The lines as they stand there."""
        return ["".join(row).rstrip() for row in self._rows]

    def _write(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._down(1)
        elif char == "\b":
            self._column = max(0, self._column - 1)
        else:
            if self._column >= self._width:
                if self._wraps:
                    self._column = 0
                    self._down(1)
                else:
                    self._column = self._width - 1
            row = self._rows[self._row]
            row.extend(" " * (self._column + 1 - len(row)))
            row[self._column] = char
            self._column += 1

    def _move(self, final: str, arguments: str) -> None:
        count = int(arguments) if arguments.isdigit() else 1
        if final == "A":
            self._row = max(0, self._row - count)
        elif final == "B":
            self._down(count)
        elif final == "C":
            self._column = min(self._width - 1, self._column + count)
        elif final == "D":
            self._column = max(0, self._column - count)
        elif final == "K":
            del self._rows[self._row][self._column :]
        elif final == "J":
            del self._rows[self._row][self._column :], self._rows[self._row + 1 :]
        elif arguments == "?7":
            self._wraps = final == "h"

    def _down(self, count: int) -> None:
        self._row += count
        self._rows.extend([] for _ in range(self._row + 1 - len(self._rows)))
