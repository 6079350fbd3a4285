"""Target: where one answer goes, as it is kept in the post."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from adapters.discord.place import ELSEWHERE, Place
from adapters.discord.ticket import Ticket
from adapters.envelope import Destination
from sessions.address import Address, ChatKind
from sessions.message import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A channel and a person, and what of theirs is answered: a message, or a command or button by its ticket.

    `answered` says that the ticket's first answer is taken, `ephemeral` that only the person sees what answers it.
    `preview` is the message that shows the answer while it is being made. Channel 0 is one that is not known.
    """

    channel: int
    person: int
    guild: int | None = None
    direct: bool = False
    foreign: bool = False
    reply_to: int | None = None
    ticket: Ticket | None = None
    answered: bool = False
    ephemeral: bool = False
    preview: int | None = None
    file_limit: int | None = None

    @classmethod
    def at(cls, place: Place, person: int) -> Self:
        """Aim at somebody in a place."""
        return cls(channel=place.channel, person=person, guild=place.guild, direct=place.direct, foreign=place.foreign)

    @classmethod
    def of(cls, address: Address) -> Self:
        """Aim at an address; anything but Discord's own ids is a ValueError."""
        person = int(address.user_id)
        if address.chat_id.startswith(ELSEWHERE):
            return cls(channel=0, person=person, foreign=True)
        channel = int(address.thread_id or address.chat_id)
        return cls(channel=channel, person=person, direct=address.chat_kind is ChatKind.PRIVATE)

    def showing(self, preview: int | None) -> Self:
        """Aim at the message that shows the answer already."""
        return replace(self, preview=preview)

    def encode(self) -> Destination:
        """Write as JSON."""
        ticket: JsonValue = None
        if self.ticket is not None:
            ticket = {
                "application": self.ticket.application,
                "token": self.ticket.token,
                "at": self.ticket.at,
                "answered": self.answered,
            }
        return {
            "lane": str(self.channel or self.person),
            "channel": self.channel,
            "person": self.person,
            "guild": self.guild,
            "private_chat": self.direct,
            "foreign": self.foreign,
            "reply_to": self.reply_to,
            "interaction": ticket,
            "ephemeral": self.ephemeral,
            "preview": self.preview,
            "file_limit": self.file_limit,
        }

    @classmethod
    def decode(cls, to: Destination) -> Self:
        """Read what `encode` wrote; anything else is a ValueError, a KeyError or a TypeError."""
        said = to.get("interaction")
        ticket, answered = None, False
        if isinstance(said, dict):
            ticket = Ticket(_number(said["application"]), str(said["token"]), _number(said["at"]))
            answered = said.get("answered") is True
        return cls(
            channel=_number(to["channel"]),
            person=_number(to["person"]),
            guild=_maybe(to.get("guild")),
            direct=to.get("private_chat") is True,
            foreign=to.get("foreign") is True,
            reply_to=_maybe(to.get("reply_to")),
            ticket=ticket,
            answered=answered,
            ephemeral=to.get("ephemeral") is True,
            preview=_maybe(to.get("preview")),
            file_limit=_maybe(to.get("file_limit")),
        )


def _number(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a number is missing")
    return value


def _maybe(value: JsonValue) -> int | None:
    return None if value is None else _number(value)
