"""Person: somebody with an account, or a bot."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """An account. `username` is without the @."""

    id: int
    first_name: str
    username: str | None = None
    is_bot: bool = False
    language_code: str | None = None

    def as_json(self) -> dict[str, object]:
        """Give it as the server writes it."""
        body: dict[str, object] = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        if self.username:
            body["username"] = self.username
        if self.language_code:
            body["language_code"] = self.language_code
        return body


# Accounts of Telegram itself; many people speak through each of them.
SERVICE = Person(777000, "Telegram")
ANONYMOUS_ADMIN = Person(1087968824, "Group", "GroupAnonymousBot", is_bot=True)
CHANNEL_VOICE = Person(136817688, "Channel", "Channel_Bot", is_bot=True)
