"""palaver sessions import: conversations from files, all of them or none.

The bot that runs reads the files itself, so that only their names go through its control socket. Of an encrypted file
it is sent the key as well: that is worked out here, so the passphrase never leaves the shell and the bot does not stand
still for the second that takes. The socket is its owner's alone, and the key opens nothing but this one file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import click

from bot.arguments import Request, flag_of, object_of, optional_text_of, text_of, texts_of
from bot.commands.markup import plural
from bot.console_address import console_address
from bot.control import Answer
from bot.operations import Operation, Operations
from bot.operator.offered_files import files_of, keys_of, opened
from bot.operator.progress_bar import progress
from bot.shell import tell
from bot.startup import ExitCode, key_note, key_provider, open_sessions
from bot.stores import is_there
from config.settings import Settings
from sessions.address import Address, ChatKind
from sessions.arrivals import Arrivals
from sessions.catalogue import Wanted
from sessions.errors import InvalidValue, NotFound
from sessions.export.documents import Documents, Source
from sessions.export.foreign import read_any
from sessions.export.strict_json import shown
from sessions.export.transcript import Transcript
from sessions.keys import Passphrase
from sessions.manager import SessionManager
from sessions.message import JsonValue

IMPORT = "import sessions"
PLATFORMS = ("console", "telegram", "discord")  # where anybody can have written from
_ADDRESS = tuple(field.name for field in fields(Address))
_NEEDED = tuple(field.name for field in fields(Address) if field.default is MISSING)
_TOGETHER = 2_000  # messages that are parsed at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Which files, and whose their conversations will be."""

    files: Sequence[Path]
    folder: Path | None
    new_ids: bool
    title: str | None
    person: str | None
    user: str | None


class _Read(NamedTuple):
    """A conversation and where it stands in its file."""

    where: str
    transcript: Transcript


async def import_sessions(
    settings: Settings, operations: Operations, offered: Offered, passphrase: Callable[[], Passphrase]
) -> int:
    """Have the files read, by the bot that runs or here, and say what came in.

    `passphrase` is asked for only if a file needs one.
    """
    files = files_of(offered.folder, [path.absolute() for path in offered.files])
    keys = keys_of(files, passphrase)
    await begin_store(settings)
    request: dict[str, JsonValue] = {
        "files": [] if offered.folder else [str(path) for path in files],
        "folder": None if offered.folder is None else str(offered.folder.absolute()),
        "keys": dict(keys),
        "new_ids": offered.new_ids,
        "title": offered.title,
        "person": offered.person,
        "user": offered.user,
        "console": console_address(None).user_id,
    }
    with progress("Importing"):
        answer = await operations.carry_out(settings, IMPORT, **request)
    done = answer.get("sessions"), answer.get("messages")
    sessions, messages = (count if isinstance(count, int) else 0 for count in done)
    click.echo(f"{plural(sessions, 'conversation')} with {plural(messages, 'stored message')} imported.")
    ids = answer.get("ids")
    for one in ids if isinstance(ids, list) else []:
        click.echo(one)
    if isinstance(ids, list) and len(ids) < sessions:
        click.echo(f"and {sessions - len(ids):,} more")
    return ExitCode.DONE


async def take_in(sessions: SessionManager, request: Request) -> Answer:
    """Import files. Raises `InvalidValue` naming file and field; then nothing was imported."""
    folder, known = optional_text_of(request, "folder"), object_of(request, "keys")
    files = files_of(None if folder is None else Path(folder), [Path(one) for one in texts_of(request, "files")])
    owners = _Owners(sessions, request)
    title = optional_text_of(request, "title")
    async with sessions.arrivals(new_ids=flag_of(request, "new_ids", default=False)) as arrivals:
        for path in files:
            key = known.get(str(path))
            with opened(path, key if isinstance(key, str) else None) as source:
                await _add_all(arrivals, path, source, owners, title)
    done = arrivals.done()
    return {"sessions": done.sessions, "messages": done.messages, "ids": list(done.ids)}


