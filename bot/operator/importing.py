"""palaver sessions import: conversations from files, all of them or none.

The bot that runs reads the files itself, so that only their names go through its control socket. Of an encrypted file
it is sent the key as well: that is worked out here, so the passphrase never leaves the shell and the bot does not stand
still for the second that takes. The socket is its owner's alone, and the key opens nothing but this one file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from bot.arguments import Request, flag_of, object_of, optional_text_of, text_of, texts_of
from bot.commands.markup import plural
from bot.console_address import console_address
from bot.control import Answer
from bot.operations import Operation, Operations
from bot.operator.crew import CrewOptions, work_together
from bot.operator.offered_files import files_of, keys_of
from bot.operator.offered_pieces import OfferedPieces
from bot.operator.progress_bar import progress
from bot.operator.sealing_work import SealingWork
from bot.shell import tell
from bot.startup import ExitCode, key_note, key_provider, open_sessions
from bot.stores import is_there
from config.settings import Settings
from sessions.address import Address, ChatKind
from sessions.arrival_sealer import Sealed
from sessions.arrivals import Imported
from sessions.catalogue import Wanted
from sessions.errors import NotFound
from sessions.export.cuts import OtherLayout
from sessions.keys import Passphrase
from sessions.manager import SessionManager
from sessions.message import JsonValue

IMPORT = "import sessions"
ALONE = CrewOptions(members=1)
UNIT = 2_000  # records that are written in one go, where nobody waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Which files, and whose their conversations will be."""

    files: Sequence[Path]
    folder: Path | None
    new_ids: bool
    title: str | None
    person: str | None
    user: str | None


async def import_sessions(
    settings: Settings,
    operations: Operations,
    offered: Offered,
    passphrase: Callable[[], Passphrase],
    crew: CrewOptions,
) -> int:
    """Have the files read, by the bot that runs or here with a crew, and say what came in.

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
        answer = await operations.carry_out_or(partial(take_in, crew=crew), settings, IMPORT, **request)
    done = answer.get("sessions"), answer.get("messages")
    sessions, messages = (count if isinstance(count, int) else 0 for count in done)
    click.echo(f"{plural(sessions, 'conversation')} with {plural(messages, 'stored message')} imported.")
    ids = answer.get("ids")
    for one in ids if isinstance(ids, list) else []:
        click.echo(one)
    if isinstance(ids, list) and len(ids) < sessions:
        click.echo(f"and {sessions - len(ids):,} more")
    return ExitCode.DONE


async def take_in(sessions: SessionManager, request: Request, crew: CrewOptions | None = None) -> Answer:
    """Import files, with a crew where that pays; without one if they are others who have to be answered meanwhile.

    Raises `InvalidValue` naming file and field; nothing came in then.
    """
    owner = await _owner(sessions, request)
    try:
        done = await _take_in(sessions, request, owner, crew)
    except (OtherLayout, RecursionError):  # a rare file, which is read with more care then, and by nobody else
        done = await _take_in(sessions, request, owner, crew and ALONE, cut=False)
    return {"sessions": done.sessions, "messages": done.messages, "ids": list(done.ids)}


IMPORT_OPERATIONS: Mapping[str, Operation] = {IMPORT: take_in}


async def _take_in(
    sessions: SessionManager, request: Request, owner: Address | None, crew: CrewOptions | None, *, cut: bool = True
) -> Imported:
    folder, title = optional_text_of(request, "folder"), optional_text_of(request, "title")
    files = files_of(None if folder is None else Path(folder), [Path(one) for one in texts_of(request, "files")])
    new_ids = flag_of(request, "new_ids", default=False)
    unit = None if crew is None else UNIT
    if crew is None or new_ids or title is not None:  # what one is called depends on those before it
        crew = ALONE
    async with AsyncExitStack() as stack:
        arrivals = await stack.enter_async_context(sessions.arrivals(new_ids=new_ids, unit=unit))
        pieces = stack.enter_context(
            closing(
                OfferedPieces(
                    files,
                    object_of(request, "keys"),
                    arrivals.numbers_for,
                    batch=crew.batch,
                    single=title is not None,
                    cut=cut and title is None,
                )
            )
        )
        work = SealingWork(
            owner=owner,
            console=console_address(text_of(request, "console")),
            title=title,
            renamed=arrivals.ids if new_ids else None,
        )
        answers = await stack.enter_async_context(aclosing(work_together(sessions, work, pieces, crew)))
        async for where, part in answers:
            if part is None:
                raise OtherLayout
            await arrivals.take(Sealed.of(part), where=where)
    return arrivals.done()


async def _owner(sessions: SessionManager, request: Request) -> Address | None:
    """Give whose all of them will be: somebody the operator named."""
    user, person = optional_text_of(request, "user"), optional_text_of(request, "person")
    if user is not None:
        return console_address(user)
    return None if person is None else await _last_address(sessions, person)


async def _last_address(sessions: SessionManager, person: str) -> Address:
    """Give where somebody wrote last: in private, if they ever did. Raises `NotFound`."""
    last: Address | None = None
    async for listed in sessions.catalogue.each(Wanted(person=person)):
        last = last or listed.address
        if listed.address is not None and listed.address.chat_kind is ChatKind.PRIVATE:
            return listed.address
    if last is None:
        raise NotFound("person", f"{person} (who must have written here before)")
    return last


async def begin_store(settings: Settings) -> None:
    """Make the store, where there is none yet: a new machine begins with what an old one exported."""
    if await is_there(settings.store):
        return
    provider = key_provider(settings)
    async with open_sessions(settings, provider) as sessions:
        if note := key_note(provider, sessions.kid):
            tell(note)
