"""palaver people export and erase: people get what is stored of them, or have it erased."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.commands.markup import plural
from bot.control import Answer
from bot.forgetting import is_noted
from bot.operations import Operations, looked_at, reading
from bot.operator.confirming import confirmed
from bot.operator.known_backups import KnownBackup, known_backups
from bot.operator.new_file import new_file, refuse_taken
from bot.operator.person_erasure import ERASE, addresses_of
from bot.operator.printed_json import print_json
from bot.operator.progress_bar import progress
from bot.operator.tables import at_terminal
from bot.person_archive import Packed, pack_person
from bot.shell import tell
from bot.startup import ExitCode, key_provider, open_sessions
from config.settings import Settings
from sessions.account import Account
from sessions.address import Address
from sessions.audit import AuditKind
from sessions.catalogue import Wanted, parse_person
from sessions.erasure import MOST_NAMED
from sessions.errors import InvalidValue, NotFound, SessionError
from sessions.manager import SessionManager
from sessions.message import JsonValue

STDOUT = Path("-")


async def export_person(
    settings: Settings, operations: Operations, person: str, output: Path | None, *, force: bool
) -> int:
    """Write everything of a person as one archive."""
    now = datetime.now(UTC)
    target = _target(person, output, now)
    if target == STDOUT and at_terminal():
        raise InvalidValue("an archive is not for a terminal; name a file with -o, or pipe it somewhere")
    if target != STDOUT:
        refuse_taken(settings, target, force=force)
    async with reading(settings) as sessions:
        addresses = await addresses_of(sessions, person)
        owned = sorted(await sessions.own_sessions(*addresses), key=lambda one: (one.created_at, one.id))
        if not owned and not await _is_noted(sessions, addresses):
            raise NotFound("person", person)
        ids: list[JsonValue] = [session.id for session in owned[:MOST_NAMED]]
        await looked_at(operations, settings, AuditKind.EXPORT, sessions=ids, count=len(owned), format="person")
        with progress("Exporting") as told:
            if target == STDOUT:
                packed = await pack_person(sessions, owned, addresses, now, sys.stdout.buffer, told=told)
                sys.stdout.buffer.flush()
            else:
                with new_file(target, force=force) as file:
                    packed = await pack_person(sessions, owned, addresses, now, file, told=told)
    return _told(target, person, packed)


def _told(target: Path, person: str, packed: Packed) -> int:
    what = f"{plural(packed.conversations, 'conversation')} with {plural(packed.messages, 'message')}"
    if target != STDOUT:
        click.echo(f"{target}: {what} of {person}, in clear. Hand it over, then delete it.")
    for one in packed.unreadable:
        tell(f"session {one} is left out: it can not be opened; palaver db verify tells why")
    return ExitCode.SESSION if packed.unreadable else ExitCode.DONE


async def erase_person(settings: Settings, operations: Operations, person: str, *, yes: bool, as_json: bool) -> int:
    """Ask, have everything of a person erased, and print a receipt."""
    async with reading(settings) as sessions:
        addresses = await addresses_of(sessions, person)
        owned = await sessions.own_sessions(*addresses)
        noted = await _is_noted(sessions, addresses)
        accounts = await _accounts(sessions, addresses)
        shared = await _shared(sessions, accounts)
    if not owned and not noted and not shared:
        raise NotFound("person", person)
    if not owned and not noted:
        tell(
            f"nothing of {person} is theirs alone. {_stays(shared)}: palaver sessions delete --person {person} --shared"
        )
        return ExitCode.UNMET
    messages = sum(session.message_count for session in owned)
    what = f"{plural(len(owned), 'conversation')} with {plural(messages, 'message')} of {' and '.join(accounts)}"
    if not confirmed(f"This erases {what}, for good{f'; {_stays(shared)}' if shared else ''}", yes=yes):
        return ExitCode.UNMET
    answer = await operations.carry_out(settings, ERASE, person=person)
    held = [(backup, await _held(settings, backup, person)) for backup in _backups(settings)]
    if as_json:
        print_json(_as_json(person, accounts, answer, held, shared))
    else:
        _print(accounts, answer, held, shared)
    return ExitCode.DONE


# -- inside ------------------------------------------------------------------------------------------


Held = Sequence[tuple[KnownBackup, int | None]]
"""Backups with the number of conversations of somebody that each holds; None where it does not open."""


def _target(person: str, output: Path | None, now: datetime) -> Path:
    platform, user = parse_person(person)
    safe = "".join(char if char.isalnum() or char in "-_" else "_" for char in f"{platform}-{user}")[:100]
    name = f"palaver-{safe}-{now:%Y%m%d}.zip"
    if output is None:
        return Path(name).absolute()
    if output == STDOUT:
        return STDOUT
    output = output.absolute()
    return output / name if output.is_dir() else output


async def _accounts(sessions: SessionManager, addresses: Sequence[Address]) -> list[str]:
    """Name the person, and those of the linked accounts."""
    found: dict[str, None] = {}
    for address in addresses:
        for account in await sessions.linked_accounts(address):
            found[f"{account.platform}:{account.user_id}"] = None
    return list(found)


async def _shared(sessions: SessionManager, accounts: Sequence[str]) -> int:
    """Count the conversations that they began and share with others."""
    count = 0
    for person in accounts:
        async for one in sessions.catalogue.each(Wanted(person=person)):
            count += one.session.scope.is_shared
    return count


def _stays(shared: int) -> str:
    return f"{plural(shared, 'conversation')} that others share {'stays' if shared == 1 else 'stay'}"


async def _is_noted(sessions: SessionManager, addresses: Sequence[Address]) -> bool:
    """Tell whether there is something of somebody besides conversations."""
    for address in {Account.of(address): address for address in addresses}.values():
        accounts = await sessions.linked_accounts(address)
        if len(accounts) > 1 or await is_noted(sessions, accounts[0]):
            return True
    return False


def _backups(settings: Settings) -> list[KnownBackup]:
    store = settings.store.file
    return [] if store is None else known_backups(settings.home, store)


async def _held(settings: Settings, backup: KnownBackup, person: str) -> int | None:
    store = settings.store.model_copy(update={"url": f"sqlite:///{backup.path}"})
    there = settings.model_copy(update={"store": store})
    with suppress(SessionError):
        async with open_sessions(there, key_provider(settings), read_only=True) as sessions:
            return len(await sessions.own_sessions(*await addresses_of(sessions, person)))
    return None


def _print(accounts: Sequence[str], answer: Answer, held: Held, shared: int) -> None:
    click.echo(f"Receipt, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: everything of {' and '.join(accounts)} is erased.")
    click.echo(f"  {_count(answer, 'sessions', 'conversation')} with {_count(answer, 'messages', 'stored message')}")
    if answer.get("notes"):
        click.echo(f"  {_count(answer, 'notes', 'note')}: choices, links, the day's tokens, who let them in")
    click.echo("Nothing of it is left in the database, its log or temporary files; the keys are destroyed.")
    click.echo("What stays:")
    for backup, count in held:
        what = "may hold it: it does not open with this key" if count is None else _in_backup(count)
        click.echo(f"  {backup.path}, made {backup.at:%Y-%m-%d %H:%M} UTC, {what}")
    click.echo("  Other backups made before now hold it until they are deleted." if held else _NO_BACKUPS)
    click.echo("  Exports that were made before now, those in the home folder too, hold it until they are deleted.")
    click.echo("  The audit tells that something was erased, with ids and numbers, and by whom.")
    click.echo(f"  Conversations that others share, of which they began {shared:,}: sessions delete --person --shared.")
    click.echo("  What the chats themselves show, and what a model's provider keeps.")


_NO_BACKUPS = "  Backups made before now hold it until they are deleted; none is known here."


def _in_backup(count: int) -> str:
    return f"still holds {plural(count, 'conversation')}: delete it, or restore it never" if count else "holds nothing"


def _count(answer: Answer, name: str, noun: str) -> str:
    value = answer.get(name)
    return plural(value if isinstance(value, int) else 0, noun)


def _as_json(person: str, accounts: Sequence[str], answer: Answer, held: Held, shared: int) -> Mapping[str, object]:
    backups = [{"path": str(one.path), "at": one.at.isoformat(), "conversations": count} for one, count in held]
    return {
        "person": person,
        "accounts": list(accounts),
        "erased_at": datetime.now(UTC).isoformat(),
        **{name: answer.get(name) for name in ("sessions", "messages", "notes")},
        "shared_left": shared,
        "backups": backups,
    }
