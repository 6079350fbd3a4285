"""palaver audit: what was done with conversations, and whether the list of it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import click

from bot.commands.markup import plural
from bot.operations import reading
from bot.operator.audit_words import ids_in, in_words
from bot.operator.columns import columns
from bot.operator.printed_json import print_json
from bot.operator.when import parse_end, parse_moment, zone_of
from bot.startup import ExitCode
from config.settings import Settings
from sessions.audit import AuditEntry, AuditKind
from sessions.errors import InvalidValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which entries are to be shown, as it was typed."""

    limit: int
    since: str | None = None
    until: str | None = None
    kind: str | None = None
    by: str | None = None


async def list_audit(settings: Settings, asked: Asked, *, as_json: bool) -> int:
    """Print entries, the newest first."""
    zone = zone_of(settings)
    fits = _Fits(asked, zone)
    found: list[AuditEntry] = []
    whose: Mapping[str, str] = {}
    async with reading(settings) as sessions:
        async for entry in sessions.audit.backwards():
            if len(found) == asked.limit:
                break
            if fits(entry):
                found.append(entry)
        if not as_json:
            known = await sessions.catalogue.some([one for entry in found for one in ids_in(entry)])
            whose = {ident: one.person for ident, one in known.items() if one.person is not None}
    if as_json:
        print_json([_as_json(entry) for entry in found])
    else:
        rows = [_as_row(entry, whose, zone) for entry in found]
        columns(("NUMBER", "WHEN", "BY", "WHAT"), rows, right=(0,), folded=True)
        if not found:
            click.echo("Nothing of the kind was done.")
    return ExitCode.DONE


async def verify_audit(settings: Settings, *, as_json: bool) -> int:
    """Follow the chain of entries and say whether it is whole."""
    async with reading(settings) as sessions:
        problems = await sessions.audit.verify()
        newest = await sessions.audit.newest(1)
    entries = newest[0].number if newest else 0
    if as_json:
        print_json({"sound": not problems, "entries": entries, "problems": problems})
    else:
        for problem in problems:
            click.echo(problem)
        if not problems:
            click.echo(f"The audit is whole: {plural(entries, 'entry')}.".replace("entrys", "entries"))
    return ExitCode.SESSION if problems else ExitCode.DONE


class _Fits:
    """Judges entries by what was asked for."""

    def __init__(self, asked: Asked, zone: ZoneInfo) -> None:
        self._since = None if asked.since is None else parse_moment(asked.since, zone)
        self._until = None if asked.until is None else parse_end(asked.until, zone)
        self._kind = None if asked.kind is None else _kind(asked.kind)
        self._by = asked.by

    def __call__(self, entry: AuditEntry) -> bool:
        return (
            (self._since is None or entry.at >= self._since)
            and (self._until is None or entry.at < self._until)
            and (self._kind is None or entry.kind == self._kind)
            and (self._by is None or (entry.by or "").casefold() == self._by.casefold())
        )


def _kind(text: str) -> str:
    kinds = [kind.value for kind in AuditKind]
    if text.strip().lower() not in kinds:
        raise InvalidValue(f"{text!r} is nothing that the audit tells of; it tells of {', '.join(kinds)}")
    return text.strip().lower()


def _as_row(entry: AuditEntry, whose: Mapping[str, str], zone: ZoneInfo) -> tuple[str, ...]:
    when = "" if entry.kind is None else f"{entry.at.astimezone(zone):%Y-%m-%d %H:%M}"
    return (f"{entry.number}", when, entry.by or "", in_words(entry, whose))


def _as_json(entry: AuditEntry) -> dict[str, object]:
    at = None if entry.kind is None else entry.at.isoformat()
    return {"number": entry.number, "at": at, "kind": entry.kind, "by": entry.by, "about": dict(entry.about)}
