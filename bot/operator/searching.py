"""palaver sessions search: words in all transcripts, decrypted on the way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import click

from bot.audit_notes import person_named
from bot.commands.markup import one_line, plural
from bot.operation_table import OPERATIONS
from bot.operations import looked_at, reading
from bot.operator.errand import INTERRUPTED, run
from bot.operator.new_file import new_file, refuse_taken
from bot.operator.printed_json import to_json
from bot.operator.progress_line import ProgressLine
from bot.operator.session_json import second
from bot.operator.tables import at_terminal
from bot.operator.when import since_of, until_of
from bot.shell import tell
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


def search_sessions(options: SearchOptions, *, home: Path | None, config_file: Path | None) -> int:
    """Print the newest messages that hold every word, each as soon as it is found."""
    return run(lambda settings: _search(options, settings), home=home, config_file=config_file)


async def _search(options: SearchOptions, settings: Settings) -> int:
    if options.export is not None:
        refuse_taken(settings, options.export, force=options.force)
    search = _Search(options, settings)
    with _output(options, search.terms) as output:
        if settings.store.path.exists():
            async with reading(settings) as sessions:
                await looked_at(OPERATIONS, settings, how="search", person=person_named(options.person))
                await search.run(sessions, output)
        output.end()
    _conclude(options, search)
    return INTERRUPTED if search.stopped else 0


class _Search:
    """A search that goes on, and what came of it so far. Raises `InvalidValue` for what can not be searched for."""

    def __init__(self, options: SearchOptions, settings: Settings) -> None:
        self.terms = Terms(options.words)
        self._options = options
        self._since, self._until = since_of(options.since, settings), until_of(options.until, settings)
        self.look, self.found, self.stopped = Look(), 0, False

    async def run(self, sessions: SessionManager, output: Output) -> None:
        """Give the hits to the output, until there are enough or Ctrl-C was pressed."""
        options = self._options
        wanted = Wanted(backend=options.backend, person=options.person)
        hits = sessions.everywhere.search(
            options.words, wanted=wanted, since=self._since, until=self._until, look=self.look
        )
        with ProgressLine(self._said) as progress:
            try:
                async with aclosing(hits):
                    async for hit in hits:
                        with progress.aside():
                            output.hit(hit)
                        self.found += 1
                        if self.found == options.limit:
                            return
                        await asyncio.sleep(0)  # Ctrl-C counts from here
            except asyncio.CancelledError:  # Ctrl-C: what was found stays
                self.stopped = True

    def _said(self) -> str:
        look = self.look
        return f"Searching: {look.seen:,} of {look.sessions:,} conversations, {look.messages:,} messages"


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
