"""palaver sync: the identity, contacts and teams of this machine, and what goes to my other machines and comes back."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import click

from bot.commands.markup import plural
from bot.control import Answer
from bot.operation_table import OPERATIONS
from bot.operations import reading
from bot.operator.columns import columns
from bot.operator.harmless import harmless
from bot.operator.importing import begin_store
from bot.operator.printed_json import print_json
from bot.operator.sync_operations import ADD, IDENTITY, PULL, PUSH, REMOVE, TEAM, UNTEAM, described
from bot.operator.sync_place import place_for
from bot.shell import tell
from bot.startup import ExitCode
from config.settings import Settings
from sessions.message import JsonValue


async def show_identity(settings: Settings, *, as_json: bool) -> int:
    """Print the line that others need, and what they compare it by."""
    await begin_store(settings)
    answer = await OPERATIONS.carry_out(settings, IDENTITY)
    if as_json:
        print_json(dict(answer))
        return ExitCode.DONE
    click.echo(answer["line"])
    tell(f"its fingerprint: {answer['fingerprint']}. Compare it by voice or at sight, never by the way the line went.")
    return ExitCode.DONE


async def add_contact(settings: Settings, name: str, line: str, *, mine: bool) -> int:
    """Take somebody in, or another machine of mine."""
    await begin_store(settings)
    answer = await OPERATIONS.carry_out(settings, ADD, contact=name, line=line, mine=mine)
    what = "another machine of yours" if answer["mine"] else "somebody else"
    click.echo(f"{harmless(str(answer['name']))} is known now, as {what}.")
    tell(f"their fingerprint: {answer['fingerprint']}. Compare it with what palaver sync identity says there.")
    return ExitCode.DONE


async def remove_contact(settings: Settings, name: str) -> int:
    """Know somebody no longer."""
    answer = await OPERATIONS.carry_out(settings, REMOVE, contact=name)
    name, shared, ids = harmless(str(answer["name"])), _count(answer, "shared"), _texts(answer, "ids")
    click.echo(f"{name} is not known any more.")
    if shared:
        more = "" if shared == len(ids) else f" and {shared - len(ids):,} more"
        tell(
            f"{plural(shared, 'conversation')} {'is' if shared == 1 else 'are'} still shared with them: "
            f"{', '.join(ids)}{more}. palaver sessions unshare ID --with {shlex.quote(name)} takes one back."
        )
    return ExitCode.DONE


async def list_contacts(settings: Settings, *, as_json: bool) -> int:
    """Print who is known."""
    async with reading(settings) as sessions:
        contacts = await sessions.exchange.contacts.all()
    if as_json:
        print_json([described(one) for one in contacts])
        return ExitCode.DONE
    if not contacts:
        tell("nobody is known yet; palaver sync contacts add NAME LINE takes somebody in.")
    rows = [(one.name, "mine" if one.mine else "", one.public.fingerprint) for one in contacts]
    columns(("NAME", "", "FINGERPRINT"), rows)
    return ExitCode.DONE


async def set_team(settings: Settings, name: str, members: Sequence[str]) -> int:
    """Give a team its members."""
    answer = await OPERATIONS.carry_out(settings, TEAM, team=name, members=[*members])
    click.echo(f"{harmless(str(answer['name']))} is: {harmless(', '.join(_texts(answer, 'members')))}")
    return ExitCode.DONE


async def remove_team(settings: Settings, name: str) -> int:
    """Have no such team any more."""
    answer = await OPERATIONS.carry_out(settings, UNTEAM, team=name)
    click.echo(f"There is no team {harmless(str(answer['name']))} any more; its members are still known.")
    return ExitCode.DONE


async def list_teams(settings: Settings, *, as_json: bool) -> int:
    """Print the teams."""
    async with reading(settings) as sessions:
        teams = await sessions.exchange.contacts.teams()
    if as_json:
        print_json([{"name": team.name, "members": list(team.members)} for team in teams])
        return ExitCode.DONE
    if not teams:
        tell("there is no team yet; palaver sync teams set NAME MEMBER... makes one.")
    columns(("TEAM", "MEMBERS"), [(team.name, ", ".join(team.members)) for team in teams])
    return ExitCode.DONE


async def synchronise(
    settings: Settings, ways: Sequence[str], place: str | None, *, force: bool, dry_run: bool, as_json: bool
) -> int:
    """Pull, push, or one after the other: what comes in is part of what goes out."""
    where = place_for(settings, place)
    await begin_store(settings)
    answers: dict[str, Answer] = {}
    for way in ways:
        name = PULL if way == "pull" else PUSH
        answers[way] = await OPERATIONS.carry_out(settings, name, place=where, force=force, dry_run=dry_run)
    if as_json:
        print_json({way: dict(answer) for way, answer in answers.items()})
    else:
        for way, answer in answers.items():
            click.echo(_pulled(answer, dry_run) if way == "pull" else _pushed(answer, dry_run))
    troubles = [trouble for answer in answers.values() for trouble in _texts(answer, "troubles")]
    for trouble in troubles:
        tell(trouble)
    return ExitCode.UNMET if troubles else ExitCode.DONE


def _pushed(answer: Answer, dry_run: bool) -> str:
    sessions, erased = _count(answer, "sessions"), _count(answer, "erased")
    if not sessions and not erased:
        return "Nothing has changed here since the last push."
    verb = "would be sent" if dry_run else "sent"
    more = f" It is told of {plural(erased, 'erased conversation')}." if erased else ""
    return f"{plural(sessions, 'conversation')} {verb}, sealed {plural(_count(answer, 'bundles'), 'time')}.{more}"


def _pulled(answer: Answer, dry_run: bool) -> str:
    if dry_run:
        return f"{plural(_count(answer, 'waiting'), 'bundle')} would be read."
    counts = {name: _count(answer, name) for name in ("added", "continued", "branched", "erased", "kept", "messages")}
    if not any(counts.values()):
        return "Nothing new has come."
    said = (
        f"{plural(counts['added'], 'conversation')} added, {counts['continued']:,} continued, "
        f"{counts['erased']:,} erased; {plural(counts['messages'], 'message')} came in."
    )
    if counts["branched"]:
        said += (
            f"\nIn {plural(counts['branched'], 'conversation')} both sides went on. Here you read on where you were; "
            "/checkpoint restore from NAME goes to what was said on the machine NAME, and /undo comes back."
        )
    if counts["kept"]:
        said += f"\n{plural(counts['kept'], 'conversation')} erased elsewhere went on here, and stays here."
    return said


def _count(answer: Answer, name: str) -> int:
    value = answer.get(name)
    return value if isinstance(value, int) else 0


def _texts(answer: Answer, name: str) -> list[str]:
    value: JsonValue = answer.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []
