"""palaver doctor: looks at everything that can go wrong and says how to mend it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from bot.commands.markup import one_line, plural
from bot.operator.checks import (
    check_disk,
    check_home,
    check_leftovers,
    check_packages,
    check_python,
    check_sqlite,
)
from bot.operator.finding import Finding, Verdict, problem
from bot.operator.printed_json import print_json
from bot.operator.settings_checks import check_settings
from bot.operator.store_checks import check_bot, check_store
from bot.shell import settings_for
from bot.startup import ExitCode
from config.errors import SettingsError

_LONGEST = 1_000  # characters of one line
_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "red"}


def examine(*, home: Path | None, config_file: Path | None, as_json: bool) -> int:
    """Make all checks, print a line for each, and tell whether there is a problem."""
    findings = asyncio.run(_findings(home, config_file))
    if as_json:
        said = [{**one._asdict(), "verdict": one.verdict.value, "mend": one.mend or None} for one in findings]
        print_json(said)
    else:
        for one in findings:
            click.echo(_line(one))
        click.echo(_sum(findings))
    return ExitCode.UNMET if any(one.verdict is Verdict.PROBLEM for one in findings) else ExitCode.DONE


async def _findings(home: Path | None, config_file: Path | None) -> list[Finding]:
    try:
        settings = settings_for(home=home, config_file=config_file)
    except SettingsError as error:
        return [
            *_machine(),
            *(problem("Settings", one, "mend that setting") for one in error.problems),
        ]
    found = [*_machine(on_server=settings.store.file is None), *check_settings(settings), *check_home(settings)]
    found += [check_disk(settings), check_leftovers(settings)]
    return [*found, *await check_store(settings, datetime.now(UTC)), await check_bot(settings)]


def _machine(*, on_server: bool = False) -> list[Finding]:
    """Look at the versions of what is in use: SQLite is where the store is a file."""
    return [check_python(), *([] if on_server else [check_sqlite()]), check_packages()]


def _line(one: Finding) -> str:
    verdict = click.style(f"{one.verdict.value:<7}", fg=_COLOURS[one.verdict])
    mend = f" -> {one_line(one.mend, limit=_LONGEST)}" if one.mend else ""
    return f"{verdict}  {one.what}: {one_line(one.found, limit=_LONGEST)}{mend}"


def _sum(findings: list[Finding]) -> str:
    counts = Counter(one.verdict for one in findings)
    problems, warnings = plural(counts[Verdict.PROBLEM], "problem"), plural(counts[Verdict.WARNING], "warning")
    return f"{problems}, {warnings}, {counts[Verdict.OK]} ok."
