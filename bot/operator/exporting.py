"""palaver sessions export: conversations as files, in clear or under a passphrase."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

import click

from bot.audit_notes import person_named
from bot.commands.markup import plural
from bot.operations import Operations, looked_at, reading
from bot.operator.crew import CrewOptions, read_together
from bot.operator.encrypted_file import EncryptedWriter
from bot.operator.harmless import TerminalSink
from bot.operator.new_file import new_file, refuse_taken
from bot.operator.progress_bar import progress
from bot.operator.tables import at_terminal
from bot.operator.texts import Part, Texts
from bot.operator.when import since_of, until_of
from bot.shell import tell
from bot.startup import ExitCode
from config.settings import Settings
from sessions.audit import AuditKind
from sessions.catalogue import Wanted
from sessions.errors import InvalidValue, NotFound
from sessions.export.archive import ArchiveText
from sessions.export.formats import SUFFIXES, ExportFormat
from sessions.keys import Passphrase
from sessions.manager import SessionManager
from sessions.message import JsonValue

STDOUT = Path("-")
SEALED = ".enc"  # behind the name of a file under a passphrase
_SHOWN = 50  # conversations between two looks at the progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which conversations, and how and where to they are written."""

    ids: Sequence[str]
    person: str | None
    since: str | None
    until: str | None
    format: ExportFormat
    output: Path | None
    force: bool
    bare: bool  # without what is known beside the words
    passphrase: Passphrase | None

    @property
    def one(self) -> bool:
        """Whether it is a single conversation, named by its id."""
        return len(self.ids) == 1


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take bytes."""


async def export_sessions(settings: Settings, operations: Operations, chosen: Chosen, crew: CrewOptions) -> int:
    """Write the conversations that were chosen, and say how many and where to."""
    now = datetime.now(UTC)
    async with reading(settings) as sessions:
        found = await _found(sessions, settings, chosen)
        if not found:
            raise NotFound("session", "that fits")
        writing = _Writing(sessions, settings, chosen, now, crew)
        if chosen.one:
            target = _file(chosen.output, _name(found[0], chosen))
            write = writing.single
        elif chosen.format == "json":
            target = _file(chosen.output, f"palaver-sessions-{now:%Y%m%d}.json{SEALED if chosen.passphrase else ''}")
            write = writing.archive
        else:
            target = _folder(chosen.output, chosen.format)
            write = writing.folder
        if target == STDOUT and chosen.passphrase is not None and at_terminal():
            raise InvalidValue("an encrypted export is not for a terminal; name a file with -o, or pipe it somewhere")
        if write != writing.folder and target != STDOUT:
            refuse_taken(settings, target, force=chosen.force)
        await _tell_audit(settings, operations, chosen, found)
        await write(target, found)
    if target != STDOUT:
        how = "under the passphrase" if chosen.passphrase else "in clear"
        what = f"{plural(writing.written, 'conversation')} with {plural(writing.messages, 'message')}"
        if writing.stored > writing.messages:
            what += f" ({writing.stored:,} stored on all branches)"
        click.echo(f"{target}: {what}, {how}.")
    return ExitCode.SESSION if writing.lost else ExitCode.DONE


class _Writing:
    """Writes conversations, one in memory at a time, and counts them."""

    def __init__(
        self, sessions: SessionManager, settings: Settings, chosen: Chosen, now: datetime, crew: CrewOptions
    ) -> None:
        self._sessions, self._settings, self._chosen, self._now, self._crew = sessions, settings, chosen, now, crew
        self._texts = Texts(chosen.format, chosen.bare, now)
        self.written = self.messages = self.stored = self.lost = 0

    async def archive(self, target: Path, found: Sequence[str]) -> None:
        """Write all into one document."""
        text = ArchiveText(self._now)
        with self._opened(target) as sink:
            sink.write(text.begin().encode())
            async with aclosing(self._each(found)) as parts:
                async for part, data in parts:
                    if part.first:
                        sink.write(text.between().encode())
                    sink.write(data)
            sink.write(text.end().encode())

    async def single(self, target: Path, found: Sequence[str]) -> None:
        """Write the one conversation."""
        transcript = await self._sessions.transcript(found[0], exported_at=self._now)
        with self._opened(target) as sink:
            for part in self._texts.parts(transcript):
                sink.write(part.data or b"")
                self._count(part)

    async def folder(self, target: Path, found: Sequence[str]) -> None:
        """Write each into a file of its own; none is written if one of them is there already."""
        names = {session_id: target / _name(session_id, self._chosen) for session_id in found}
        for name in names.values():
            refuse_taken(self._settings, name, force=self._chosen.force)
        _make(target)
        with ExitStack() as stack:
            async with aclosing(self._each(found)) as parts:
                async for part, data in parts:
                    if part.first:
                        sink = stack.enter_context(self._opened(names[part.session_id]))
                    sink.write(data)
                    if part.last:
                        stack.close()

    async def _each(self, found: Sequence[str]) -> AsyncGenerator[tuple[Part, bytes], None]:
        done = 0
        with progress("Exporting") as told:
            async with aclosing(read_together(self._sessions, self._texts, found, self._crew)) as parts:
                async for part in parts:
                    if part.data is not None:
                        self._count(part)
                        yield part, part.data
                    elif part.lost is not None:
                        self.lost += 1
                        tell(f"session {part.session_id} is left out: {part.lost}")
                    done += part.last
                    if told is not None and part.last and done % _SHOWN == 0:
                        told(done, len(found))

    def _count(self, part: Part) -> None:
        self.written += part.last
        self.messages += part.messages
        self.stored += part.stored

    @contextmanager
    def _opened(self, target: Path) -> Iterator[Sink]:
        if target == STDOUT:
            if at_terminal():
                yield TerminalSink(sys.stdout.buffer)
            else:
                with self._sealed(sys.stdout.buffer) as sink:
                    yield sink
            sys.stdout.buffer.flush()
            return
        with new_file(target, force=self._chosen.force) as file, self._sealed(file) as sink:
            yield sink

    @contextmanager
    def _sealed(self, file: BinaryIO) -> Iterator[Sink]:
        if self._chosen.passphrase is None:
            yield file
            return
        sink = EncryptedWriter(file, self._chosen.passphrase)
        yield sink
        sink.close()


async def _found(sessions: SessionManager, settings: Settings, chosen: Chosen) -> list[str]:
    """Give the ids of the conversations, those first that others were forked from."""
    if chosen.ids:
        named = [(await sessions.catalogue.find(which)).session for which in chosen.ids]
        return list(dict.fromkeys(one.id for one in sorted(named, key=lambda one: (one.created_at, one.id))))
    since, until = since_of(chosen.since, settings), until_of(chosen.until, settings)
    wanted = Wanted(person=chosen.person, since=since, until=until)
    numbers = await sessions.catalogue.ids()
    if wanted != Wanted():
        fitting = {listed.session.id async for listed in sessions.catalogue.each(wanted)}
        numbers = {number: session_id for number, session_id in numbers.items() if session_id in fitting}
    return [numbers[number] for number in sorted(numbers)]


async def _tell_audit(settings: Settings, operations: Operations, chosen: Chosen, found: Sequence[str]) -> None:
    if chosen.ids:
        for session_id in found:
            await looked_at(operations, settings, AuditKind.EXPORT, session=session_id, format=chosen.format)
        return
    whose: dict[str, JsonValue] = {} if chosen.person is None else {"person": person_named(chosen.person)}
    await looked_at(operations, settings, AuditKind.EXPORT, count=len(found), format=chosen.format, **whose)


def _file(output: Path | None, name: str) -> Path:
    """Give the file to write: the one that was named, or one of this name in the folder that was."""
    if output is None:
        return Path(name)
    return output / name if output.is_dir() else output


def _folder(output: Path | None, form: str) -> Path:
    if output is None or output == STDOUT or (output.exists() and not output.is_dir()):
        raise InvalidValue(f"several conversations as {form} need a folder: name one with -o")
    return output


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)


def _name(session_id: str, chosen: Chosen) -> str:
    """Name a file; never after the title, which is a stranger's text."""
    return f"session-{session_id}.{SUFFIXES[chosen.format]}{SEALED if chosen.passphrase else ''}"
