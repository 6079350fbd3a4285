"""Completion: what could follow in a command line that is being typed.

A suggestion replaces the word at the cursor: what follows the last space. Nothing is created or
changed by asking.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from adapters.channel import Suggestion
from bot.commands.binding import zones
from bot.commands.command import Command, Kind, Parameter, may_use
from bot.commands.context import Context
from bot.commands.grammar import CLOSING, quote, split
from bot.commands.markup import one_line, plural
from sessions.errors import SessionError

MOST = 25  # as many as Discord shows
OPENING = "".join(CLOSING)


async def complete(table: Sequence[Command], context: Context, text: str) -> Sequence[Suggestion]:
    """Give the ways to complete `text`, best first."""
    if not text.startswith("/"):
        return ()
    done, word = _cut(text)
    table = [command for command in table if may_use(command, context)]
    try:
        found = await _suggestions(table, context, done, word)
    except SessionError:
        return ()
    return tuple(found)[:MOST]


def _cut(text: str) -> tuple[str, str]:
    """Cut before the word at the cursor."""
    start = len(text)
    while start and not text[start - 1].isspace():
        start -= 1
    return text[:start], text[start:]


async def _suggestions(table: Sequence[Command], context: Context, done: str, word: str) -> Iterable[Suggestion]:
    if not done:
        return _first_words(table, word)
    words = split(done)
    name = words[0].removeprefix("/").partition("@")[0].lower()
    group = [command for command in table if command.path[0] == name]
    if not group:
        return ()
    if len(group[0].path) == 1:
        return await _values(table, context, group[0], words[1:], word)
    if len(words) == 1:
        subs = [Suggestion(command.path[1], command.summary) for command in group]
        return _matching(subs, word)
    command = next((command for command in group if command.path[1] == words[1].lower()), None)
    return () if command is None else await _values(table, context, command, words[2:], word)


def _first_words(table: Sequence[Command], word: str) -> Iterable[Suggestion]:
    hints: dict[str, str] = {}
    for command in table:
        name = f"/{command.path[0]}"
        if command.default or name not in hints:
            hints[name] = command.summary
    return _matching([Suggestion(name, hint) for name, hint in hints.items()], word)


def _matching(suggestions: Iterable[Suggestion], word: str) -> list[Suggestion]:
    """Keep those that begin with what was typed; a quote that was opened does not count."""
    begun = word.lower().lstrip(OPENING)
    return [one for one in suggestions if one.text.lower().lstrip('"').startswith(begun)]


async def _values(
    table: Sequence[Command], context: Context, command: Command, before: Sequence[str], word: str
) -> Iterable[Suggestion]:
    """Complete the parameter at the cursor."""
    place = len(before)
    if command.parameters and command.parameters[-1].kind in (Kind.TAGS, Kind.COMMAND):
        place = min(place, len(command.parameters) - 1)
    if place >= len(command.parameters):
        return ()
    parameter = command.parameters[place]
    if parameter.kind is Kind.COMMAND:
        return _command_words(table, before, word)
    source = _SOURCES.get(parameter.kind)
    found = [] if source is None else list(await source(context, parameter, word))
    return found + (_matching([Suggestion("off")], word) if parameter.off else [])


def _command_words(table: Sequence[Command], before: Sequence[str], word: str) -> Iterable[Suggestion]:
    if not before:
        return [Suggestion(one.text[1:], one.hint) for one in _first_words(table, "/" + word.removeprefix("/"))]
    name = before[0].removeprefix("/").lower()
    subs = [command for command in table if command.path[0] == name and len(command.path) == 2]
    if len(before) > 1:
        return ()
    return _matching([Suggestion(command.path[1], command.summary) for command in subs], word)


async def _choices(context: Context, parameter: Parameter, word: str) -> Iterable[Suggestion]:
    meant = [choice for said, choice in parameter.also if said.startswith(word.lower())]
    found = _matching([Suggestion(choice) for choice in parameter.choices], word)
    return dict.fromkeys([*found, *map(Suggestion, meant)])


async def _zones(context: Context, parameter: Parameter, word: str) -> Iterable[Suggestion]:
    named = [Suggestion(name) for short, name in zones().items() if short.startswith(word.lower())]
    return dict.fromkeys(named)


async def _sessions(context: Context, parameter: Parameter, word: str) -> Iterable[Suggestion]:
    """Suggest ids, found by the beginning of the id or of any word of the title."""
    found = []
    for session in await context.sessions.list_sessions(context.address):
        title = one_line(session.title or "untitled")
        words = (session.id, *title.casefold().split())
        if any(one.startswith(word.casefold()) for one in words):
            found.append(Suggestion(session.id, f"{title}, {plural(session.message_count, 'message')}"))
    return found


async def _checkpoints(context: Context, parameter: Parameter, word: str) -> Iterable[Suggestion]:
    session = await context.sessions.current_session(context.address)
    if session is None:
        return ()
    found = await context.sessions.list_checkpoints(session.id)
    hint = "checkpoint {0.number}, after {1}"
    named = [Suggestion(quote(c.name), hint.format(c, plural(c.message_count, "message"))) for c in reversed(found)]
    return _matching(named, word)


async def _tags(context: Context, parameter: Parameter, word: str) -> Iterable[Suggestion]:
    session = await context.sessions.current_session(context.address)
    return () if session is None else _matching([Suggestion(quote(tag)) for tag in session.tags], word)


_SOURCES: dict[Kind, Callable[[Context, Parameter, str], Awaitable[Iterable[Suggestion]]]] = {
    Kind.CHOICE: _choices,
    Kind.ZONE: _zones,
    Kind.SESSION: _sessions,
    Kind.CHECKPOINT: _checkpoints,
    Kind.TAGS: _tags,
}
