"""AddressBook: contacts and teams as one value that can be changed, written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from sessions.errors import InvalidValue, NotFound
from sessions.exchange.public import Public, parse_line
from sessions.message import JsonValue

MAX_NAME, MOST_CONTACTS, MOST_TEAMS = 50, 200, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody to exchange with; `mine` is said of my own other machines."""

    name: str
    public: Public
    mine: bool
    added_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A name for several contacts."""

    name: str
    members: tuple[str, ...]


class AddressBook:
    """Contacts and teams, each by name, whatever its case."""

    def __init__(self, contacts: Sequence[Contact], teams: Sequence[Team]) -> None:
        self.contacts = sorted(contacts, key=lambda contact: contact.name.casefold())
        self.teams = sorted(teams, key=lambda team: team.name.casefold())

    def contact(self, name: str) -> Contact:
        """Give the contact of a name. Raises `NotFound`."""
        for contact in self.contacts:
            if is_same(contact.name, name):
                return contact
        raise NotFound("contact", name)

    def team(self, name: str) -> Team:
        """Give the team of a name. Raises `NotFound`."""
        for team in self.teams:
            if is_same(team.name, name):
                return team
        raise NotFound("team", name)

    def add(self, added: Contact) -> None:
        """Add a contact, or change whether it is mine. Raises `InvalidValue`; see `Contacts.add`."""
        for other in self.contacts:
            if is_same(other.name, added.name) and other.public != added.public:
                raise InvalidValue(
                    f"{other.name} has another identity; if theirs is really a new one, remove the contact first"
                )
            if other.public == added.public and not is_same(other.name, added.name):
                raise InvalidValue(f"this identity is known already, as {other.name}")
        others = [other for other in self.contacts if other.public != added.public]
        if len(others) >= MOST_CONTACTS:
            raise InvalidValue(f"there can be at most {MOST_CONTACTS} contacts")
        self.contacts = [*others, added]

    def remove(self, name: str) -> Contact:
        """Remove a contact, also from its teams. Raises `NotFound`."""
        gone = self.contact(name)
        self.contacts.remove(gone)
        self.teams = [
            replace(team, members=tuple(one for one in team.members if not is_same(one, gone.name)))
            for team in self.teams
        ]
        return gone

    def set_team(self, name: str, members: Sequence[str]) -> Team:
        """Make or change a team. Raises `NotFound` or `InvalidValue`."""
        found = tuple(dict.fromkeys(self.contact(one).name for one in members))
        if not found:
            raise InvalidValue("a team needs at least one contact")
        others = [team for team in self.teams if not is_same(team.name, name)]
        if len(others) >= MOST_TEAMS:
            raise InvalidValue(f"there can be at most {MOST_TEAMS} teams")
        made = Team(name=name, members=found)
        self.teams = [*others, made]
        return made

    def remove_team(self, name: str) -> Team:
        """Remove a team. Raises `NotFound`."""
        gone = self.team(name)
        self.teams.remove(gone)
        return gone

    def encode(self) -> dict[str, JsonValue]:
        """Write as JSON."""
        return {
            "contacts": {
                one.name: {"line": one.public.line, "mine": one.mine, "at": one.added_ms} for one in self.contacts
            },
            "teams": {team.name: list(team.members) for team in self.teams},
        }

    @classmethod
    def decode(cls, said: Mapping[str, JsonValue]) -> Self:
        """Read what `encode` made; what is missing is empty."""
        contacts, teams = said.get("contacts"), said.get("teams")
        return cls(
            [_contact(name, one) for name, one in contacts.items()] if isinstance(contacts, dict) else [],
            [Team(name=name, members=_texts(who)) for name, who in teams.items()] if isinstance(teams, dict) else [],
        )


def is_same(one: str, other: str) -> bool:
    """Tell whether two names are the same, whatever their case."""
    return one.strip().casefold() == other.strip().casefold()


def _contact(name: str, said: JsonValue) -> Contact:
    fields: Mapping[str, JsonValue] = said if isinstance(said, dict) else {}
    at = fields.get("at")
    return Contact(
        name=name,
        public=parse_line(str(fields.get("line"))),
        mine=fields.get("mine") is True,
        added_ms=at if isinstance(at, int) else 0,
    )


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
