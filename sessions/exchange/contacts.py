"""Contacts: whose identities are known here, which of them are machines of mine, and teams of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from sessions.errors import InvalidValue
from sessions.exchange.address_book import MAX_NAME, AddressBook, Contact, Team
from sessions.exchange.public import Public, parse_line
from sessions.message import JsonValue
from sessions.preferences import Preferences
from sessions.visible import check_name

_NOTE: Final = "exchange/contacts"
T = TypeVar("T")


class Contacts:
    """Keeps contacts and teams, sealed as one record. Names are told apart whatever their case."""

    def __init__(self, preferences: Preferences, now: Callable[[], int]) -> None:
        self._preferences, self._now = preferences, now

    async def all(self) -> list[Contact]:
        """List the contacts by name."""
        return (await self._book()).contacts

    async def mine(self) -> list[Contact]:
        """List my own other machines."""
        return [contact for contact in await self.all() if contact.mine]

    async def find(self, name: str) -> Contact:
        """Give the contact of a name. Raises `NotFound`."""
        return (await self._book()).contact(name)

    async def add(self, name: str, line: str, *, mine: bool, own: Public) -> Contact:
        """Take somebody in, or say anew whether it is a machine of mine.

        A name that is taken keeps its identity: `InvalidValue`, as for an identity that is known by another name.
        """
        public = parse_line(line)
        if public == own:
            raise InvalidValue("this is the identity of this machine; add it on the other one")
        added = Contact(
            name=check_name(name, "a contact's name", MAX_NAME), public=public, mine=mine, added_ms=self._now()
        )
        await self._change(lambda book: book.add(added))
        return added

    async def remove(self, name: str) -> Contact:
        """Know somebody no longer; their teams go on without them. Raises `NotFound`."""
        return await self._change(lambda book: book.remove(name))

    async def teams(self) -> list[Team]:
        """List the teams by name."""
        return (await self._book()).teams

    async def team(self, name: str) -> Team:
        """Give the team of a name. Raises `NotFound`."""
        return (await self._book()).team(name)

    async def set_team(self, name: str, members: Sequence[str]) -> Team:
        """Make a team of these contacts, or let it be of these from now on. Raises `NotFound`."""
        name = check_name(name, "a team's name", MAX_NAME)
        return await self._change(lambda book: book.set_team(name, members))

    async def remove_team(self, name: str) -> Team:
        """Have no such team any more; its members stay contacts. Raises `NotFound`."""
        return await self._change(lambda book: book.remove_team(name))

    async def of(self, names: Sequence[str], team: str | None) -> list[Contact]:
        """Give the contacts of these names and of a team, each once. Raises `NotFound`."""
        book = await self._book()
        members = () if team is None else book.team(team).members
        return list({(found := book.contact(name)).name: found for name in (*names, *members)}.values())

    async def _book(self) -> AddressBook:
        return AddressBook.decode(await self._preferences.note(_NOTE))

    async def _change(self, alter: Callable[[AddressBook], T]) -> T:
        done: list[T] = []

        def change(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            book = AddressBook.decode(said)
            done.append(alter(book))
            return book.encode()

        await self._preferences.change_note(_NOTE, change)
        return done[-1]
