"""Keyboard: the buttons under a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from adapters.buttons import ButtonSigner
from adapters.reply import Choice
from adapters.telegram.row import Row

LIFETIME = 24 * 3600.0
MOST_BYTES = 64
MOST_BUTTONS = 100
MOST_IN_A_ROW, SHORT = 3, 14  # buttons, and letters of a label, that fit side by side on a phone


def remaining(rows: Sequence[Row], is_spent: Callable[[str], bool]) -> InlineKeyboardMarkup | None:
    """Give the buttons that are left when one was pressed."""
    kept = [
        [InlineKeyboardButton(label, callback_data=payload) for label, payload in row if not is_spent(payload)]
        for row in rows
    ]
    return InlineKeyboardMarkup([row for row in kept if row]) if any(kept) else None


class Keyboard:
    """Makes buttons that count for one person in one chat for a day."""

    def __init__(self, signer: ButtonSigner, clock: Callable[[], float]) -> None:
        self._signer, self._clock = signer, clock

    def of(self, choices: Sequence[Choice], *, person: str, chat: int) -> InlineKeyboardMarkup | None:
        """Give the buttons for what can be chosen; one that carries too much is left out.

        There are none for an administrator who stays anonymous: a press tells who it was.
        """
        if not person.isdecimal():
            return None
        buttons = [button for choice in choices if (button := self._button(choice, person, chat))][:MOST_BUTTONS]
        if not buttons:
            return None
        if len(buttons) <= MOST_IN_A_ROW and all(len(button.text) <= SHORT for button in buttons):
            return InlineKeyboardMarkup([buttons])
        return InlineKeyboardMarkup([[button] for button in buttons])

    def _button(self, choice: Choice, person: str, chat: int) -> InlineKeyboardButton | None:
        data = self._signer.sign(
            choice.text, person=person, chat=str(chat), now=self._clock(), lifetime=LIFETIME, max_bytes=MOST_BYTES
        )
        label = choice.label.encode(errors="replace").decode()
        return InlineKeyboardButton(label, callback_data=data) if data and label.strip() else None
