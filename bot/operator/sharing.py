"""palaver sessions share, unshare, clone and list --shared: conversations between people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from bot.commands.markup import one_line, plural
from bot.console_address import console_address
from bot.operation_table import OPERATIONS
from bot.operations import reading
from bot.operator.columns import columns
from bot.operator.harmless import harmless
from bot.operator.importing import begin_store
from bot.operator.printed_json import print_json
from bot.operator.session_json import second
from bot.operator.sync_operations import CLONE, SEE, SHARE, UNSHARE
from bot.operator.sync_place import place_for
from bot.operator.when import passed
from bot.shell import tell
from bot.startup import ExitCode
from bot.stores import is_there
from config.settings import Settings
from sessions.errors import StoreError
from sessions.exchange.places import place_at
from sessions.exchange.shared import Shared

_TITLE = 60  # characters of a title in a table


async def share(settings: Settings, which: str, names: Sequence[str], team: str | None, place: str | None) -> int:
    """Seal a conversation for others."""
    where = place_for(settings, place)
    answer = await OPERATIONS.carry_out(settings, SHARE, session=which, names=[*names], team=team, place=where)
    to, messages = answer.get("to"), answer.get("messages")
    said = plural(messages if isinstance(messages, int) else 0, "message")
    for one in to if isinstance(to, list) else []:
        if isinstance(one, list):
            click.echo(f"Session {answer['session']} with {said} is shared with {harmless(str(one[0]))}: {one[1]}")
    return ExitCode.DONE


async def unshare(settings: Settings, which: str, names: Sequence[str], team: str | None, place: str | None) -> int:
    """Take back what was shared, as far as nobody has fetched it."""
    where = place_for(settings, place)
    answer = await OPERATIONS.carry_out(settings, UNSHARE, session=which, names=[*names], team=team, place=where)
    of = answer.get("from")
    shown = ", ".join(str(one) for one in of) if isinstance(of, list) else ""
    click.echo(f"Session {answer['session']} is shared no longer with: {harmless(shown)}")
    tell("whoever has made a copy keeps it.")
    return ExitCode.DONE


async def clone(settings: Settings, which: str, sender: str | None, user: str | None, place: str | None) -> int:
    """Make a conversation of one's own of what somebody shared."""
    where = place_for(settings, place)
    await begin_store(settings)
    owner = console_address(user).user_id
    answer = await OPERATIONS.carry_out(settings, CLONE, shared=which, sender=sender, user=owner, place=where)
    messages = answer.get("messages")
    click.echo(
        f"Session {answer['session']} was made of what {harmless(str(answer['by']))} shared, with "
        f"{plural(messages if isinstance(messages, int) else 0, 'message')}. It waits: palaver chat -s "
        f"{answer['session']}"
    )
    return ExitCode.DONE


async def list_shared(settings: Settings, place: str | None, *, as_json: bool) -> int:
    """Print what I shared and what was shared with me, the newest first."""
    where = place_for(settings, place) if place is not None or settings.sync.place is not None else None
    found: list[Shared] = []
    troubles: list[str] = []
    if await is_there(settings.store):
        there = None if where is None else place_at(where)
        try:
            async with reading(settings) as sessions:
                found, troubles = await sessions.exchange.shared(there)
        finally:
            if there is not None:
                await there.close()
    if as_json:
        print_json([json_of(one) for one in found])
    elif found:
        now = datetime.now(UTC)
        columns(("ID", "", "WHO", "MESSAGES", "WHEN", "TITLE"), [row_of(one, now) for one in found], right=(3,))
    else:
        tell("nothing is shared.")
    if where is None:
        tell("what others shared is not looked for: sync.place is not set, and there is no --place.")
    for trouble in troubles:
        tell(trouble)
    if where is not None and not all(one.remembered for one in found):
        await _note(settings, where)
    return ExitCode.UNMET if troubles else ExitCode.DONE


async def _note(settings: Settings, where: str) -> None:
    """Have it remembered what is new, by who may write to the store: then nothing older passes for it."""
    try:
        await OPERATIONS.carry_out(settings, SEE, place=where)
    except StoreError as error:
        tell(f"what is new there was not noted, so that an older one would not be told from it: {error}")


def row_of(one: Shared, now: datetime) -> tuple[str, ...]:
    """Give the cells of a table."""
    when = "-" if one.at_ms is None else passed(_moment(one.at_ms), now)
    way = "to" if one.outgoing else "from"
    return (one.id, way, one.name, f"{one.messages:,}", when, one_line(one.title or "-", limit=_TITLE))


def json_of(one: Shared) -> dict[str, object]:
    """Give what programs read."""
    return {
        "id": one.id,
        "direction": "to" if one.outgoing else "from",
        "who": one.name,
        "title": one.title,
        "messages": one.messages,
        "shared_at": None if one.at_ms is None else second(_moment(one.at_ms)),
        "session": one.session,
    }


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
