"""Row: the buttons under a message, as Telegram tells of them."""

from __future__ import annotations

from collections.abc import Iterator

Row = tuple[tuple[str, str], ...]
"""Labels of buttons side by side, and what each carries."""


def rows(keyboard: object) -> tuple[Row, ...]:
    """Read an inline keyboard; buttons that carry nothing for the bot are left out."""
    return tuple(tuple(_buttons(row)) for row in keyboard) if isinstance(keyboard, list) else ()


def _buttons(row: object) -> Iterator[tuple[str, str]]:
    for button in row if isinstance(row, list) else ():
        match button:
            case {"text": str(label), "callback_data": str(payload)}:
                yield label, payload
