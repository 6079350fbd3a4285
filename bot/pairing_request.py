"""Request: somebody who waits to be let in, as it is noted under their code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bot.access import person_of
from bot.former_codes import FormerCode
from sessions.address import Address
from sessions.message import JsonValue
from sessions.profile import decode_address, encode_address

LIFETIME = 3600  # seconds
PAUSE = 600  # seconds until a person is told their code once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody who waits to be let in. `author` is a name to show and proves nothing."""

    code: str
    person: str
    address: Address
    author: str | None
    since: int
    told: int
    source: str | None = None  # the message that was answered with the code last, and the chat it is in
    refused: bool = False
    used: bool = False

    @property
    def until(self) -> int:
        """When the code is void, in seconds since 1970."""
        return self.since + LIFETIME

    def is_open(self, now: int) -> bool:
        """Tell whether the code can still let somebody in, or keeps them from another one."""
        return not self.used and self.since <= now < self.until

    def may_hear(self, source: str | None, now: int) -> bool:
        """Tell whether they may be told their code: not for each message, but for the same one again."""
        return now >= self.told + PAUSE or (source is not None and source == self.source)

    def to_json(self) -> dict[str, JsonValue]:
        """Give it as it is noted under its code."""
        return {
            "address": encode_address(self.address),
            "author": self.author,
            "since": self.since,
            "told": self.told,
            "source": self.source,
            "refused": self.refused,
        }

    def former(self) -> FormerCode:
        """Give what is known of it when it is over."""
        return FormerCode(code=self.code, person=self.person, since=self.since, used=self.used)

    @classmethod
    def from_json(cls, code: str, said: object) -> Self:
        """Read what `to_json` gave."""
        match said:
            case {
                "address": place,
                "author": str() | None as author,
                "since": int(since),
                "told": int(told),
                "source": str() | None as source,
                "refused": bool(refused),
            }:
                address = decode_address(place)
                return cls(
                    code=code,
                    person=person_of(address),
                    address=address,
                    author=author,
                    since=since,
                    told=told,
                    source=source,
                    refused=refused,
                )
        raise ValueError("not a request")
