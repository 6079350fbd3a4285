"""palaver sessions stats: what one conversation, or all of them, come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click

from bot.commands.markup import one_line, plural
from bot.operations import reading
from bot.operator.bars import DAYS, Days, as_picture, in_characters, recent
from bot.operator.errand import run
from bot.operator.new_file import new_file, refuse_taken
from bot.operator.printed_json import to_json
from bot.operator.progress_line import ProgressLine
from bot.operator.session_json import second, total, usage_json
from bot.operator.tables import Column, print_table
from bot.operator.totals import Sum, Totals, day_json, day_of, largest
from bot.operator.when import length
from bot.shell import tell
from bot.stores import is_there
from config.settings import Settings
from sessions.catalogue import Listed, Wanted
from sessions.live import moment
from sessions.message import JsonValue
from sessions.operator_search import Tally

PEOPLE = 20  # shown in the table; --json gives all
LABEL = 25
STORED = "Stored on all branches"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsOptions:
    """What was asked on the command line."""

    which: str | None = None
    as_json: bool = False
    png: Path | None = None
    force: bool = False


def show_stats(options: StatsOptions, *, home: Path | None, config_file: Path | None) -> int:
    """Print the counts of one conversation, or the totals of all."""
    return run(lambda settings: _stats(options, settings), home=home, config_file=config_file)


async def _stats(options: StatsOptions, settings: Settings) -> int:
    if options.png is not None:
        refuse_taken(settings, options.png, force=options.force)
    days = await (_of_all(options, settings) if options.which is None else _of_one(options.which, options, settings))
    if options.png is not None:
        with new_file(options.png, force=options.force) as file:
            file.write(as_picture(days))
        tell(f"the chart is in {options.png}")
    return 0


async def _of_one(which: str, options: StatsOptions, settings: Settings) -> Days:
    async with reading(settings) as sessions:
        found = await sessions.catalogue.find(which)
        tally = await sessions.everywhere.tally(found)
    click.echo(to_json(_one_json(found, tally)) if options.as_json else "\n".join(_one_lines(found, tally)))
    _tell_of(tally.timeless)
    return _counts(_days(tally))


async def _of_all(options: StatsOptions, settings: Settings) -> Days:
    totals = await _totals(settings)
    days = recent(totals.per_day(), datetime.now(UTC))
    if options.as_json:
        click.echo(to_json(totals.as_json()))
    else:
        _print_totals(totals, days)
    _tell_of(totals.timeless)
    return days


def _tell_of(timeless: int) -> None:
    """Say that there is something on no day, and how to find it."""
    if timeless:
        have, whose = ("has", "its conversation") if timeless == 1 else ("have", "their conversations")
        tell(f"{plural(timeless, 'message')} {have} a time that is none; palaver db verify names {whose}")


async def _totals(settings: Settings) -> Totals:
    if not await is_there(settings.store):
        return Totals()
    async with reading(settings) as sessions:
        totals, there = Totals(), await sessions.catalogue.count(Wanted()) or 0
        with ProgressLine(lambda: f"Counting: {totals.whole.sessions:,} of {plural(there, 'conversation')}"):
            await totals.count(sessions)
        return totals


def _print_totals(totals: Totals, days: Days) -> None:
    whole = totals.whole
    facts = {
        "Conversations": f"{whole.sessions:,}",
        "Messages": f"{whole.messages:,}",
        "User Messages": f"{totals.roles['user']:,}",
        "Assistant Messages": f"{totals.roles['assistant']:,}",
        STORED: f"{totals.stored:,}",
        **_token_facts(whole),
    }
    for name, value in facts.items():
        click.echo(_fact(name, value))
    if not whole.sessions:
        return
    _print_sums("PROVIDER", totals.providers)
    _print_sums("PERSON", totals.people)
    click.echo(f"\nMessages per day, the last {DAYS} days in UTC")
    click.echo("\n".join(in_characters(days)))


def _print_sums(heading: str, sums: dict[str, Sum]) -> None:
    shown = list(largest(sums))
    columns = (
        Column(heading, 24),
        Column("SESSIONS", 8, number=True),
        Column("MESSAGES", 9, number=True),
        Column("INPUT", 12, number=True),
        Column("OUTPUT", 12, number=True),
        Column("CACHED", 12, number=True),
        Column("TOTAL", 12, number=True),
    )
    click.echo()
    print_table(columns, [_sum_row(name, sum_) for name, sum_ in shown[:PEOPLE]])
    if len(shown) > PEOPLE:
        tell(f"{len(shown) - PEOPLE:,} more; --json gives every one")


def _sum_row(name: str, sum_: Sum) -> tuple[str, ...]:
    numbers = (sum_.sessions, sum_.messages, *sum_.usage, total(sum_.usage))
    return (one_line(name, limit=40), *(f"{number:,}" for number in numbers))


def _token_facts(sum_: Sum) -> dict[str, str]:
    usage = sum_.usage
    return {
        "Input Tokens": f"{usage.input_tokens:,}",
        "Output Tokens": f"{usage.output_tokens:,}",
        "Cached Tokens": f"{usage.cached_tokens:,}",
        "Total Tokens": f"{total(usage):,}",
    }


def _one_json(found: Listed, tally: Tally) -> dict[str, JsonValue]:
    session, first, last = found.session, tally.first_ms, tally.last_ms
    by_day = [day_json(day, roles) for day, roles in _days(tally).items()]
    return {
        "id": session.id,
        "messages": tally.roles.total(),
        "stored_messages": tally.stored,
        "by_role": dict(tally.roles),
        "token_usage": usage_json(session.usage),
        "mean_response_seconds": round(tally.waited_ms / tally.replies / 1000, 3) if tally.replies else None,
        "duration_seconds": None if first is None or last is None else round((last - first) / 1000, 3),
        "first_message": None if first is None else second(moment(first)),
        "last_message": None if last is None else second(moment(last)),
        "by_day": [*by_day],
    }


def _one_lines(found: Listed, tally: Tally) -> Iterator[str]:
    roles, first, last = tally.roles, tally.first_ms, tally.last_ms
    yield f"Session Statistics for {found.session.id}"
    yield _fact("Total Messages", f"{roles.total():,}")
    for role in ("user", "assistant", "system", "tool"):
        if roles[role] or role in ("user", "assistant"):
            yield _fact(f"{role.title()} Messages", f"{roles[role]:,}")
    yield _fact(STORED, f"{tally.stored:,}")
    whole = Sum()
    whole.add(found)
    yield from (_fact(name, value) for name, value in _token_facts(whole).items())
    yield _fact("Average Response Time", length(tally.waited_ms // tally.replies) if tally.replies else "-")
    yield _fact("Duration", "-" if first is None or last is None else length(last - first))
    yield _fact("First Message", "-" if first is None else second(moment(first)))
    yield _fact("Last Message", "-" if last is None else second(moment(last)))
    if days := _counts(_days(tally)):
        yield ""
        yield "Messages per day in UTC"
        yield from in_characters(days)


def _days(tally: Tally) -> dict[date, Counter[str]]:
    """Give the newest days on which something was said."""
    days: dict[date, Counter[str]] = {}
    for (number, role), count in sorted(tally.days.items()):
        days.setdefault(day_of(number), Counter())[role] += count
    return dict(list(days.items())[-DAYS:])


def _counts(days: Mapping[date, Counter[str]]) -> dict[date, int]:
    return {day: roles.total() for day, roles in days.items()}


def _fact(name: str, value: str) -> str:
    return f"{f'{name}:':<{LABEL}}{value}"
