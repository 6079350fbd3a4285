"""The command page of the README, written between two markers from the table.

python -m bot.commands.page README.md           writes it
python -m bot.commands.page README.md --check   exit 1 when it is not up to date
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bot.commands.command import Access, Command, Topic
from bot.commands.table import COMMANDS

BEGIN, END = "<!-- commands -->", "<!-- /commands -->"


def page(table: Sequence[Command] = COMMANDS) -> str:
    """Write the commands as Markdown tables, one for each topic."""
    parts = []
    for topic in Topic:
        rows = [_row(command) for command in table if command.topic is topic]
        if rows:
            head = (f"### {topic.value}", "", "| Command | What it does | Example |", "| --- | --- | --- |")
            parts.append("\n".join((*head, *rows)))
    parts.append(
        "`<…>` must be given, `[…]` may be left out. Text with spaces stands in quotes, straight or typographic;\n"
        "the last text of a command needs none. In a group, answers to commands marked 🔒 are shown to you alone."
    )
    return "\n\n".join(parts)


def inserted(text: str, table: Sequence[Command] = COMMANDS) -> str:
    """Give `text` with the page between the markers.

    Raises `ValueError` unless each marker is there once, in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"needs {BEGIN} and {END} once each, in this order")
    return f"{before}{BEGIN}\n\n{page(table)}\n\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write or check the file that is named."""
    names = [argument for argument in arguments if argument != "--check"]
    if len(names) != 1:
        sys.stderr.write("usage: python -m bot.commands.page FILE [--check]\n")
        return 2
    path = Path(names[0])
    try:
        text = path.read_text(encoding="utf-8")
        wanted = inserted(text)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 2
    if text == wanted:
        return 0
    if "--check" in arguments:
        sys.stderr.write(f"{path} is not up to date: run python -m bot.commands.page {path}\n")
        return 1
    path.write_text(wanted, encoding="utf-8")
    return 0


def _row(command: Command) -> str:
    """Write one line of a table; pipes would end a cell."""
    usage, example = (text.replace("|", "\\|") for text in (command.usage, command.example))
    marks = (" 🔒" if command.private else "") + (" (operators)" if command.access is Access.OPERATOR else "")
    return f"| `{usage}` | {command.summary}{marks} | `{example}` |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
