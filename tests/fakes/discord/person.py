"""People and bots."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fakes.discord.document import Document, timestamp

ALL_PERMISSIONS = str((1 << 53) - 1)


@dataclass(slots=True, eq=False)
class User:
    """Somebody with an account; `blocks_bot` and `locale` may be set at any time."""

    id: int
    name: str
    bot: bool = False
    blocks_bot: bool = False
    locale: str = "en-US"

    @property
    def mention(self) -> str:
        """What a text says to ping them."""
        return f"<@{self.id}>"

    def document(self) -> Document:
        """Write the user object."""
        return {
            "id": str(self.id),
            "username": self.name.lower(),
            "global_name": self.name,
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
        }

    def member(self, *, user: bool = True, permissions: bool = False) -> Document:
        """Write the member object of a server they are in."""
        document: Document = {"roles": [], "joined_at": timestamp(1_700_000_000), "flags": 0, "nick": None}
        document |= {"deaf": False, "mute": False, "pending": False, "avatar": None, "premium_since": None}
        if user:
            document["user"] = self.document()
        if permissions:
            document["permissions"] = ALL_PERMISSIONS
        return document
