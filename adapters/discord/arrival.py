"""Arrival: one thing that came in from Discord, as it is kept until it is handled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self

from discord.utils import snowflake_time

from adapters.discord.place import Place
from adapters.discord.target import Target
from adapters.discord.ticket import Ticket
from adapters.inbound import Call, Inbound
from adapters.marks import lane_in
from sessions.letter import Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message, the edit of one, a native command, or the press of a button, which says its text.

    `name` is what it is known by, so that it is handled once. `message` is the message that was sent or changed.
    """

    name: str
    place: Place
    person: int
    author: str
    text: str = ""
    message: int | None = None
    edit: bool = False
    path: tuple[str, ...] = ()
    options: Mapping[str, str | int] | None = None
    ticket: Ticket | None = None
    answered: bool = False
    ephemeral: bool = False
    file_limit: int | None = None

    def encode(self) -> bytes:
        """Write as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    def update(self) -> Update:
        """Give it as it is stored."""
        return Update(self.name, self.encode(), str(self.place.channel or self.person), lane_in(self.text))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` wrote; anything else is a ValueError, a KeyError or a TypeError."""
        said = json.loads(data)
        said["place"] = Place(**said["place"])
        said["path"] = tuple(map(str, said["path"]))
        said["ticket"] = None if said["ticket"] is None else Ticket(**said["ticket"])
        return cls(**said)

    def inbound(self, account: str) -> Inbound:
        """Say it in the terms of every platform."""
        source = None if self.message is None else str(self.message)
        return Inbound(
            address=self.place.address(account, self.person),
            text=self.text,
            author=self.author,
            source=None if self.edit else source,
            edits=source if self.edit else None,
            call=Call(path=self.path, options=self.options or {}) if self.path else None,
            at=self._sent_at(),
        )

    def _sent_at(self) -> float | None:
        """Tell when it was sent, in seconds since 1970: a message's id holds the time."""
        if self.ticket is not None:
            return self.ticket.at / 1_000
        return None if self.message is None else snowflake_time(self.message).timestamp()

    def target(self) -> Target:
        """Give where its answers go; they point at a message only where others write as well."""
        return replace(
            Target.at(self.place, self.person),
            reply_to=None if self.place.direct else self.message,
            ticket=self.ticket,
            answered=self.answered,
            ephemeral=self.ephemeral,
            file_limit=self.file_limit,
        )
