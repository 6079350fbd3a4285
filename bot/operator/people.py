"""palaver people list and links: who there is, and which accounts are one person's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from bot.operations import reading
from bot.operator.columns import columns
from bot.operator.harmless import harmless
from bot.operator.person_erasure import addresses_of
from bot.operator.printed_json import print_json
from bot.operator.progress_bar import progress
from bot.operator.when import zone_of
from bot.shell import tell
from bot.startup import ExitCode
from config.settings import Settings
from sessions.account import Account
from sessions.address import Address
from sessions.catalogue import Listed, Wanted
from sessions.errors import InvalidValue
from sessions.manager import SessionManager


@dataclass(slots=True)
class Somebody:
    """What is stored of one person. `shared` counts conversations with others that they began."""

    person: str
    conversations: int = 0
    shared: int = 0
    messages: int = 0
    tokens: int = 0
    last_active: datetime | None = None

    def add(self, listed: Listed) -> None:
        """Count a conversation that they began."""
        session = listed.session
        if session.scope.is_shared:
            self.shared += 1
        else:
            self.conversations += 1
            self.messages += session.message_count
            self.tokens += session.usage.input_tokens + session.usage.output_tokens
        at = session.last_activity_at
        self.last_active = at if self.last_active is None else max(at, self.last_active)


async def list_people(settings: Settings, *, platform: str | None, limit: int | None, as_json: bool) -> int:
    """Print everybody who has a conversation, whoever was there last before the others."""
    if limit is not None and limit < 1:
        raise InvalidValue(f"limit must be at least 1, got {limit}")
    async with reading(settings) as sessions:
        people = await _people(sessions, platform)
    if as_json:
        print_json([_as_json(one) for one in people[:limit]])
        return ExitCode.DONE
    if not people:
        tell("nobody has a conversation here.")
    head = ("PERSON", "CONVERSATIONS", "SHARED", "MESSAGES", "TOKENS", "LAST ACTIVE")
    columns(head, [_as_row(one, zone_of(settings)) for one in people[:limit]], right=(1, 2, 3, 4))
    return ExitCode.DONE


async def list_links(settings: Settings, person: str | None, *, as_json: bool) -> int:
    """Print which accounts are linked, of one person or of everybody."""
    async with reading(settings) as sessions:
        places = await (_everywhere(sessions) if person is None else addresses_of(sessions, person))
        groups: dict[tuple[Account, ...], None] = {}
        for address in places:
            accounts = await sessions.linked_accounts(address)
            if len(accounts) > 1:
                groups[tuple(accounts)] = None
    if as_json:
        print_json([[one._asdict() for one in group] for group in groups])
        return ExitCode.DONE
    for group in groups:
        click.echo("  =  ".join(f"{one.platform}:{one.user_id} (bot account {one.account})" for one in group))
    if not groups:
        click.echo("Nobody has linked accounts." if person is None else f"{harmless(person)} has no linked accounts.")
    return ExitCode.DONE


async def _people(sessions: SessionManager, platform: str | None) -> list[Somebody]:
    found: dict[str, Somebody] = {}
    total = len(await sessions.catalogue.ids())
    with progress("Reading") as told:
        done = 0
        async for listed in sessions.catalogue.each(Wanted(platform=platform)):
            done += 1
            if told is not None and done % 100 == 0:
                told(done, total)
            if listed.person is not None:
                found.setdefault(listed.person, Somebody(listed.person)).add(listed)
    return sorted(found.values(), key=lambda one: (-_seconds(one.last_active), one.person))


async def _everywhere(sessions: SessionManager) -> list[Address]:
    """Give an address of every account there is."""
    accounts: dict[Account, Address] = {}
    async for listed in sessions.catalogue.each(Wanted()):
        if listed.address is not None:
            accounts.setdefault(Account.of(listed.address), listed.address)
    return list(accounts.values())


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()


def _as_row(one: Somebody, zone: ZoneInfo) -> tuple[str, ...]:
    last = "" if one.last_active is None else f"{one.last_active.astimezone(zone):%Y-%m-%d %H:%M}"
    return (one.person, *(f"{count}" for count in (one.conversations, one.shared, one.messages, one.tokens)), last)


def _as_json(one: Somebody) -> dict[str, object]:
    last = None if one.last_active is None else one.last_active.isoformat()
    return {
        "person": one.person,
        "conversations": one.conversations,
        "shared": one.shared,
        "messages": one.messages,
        "tokens": one.tokens,
        "last_active": last,
    }
