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
from bot.operator.sync_operations import CLONE, SHARE, UNSHARE
from bot.operator.sync_place import place_for
from bot.operator.when import passed
from bot.shell import tell
from bot.startup import ExitCode
from bot.stores import is_there
from config.settings import Settings
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
        print_json([_as_json(one) for one in found])
    elif found:
        now = datetime.now(UTC)
        columns(("ID", "", "WHO", "MESSAGES", "WHEN", "TITLE"), [_as_row(one, now) for one in found], right=(3,))
    else:
        tell("nothing is shared.")
    if where is None:
        tell("what others shared is not looked for: sync.place is not set, and there is no --place.")
    for trouble in troubles:
        tell(trouble)
    return ExitCode.UNMET if troubles else ExitCode.DONE


def _as_row(one: Shared, now: datetime) -> tuple[str, ...]:
    when = passed(_moment(one.at_ms), now)
    way = "to" if one.outgoing else "from"
    return (one.id, way, one.name, f"{one.messages:,}", when, one_line(one.title or "-", limit=_TITLE))


def _as_json(one: Shared) -> dict[str, object]:
    return {
        "id": one.id,
        "direction": "to" if one.outgoing else "from",
        "who": one.name,
        "title": one.title,
        "messages": one.messages,
        "shared_at": second(_moment(one.at_ms)),
        "session": one.session,
    }


def _moment(ms: int) -> datetime:
    """Give a moment; one that somebody else has said may be none."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
