"""Operators: where those who run the bot can be told something."""

from __future__ import annotations

from collections.abc import Mapping

from bot.access import Access, person_of
from sessions.address import Address, ChatKind
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.profile import decode_address, encode_address

NOTE = "operators"


class Operators:
    """Remembers the private chat in which each operator wrote last."""

    def __init__(self, sessions: SessionManager, access: Access) -> None:
        self._sessions, self._access = sessions, access

    async def learn(self, address: Address) -> None:
        """Remember where somebody wrote, if that is an operator in private."""
        if address.chat_kind is not ChatKind.PRIVATE or not self._access.is_operator(address):
            return
        here = encode_address(address)

        def learn(known: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            if known.get(person_of(address)) == here:
                return known
            return {who: where for who, where in known.items() if self._access.is_named(who)} | {
                person_of(address): here
            }

        await self._sessions.change_note(NOTE, learn)

    async def addresses(self) -> list[Address]:
        """Give a private chat of every operator who has written in one and still is one."""
        known = [decode_address(where) for where in (await self._sessions.note(NOTE)).values()]
        return [address for address in known if self._access.is_operator(address)]
