"""palaver sessions search: words in all transcripts, decrypted on the way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

import click

from bot.audit_notes import person_named
from bot.commands.markup import one_line, plural
from bot.operation_table import OPERATIONS
from bot.operations import looked_at, reading
from bot.operator.crew import CrewOptions, read_together
from bot.operator.errand import INTERRUPTED, run
from bot.operator.new_file import new_file, refuse_taken
from bot.operator.printed_json import to_json
from bot.operator.progress_line import ProgressLine
from bot.operator.session_json import second
from bot.operator.tables import at_terminal
from bot.operator.when import since_of, until_of
from bot.shell import tell
from bot.stores import is_there
from config.settings import Settings
from sessions.catalogue import Wanted
from sessions.export.characters import one_line as unbroken
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.operator_search import Look, OperatorHit
from sessions.search import snippet
from sessions.terms import Terms

PLAIN, BOLD = ("«", "»"), ("\x1b[1m", "\x1b[22m")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What was asked on the command line."""

    words: str
    backend: str | None = None
    person: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int = 20
    export: Path | None = None
    force: bool = False
    as_json: bool = False


class Output(Protocol):
    """Takes hits as they are found."""

    def hit(self, hit: OperatorHit) -> None:
        """Write one."""

    def end(self) -> None:
        """Write what comes after the last one."""


def search_sessions(
    options: SearchOptions, *, home: Path | None, config_file: Path | None, crew: CrewOptions | None = None
) -> int:
    """Print the newest messages that hold every word, each as soon as it is found."""
    crew = crew or CrewOptions(home=home, config_file=config_file)
    return run(lambda settings: _search(options, settings, crew), home=home, config_file=config_file)


async def _search(options: SearchOptions, settings: Settings, crew: CrewOptions) -> int:
    if options.export is not None:
        refuse_taken(settings, options.export, force=options.force)
    search = _Search(options, settings)
    with _output(options, search.terms) as output:
        if await is_there(settings.store):
            async with reading(settings) as sessions:
                await looked_at(OPERATIONS, settings, how="search", person=person_named(options.person))
                await search.run(sessions, output, crew)
        output.end()
    _conclude(options, search)
    return INTERRUPTED if search.stopped else 0


@dataclass(slots=True, kw_only=True)
class _Looking:
    """Looks through some conversations; gives each hit with how far it has come, and nothing but that at the end."""

    words: str
    wanted: Wanted
    since: datetime | None
    until: datetime | None
    look: Look = field(default_factory=Look)  # at the conversations in hand

    async def __call__(
        self, sessions: SessionManager, numbers: Sequence[int]
    ) -> AsyncGenerator[tuple[OperatorHit | None, Look], None]:
        look = self.look = Look()
        hits = sessions.everywhere.search(
            self.words, wanted=self.wanted, since=self.since, until=self.until, look=look, numbers=numbers
        )
        async with aclosing(hits):
            async for hit in hits:
                yield hit, replace(look)
        self.look = Look()
        yield None, look


class _Search:
    """A search that goes on, and what came of it so far. Raises `InvalidValue` for what can not be searched for."""

    def __init__(self, options: SearchOptions, settings: Settings) -> None:
        self.terms = Terms(options.words)
        self._options = options
        self._looking = _Looking(
            words=options.words,
            wanted=Wanted(backend=options.backend, person=options.person),
            since=since_of(options.since, settings),
            until=until_of(options.until, settings),
        )
        self._sessions, self._before, self._now = 0, Look(), Look()
        self.found, self.stopped = 0, False

    async def run(self, sessions: SessionManager, output: Output, crew: CrewOptions) -> None:
        """Give the hits to the output, until there are enough or Ctrl-C was pressed."""
        with ProgressLine(self._said) as progress:
            try:
                numbers = await sessions.everywhere.numbers(self._looking.wanted)
                self._sessions = len(numbers)
                async with aclosing(read_together(sessions, self._looking, numbers, crew)) as answers:
                    async for hit, look in answers:
                        self._now = look
                        if hit is None:
                            self._before, self._now = _sum(self._before, look), Look()
                            continue
                        with progress.aside():
                            output.hit(hit)
                        self.found += 1
                        if self.found == self._options.limit:
                            return
                        await asyncio.sleep(0)  # Ctrl-C counts from here
            except asyncio.CancelledError:  # Ctrl-C: what was found stays
                self.stopped = True

    @property
    def look(self) -> Look:
        """How far it has come."""
        here = self._looking.look
        return _sum(self._before, here if here.messages else self._now)

    def _said(self) -> str:
        look = self.look
        return f"Searching: {look.seen:,} of {self._sessions:,} conversations, {look.messages:,} messages"


def _sum(one: Look, other: Look) -> Look:
    return Look(
        seen=one.seen + other.seen,
        messages=one.messages + other.messages,
        unopened=one.unopened + other.unopened,
    )


def _conclude(options: SearchOptions, search: _Search) -> None:
    found, looked = search.found, f"{plural(search.look.messages, 'message')} looked at"
    if search.look.unopened:
        tell(f"{plural(search.look.unopened, 'conversation')} could not be opened; palaver db verify tells why")
    if options.export is not None:
        tell(f"{plural(found, 'hit')} written to {options.export}")
    if search.stopped:
        tell(f"stopped after {looked}; {plural(found, 'hit')} found until then")
    elif found == options.limit:
        tell(f"these are the newest {found}; there may be more, --limit shows them")
    elif not found:
        tell(f"no message holds these words; {looked}")


@contextmanager
def _output(options: SearchOptions, terms: Terms) -> Iterator[Output]:
    if options.export is not None:
        with new_file(options.export, force=options.force) as file:
            yield _Json(file, terms)
    elif options.as_json:
        yield _Json(sys.stdout.buffer, terms)
    else:
        yield _Lines(terms, BOLD if at_terminal() else PLAIN)


class _Lines:
    def __init__(self, terms: Terms, marks: tuple[str, str]) -> None:
        self._terms, self._marks = terms, marks

    def hit(self, hit: OperatorHit) -> None:
        session, message = hit.found.session, hit.message
        title = f"  {one_line(session.title)}" if session.title else ""
        person = one_line(hit.found.person or "-")
        click.echo(f"{session.id}  {second(message.created_at)}  {person}  {message.role} {message.seq}{title}")
        click.echo(f"  {snippet(unbroken(message.content), self._terms.folded, self._marks)}", color=True)
        sys.stdout.flush()

    def end(self) -> None:
        """Nothing is left to write."""


class _Json:
    def __init__(self, file: IO[bytes], terms: Terms) -> None:
        self._file, self._terms, self._separator = file, terms, "[\n"

    def hit(self, hit: OperatorHit) -> None:
        self._file.write((self._separator + to_json(self._said(hit))).encode())
        self._file.flush()
        self._separator = ",\n"

    def end(self) -> None:
        self._file.write(b"[]\n" if self._separator == "[\n" else b"\n]\n")
        self._file.flush()

    def _said(self, hit: OperatorHit) -> dict[str, JsonValue]:
        session, message = hit.found.session, hit.message
        return {
            "id": session.id,
            "title": session.title,
            "provider": session.backend,
            "status": session.status.value,
            "person": hit.found.person,
            "seq": message.seq,
            "role": message.role,
            "created_at": second(message.created_at),
            "snippet": snippet(unbroken(message.content), self._terms.folded),
        }