IMPORT_OPERATIONS: Mapping[str, Operation] = {IMPORT: take_in}


async def _add_all(arrivals: Arrivals, path: Path, source: Source, owners: _Owners, title: str | None) -> None:
    """Take in the conversations of a file, some at a time; they are parsed on a thread, so that nobody waits for it."""
    try:
        from bot.operator.quick_reader import read_quickly  # 40 ms, so only where something is imported

        documents = iter(Documents(source, quick=read_quickly))
        while some := await asyncio.to_thread(_some, documents):
            addresses = [await owners.of(transcript) for _, transcript in some]
            scopes = [transcript.session.scope for _, transcript in some]
            await arrivals.expect(list(zip(addresses, scopes, strict=True)))
            for (where, transcript), address in zip(some, addresses, strict=True):
                _check_title(title, arrivals)
                await arrivals.add(transcript, address, title=title, where=f"{where}." if where else "")
    except InvalidValue as error:
        raise InvalidValue(f"{path.name}: {error}") from None


def _check_title(title: str | None, arrivals: Arrivals) -> None:
    if title is not None and arrivals.numbers:
        raise InvalidValue("--title is for a single conversation, and there are several")


def _some(documents: Iterator[tuple[str, object]]) -> list[_Read]:
    """Parse the next few conversations."""
    found: list[_Read] = []
    size = 0
    for where, value in documents:
        transcript = value if isinstance(value, Transcript) else read_any(value, where)
        found.append(_Read(where, transcript))
        size += len(transcript.stored) + 1
        if size >= _TOGETHER:
            break
    return found


class _Owners:
    """Tells whose conversations they will be: what the file says, or somebody the operator named."""

    def __init__(self, sessions: SessionManager, request: Request) -> None:
        self._sessions = sessions
        self._person, self._user = optional_text_of(request, "person"), optional_text_of(request, "user")
        self._console = console_address(text_of(request, "console"))
        self._found: Address | None = None

    async def of(self, transcript: Transcript) -> Address:
        """Give the address that a conversation will belong to."""
        if self._user is not None:
            return console_address(self._user)
        if self._person is not None:
            if self._found is None:
                self._found = await self._somewhere(self._person)
            return self._found
        return _claimed(transcript) or self._console

    async def _somewhere(self, person: str) -> Address:
        """Give where somebody wrote last: in private, if they ever did."""
        last: Address | None = None
        async for listed in self._sessions.catalogue.each(Wanted(person=person)):
            last = last or listed.address
            if listed.address is not None and listed.address.chat_kind is ChatKind.PRIVATE:
                return listed.address
        if last is None:
            raise NotFound("person", f"{person} (who must have written here before)")
        return last


def _claimed(transcript: Transcript) -> Address | None:
    """Read the address that a file names, if it names one."""
    said, whose = dict(transcript.address), f"the address of session {transcript.session.id}"
    if not said:
        return None
    for name in said:
        if name not in _ADDRESS:
            raise InvalidValue(f"{whose} has an unknown field {shown(name)}")
    for name in _NEEDED:
        if name not in said:
            raise InvalidValue(f"{whose} has no {name}")
    try:
        kind = ChatKind(said.pop("chat_kind", ChatKind.PRIVATE.value))
        address = Address(**said, chat_kind=kind)
    except ValueError as error:
        raise InvalidValue(f"{whose} is none: {error}") from None
    if address.platform not in PLATFORMS:
        raise InvalidValue(f"{whose} has an unknown platform; known are {', '.join(PLATFORMS)}")
    return address


async def begin_store(settings: Settings) -> None:
    """Make the store, where there is none yet: a new machine begins with what an old one exported."""
    if await is_there(settings.store):
        return
    provider = key_provider(settings)
    async with open_sessions(settings, provider) as sessions:
        if note := key_note(provider, sessions.kid):
            tell(note)
