"""palaver sessions show: one conversation, what is known of it and what was said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from bot.commands.markup import code, one_line
from bot.operation_table import OPERATIONS
from bot.operations import looked_at, reading
from bot.operator.errand import run
from bot.operator.harmless import harmless
from bot.operator.printed_json import to_json
from bot.operator.session_json import WORKDIR, message_json, second, session_json, text_in, total
from bot.operator.when import passed
from config.settings import Settings
from sessions.catalogue import PROJECT, Listed
from sessions.export.characters import visible
from sessions.export.markdown import markdown_message
from sessions.export.text import text_message
from sessions.manager import SessionManager
from sessions.message import Message

Form = Literal["text", "markdown", "json"]
LABEL = 19  # cells of a label with its colon
VALUE = 1_000  # characters of one value


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions:
    """What was asked on the command line."""

    which: str
    summary: bool = False
    skip: int = 0
    limit: int | None = None
    form: Form = "text"


def show_session(options: ShowOptions, *, home: Path | None, config_file: Path | None) -> int:
    """Print a conversation; the audit tells of it first."""
    return run(lambda settings: _show(options, settings), home=home, config_file=config_file)


async def _show(options: ShowOptions, settings: Settings) -> int:
    async with reading(settings) as sessions:
        found = await sessions.catalogue.find(options.which)
        turns = (await sessions.everywhere.tally(found)).roles["user"]
        if not options.summary or options.form == "json":
            await looked_at(OPERATIONS, settings, how="show", session=found.session.id)
        if options.form == "json":
            await _print_json(sessions, found, turns, options)
            return 0
        facts = facts_of(found, turns, datetime.now(UTC))
        lines = map(_text_fact, facts) if options.form == "text" else _markdown_facts(facts)
        click.echo("\n".join(lines))
        write = text_message if options.form == "text" else markdown_message
        async for message in _messages(sessions, found, options):
            click.echo(f"\n{harmless(visible(write(message)))}", nl=False)
    return 0


async def _messages(sessions: SessionManager, found: Listed, options: ShowOptions) -> AsyncIterator[Message]:
    """Give the messages that are asked for, oldest first."""
    if options.summary:
        return
    last = None if options.limit is None else options.skip + options.limit
    async for message in sessions.iter_history(found.session.id):
        if last is not None and message.seq > last:
            return
        if message.seq > options.skip:
            yield message


async def _print_json(sessions: SessionManager, found: Listed, turns: int, options: ShowOptions) -> None:
    prompt = (await sessions.everywhere.first_words([found]))[found.session.id]
    said = session_json(found, prompt) | {"turns": turns}
    if options.summary:
        click.echo(to_json(said))
        return
    del said["messages"]  # here they are the messages themselves; how many there are is said as message_count
    click.echo(to_json(said)[:-1] + ', "messages": [', nl=False)
    separator = "\n"
    async for message in _messages(sessions, found, options):
        click.echo(separator + to_json(message_json(message)), nl=False)
        separator = ",\n"
    click.echo("\n]}")


def facts_of(found: Listed, turns: int, now: datetime) -> Iterator[tuple[str, str | None]]:
    """Give label and value of all that is known; a value of None makes the label a heading of those after it."""
    session, usage = found.session, found.session.usage
    yield "ID", session.id
    yield "Title", _shown(session.title)
    yield "Backend", _shown(session.backend)
    yield "Model", _shown(session.model)
    yield "Status", session.status.value
    yield "Created", second(session.created_at)
    yield "Last Used", f"{second(session.last_activity_at)} ({passed(session.last_activity_at, now)})"
    yield "Last Updated", second(session.updated_at)
    yield "Working Directory", _shown(text_in(found, WORKDIR))
    yield "Turns", f"{turns:,}"
    yield "Messages", f"{session.message_count:,}"
    yield "Token Usage", None
    yield "  Input", f"{usage.input_tokens:,}"
    yield "  Output", f"{usage.output_tokens:,}"
    yield "  Cached", f"{usage.cached_tokens:,}"
    yield "  Total", f"{total(usage):,}"
    yield "Tags", _shown(", ".join(session.tags))
    yield "Person", _shown(found.person)
    yield "Platform", _shown(None if found.address is None else found.address.platform)
    yield "Scope", session.scope.value
    yield "Project", _shown(text_in(found, PROJECT))
    yield "Forked from", _shown(session.forked_from)
    yield "Next reset", "-" if session.next_reset_at is None else second(session.next_reset_at)
    if session.metadata:
        yield "Metadata", None
    for name, value in session.metadata.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"  {one_line(name)}", _shown(shown)


def _shown(text: str | None) -> str:
    return one_line(text, limit=VALUE) if text else "-"


def _text_fact(fact: tuple[str, str | None]) -> str:
    label, value = fact
    return f"{label}:" if value is None else f"{f'{label}:':<{LABEL}}{'' if len(label) < LABEL - 1 else ' '}{value}"


def _markdown_facts(facts: Iterator[tuple[str, str | None]]) -> Iterator[str]:
    yield "# Conversation"
    yield ""
    for label, value in facts:
        inner = len(label) - len(label.lstrip())
        name = label.strip() if label.strip().isalpha() or not inner else code(label.strip())
        yield f"{' ' * inner}- {name}:" if value is None else f"{' ' * inner}- {name}: {code(value, limit=VALUE)}"
