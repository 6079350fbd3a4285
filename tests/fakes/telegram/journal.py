"""Journal: who said what, both sides, in order."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.message import BotMessage


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a person in the chat could see."""

    chat: Chat
    who: str
    what: str
    message: BotMessage | None = None


class Journal:
    """Everything that happened, for a person to read."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def note(self, chat: Chat, who: str, what: str, message: BotMessage | None = None) -> None:
        """Write a line."""
        self.lines.append(Line(chat, who, what, message))

    def text(self, chat: Chat | None = None) -> str:
        """Give the lines of one chat, or all."""
        lines = [line for line in self.lines if chat is None or line.chat is chat]
        return "\n".join(f"[{line.chat.title}] {line.who}: {line.what}" for line in lines) or "(nobody said anything)"


def described(message: BotMessage) -> str:
    """Put a message of the bot in words."""
    parts = [message.text] if message.text else []
    if message.document:
        parts.append(f"<file {message.document[0]}, {len(message.document[1])} bytes>")
    parts += [f"[{label}]" for label, _ in message.buttons]
    if message.seen_by is not None:
        parts.append(f"(only {message.seen_by} sees it)")
    return " ".join(parts)
