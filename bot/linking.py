"""Linking: one-time codes by which two accounts prove that they belong to one person.

The account that asks for a code says that it wants to be linked; whoever sends the code from another account says
so there, and the first account is asked once more, with the other one named.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sessions.account import Account
from sessions.address import Address
from sessions.errors import InvalidValue, NotFound
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.profile import decode_address, encode_address

LIFETIME = 600  # seconds
LENGTH = 8
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # no I, L, O, 0, 1


@dataclass(frozen=True, slots=True)
class Offer:
    """An open code: who asked for it, and who has sent it, if somebody has."""

    code: str
    main: Address
    other: Address | None

    def may_be_taken_by(self, address: Address) -> bool:
        """Tell whether nobody else has agreed to it."""
        return self.other is None or Account.of(self.other) == Account.of(address)


class Linking:
    """Keeps the open codes, sealed in the store."""

    def __init__(self, sessions: SessionManager, *, clock: Callable[[], float]) -> None:
        self._sessions, self._clock = sessions, clock

    async def offer(self, address: Address) -> str:
        """Give a new code for this account."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        until = int(self._clock()) + LIFETIME
        await self._sessions.set_note(_name(code), {"main": encode_address(address), "until": until})
        return code

    async def find(self, code: str) -> Offer:
        """Give an open code. Raises `NotFound` for one that is wrong, used or too old."""
        code = code.strip().upper()
        return self._offer(code, await self._sessions.note(_name(code)))

    async def accept(self, code: str, other: Address) -> Offer:
        """Note that another account sent the code and agreed; give the offer as it is now.

        The first that agrees is the one. Raises `NotFound` for everybody after it, as for a code that is not open.
        """
        code = code.strip().upper()

        def agree(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            offer = self._offer(code, said)
            if Account.of(other) == Account.of(offer.main):
                raise InvalidValue("this code is for your other account: send it there")
            if not offer.may_be_taken_by(other):
                raise NotFound("open code", code)
            until = int(self._clock()) + LIFETIME
            return {"main": encode_address(offer.main), "until": until, "other": encode_address(other)}

        return self._offer(code, await self._sessions.change_note(_name(code), agree))

    async def close(self, offer: Offer) -> None:
        """Let nobody use a code any more."""
        await self._sessions.set_note(_name(offer.code), {})

    def _offer(self, code: str, said: Mapping[str, JsonValue]) -> Offer:
        until, other = said.get("until"), said.get("other")
        if not isinstance(until, int) or until < self._clock():
            raise NotFound("open code", code)
        return Offer(code, decode_address(said["main"]), None if other is None else decode_address(other))


def _name(code: str) -> str:
    return f"link/{code}"
