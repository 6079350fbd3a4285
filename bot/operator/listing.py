"""palaver sessions list: which conversations there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.commands.markup import one_line
from bot.operation_table import OPERATIONS
from bot.operations import looked_at, reading
from bot.operator.errand import run
from bot.operator.printed_json import to_json
from bot.operator.progress_line import ProgressLine
from bot.operator.session_json import session_json, total
from bot.operator.tables import Column, at_terminal, fitted, print_table
from bot.operator.when import passed, since_of, until_of
from bot.shell import tell
from bot.stores import is_there
from config.settings import Settings
from sessions.catalogue import Listed, SortBy, Wanted
from sessions.manager import SessionManager
from sessions.session import Status

BATCH = 250  # conversations in memory at a time, where all are listed
TITLE = 100  # characters of a title
UNTITLED = 60  # characters of a first message, where there is no title
NAMED = 100  # conversations that the audit names one by one
COLUMNS = (
    Column("ID", 12),
    Column("BACKEND", 9),
    Column("STATUS", 9),
    Column("LAST USED", 14),
    Column("MESSAGES", 8, number=True),
    Column("TOKENS", 9, number=True),
    Column("TITLE/PROMPT", 12),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """What was asked on the command line."""

    backend: str | None = None
    model: str | None = None
    status: str | None = None
    tags: Sequence[str] = ()
    project: str | None = None
    title: str | None = None
    platform: str | None = None
    person: str | None = None
    since: str | None = None
    until: str | None = None
    sort: SortBy = "date"
    reverse: bool = False
    limit: int | None = None
    as_json: bool = False

    def wanted(self, settings: Settings) -> Wanted:
        """Give the conditions. Raises `InvalidValue`."""
        return Wanted(
            status=None if self.status is None else Status(self.status),
            backend=self.backend,
            model=self.model,
            tags=self.tags,
            project=self.project,
            title=self.title,
            platform=self.platform,
            person=self.person,
            since=since_of(self.since, settings),
            until=until_of(self.until, settings),
        )


def list_sessions(options: ListOptions, *, home: Path | None, config_file: Path | None) -> int:
    """Print the conversations that are asked for, and say how many more there are."""
    return run(lambda settings: _list(options, settings), home=home, config_file=config_file)


async def _list(options: ListOptions, settings: Settings) -> int:
    wanted = options.wanted(settings)
    printer = _Json() if options.as_json else _Table()
    shown = 0
    if await is_there(settings.store):
        async with reading(settings) as sessions:
            noted = False
            async for batch in _batches(sessions, wanted, options):
                words = await sessions.everywhere.first_words(batch)
                if not noted and any(_shows_words(one, words, options) for one in batch):
                    await _note(settings, batch)
                    noted = True
                printer.batch(batch, words)
                shown += len(batch)
            more = await _more(sessions, wanted, options, shown)
    printer.end()
    if not shown:
        tell("no conversation fits" if wanted != Wanted() else "there is no conversation yet")
    elif more:
        tell(more)
    return 0


async def _batches(sessions: SessionManager, wanted: Wanted, options: ListOptions) -> AsyncIterator[list[Listed]]:
    if options.limit is not None or options.sort == "title":
        slow = wanted.needs_opening or options.sort == "title"
        # What draws the line takes longer to load than a quick list takes.
        with ProgressLine(lambda: "Looking through all conversations") if slow else nullcontext():
            found = await sessions.catalogue.select(
                wanted, sort=options.sort, reverse=options.reverse, limit=options.limit
            )
        for start in range(0, len(found), BATCH):
            yield found[start : start + BATCH]
        return
    batch: list[Listed] = []
    async for one in sessions.catalogue.each(wanted, sort=options.sort, reverse=options.reverse):
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _shows_words(one: Listed, words: dict[str, str], options: ListOptions) -> bool:
    return bool(words[one.session.id]) and (options.as_json or not one.session.title)


async def _note(settings: Settings, batch: Sequence[Listed]) -> None:
    """Have the audit tell whose words are seen; the first of them, where there are very many."""
    await looked_at(OPERATIONS, settings, how="list", sessions=[one.session.id for one in batch[:NAMED]])


async def _more(sessions: SessionManager, wanted: Wanted, options: ListOptions, shown: int) -> str | None:
    if options.limit is None or shown < options.limit:
        return None
    count = await sessions.catalogue.count(wanted)
    if count is None:
        return f"these are the first {shown}; there may be more, --all lists every one"
    return f"{count - shown:,} more; --all lists every one" if count > shown else None


class _Table:
    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self._columns: Sequence[Column] = COLUMNS
        self._heading = True

    def batch(self, batch: Sequence[Listed], words: dict[str, str]) -> None:
        if not batch:
            return
        rows = [self._row(one, words[one.session.id]) for one in batch]
        if self._heading and at_terminal():
            self._columns = fitted(COLUMNS, rows)
        print_table(self._columns, rows, heading=self._heading)
        self._heading = False

    def end(self) -> None:
        """Nothing is left to print."""

    def _row(self, one: Listed, words: str) -> tuple[str, ...]:
        session = one.session
        tokens = total(session.usage)
        return (
            session.id,
            one_line(session.backend or "-", limit=20),
            session.status.value,
            passed(session.last_activity_at, self._now),
            f"{session.message_count:,}",
            f"{tokens:,}" if tokens else "-",
            one_line(session.title, limit=TITLE) if session.title else one_line(words, limit=UNTITLED),
        )


class _Json:
    def __init__(self) -> None:
        self._separator = "[\n"

    def batch(self, batch: Sequence[Listed], words: dict[str, str]) -> None:
        for one in batch:
            click.echo(self._separator + to_json(session_json(one, words[one.session.id])), nl=False)
            self._separator = ",\n"

    def end(self) -> None:
        click.echo("[]" if self._separator == "[\n" else "\n]")
