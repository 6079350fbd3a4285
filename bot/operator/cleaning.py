"""Cleaning: asking before conversations are erased that are past their time, and telling how many were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from pathlib import Path

from bot.commands.markup import plural
from bot.operation_table import OPERATIONS
from bot.operations import reading
from bot.operator.confirming import confirmed
from bot.operator.deletion import CLEAN
from bot.operator.errand import run
from bot.operator.progress_line import ProgressLine
from bot.operator.receipts import NOTHING, counted, receipt_in, tell_result, together
from bot.operator.when import parse_age
from bot.retention import Retention
from bot.startup import ExitCode
from bot.stores import is_there
from config.settings import Settings
from sessions.erasure import Receipt
from sessions.manager import AT_ONCE
from sessions.message import JsonValue
from sessions.scope import Scope

_FOR_EVER = (
    "Sessions are kept for ever{why}, so nothing was deleted. "
    "Name an age to delete what is older: palaver sessions clean --older-than 30d"
)
_WIDTH = max(len(scope.value) for scope in Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What was asked for on the command line."""

    older_than: str | None = None
    keep_checkpoints: bool = True
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What is past one age: of one scope, or of all."""

    age: timedelta
    idents: Sequence[str] = ()
    receipt: Receipt = NOTHING
    scope: Scope | None = None


def run_clean(wanted: Cleaning, *, home: Path | None, config_file: Path | None) -> int:
    """Erase what is past its time, after asking."""

    async def errand(settings: Settings) -> int:
        age = _age(wanted.older_than, settings)
        if age is not None and not age:
            why = ": sessions.retention_days is 0" if wanted.older_than is None else ""
            tell_result({"sessions": 0}, _FOR_EVER.format(why=why), as_json=wanted.as_json)
            return ExitCode.DONE
        past = await _past(settings, age, wanted)
        found = reduce(together, (one.receipt for one in past), NOTHING)
        if wanted.dry_run and found.sessions:
            about, words = _would(past, found, age)
            tell_result(about, words, as_json=wanted.as_json)
            return ExitCode.DONE
        if not found.sessions:
            words = f"No session is {_old(age, 1)}; there is nothing to clean."
            tell_result({"sessions": 0}, words, as_json=wanted.as_json)
            return ExitCode.DONE
        if not confirmed(f"This erases {counted(found)} {_old(age, found.sessions)} for good", yes=wanted.yes):
            return ExitCode.UNMET
        erased = await _clean(settings, past, keep_checkpoints=wanted.keep_checkpoints)
        words = f"Deleted {plural(erased, 'session')} {_old(age, erased)}."
        tell_result({"sessions": erased}, words, as_json=wanted.as_json)
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


def _age(text: str | None, settings: Settings) -> timedelta | None:
    """Give the age that holds for all scopes; None where each has its own."""
    if text is not None:
        return parse_age(text)
    days = Retention.of(settings.sessions).one
    return None if days is None else timedelta(days=days)


async def _past(settings: Settings, age: timedelta | None, wanted: Cleaning) -> list[_Past]:
    if not await is_there(settings.store):
        return []
    with ProgressLine(lambda: "Looking through all conversations"):
        async with reading(settings) as sessions:
            if age is not None:
                idents, receipt = await sessions.cleanup_preview(
                    older_than=age, keep_checkpoints=wanted.keep_checkpoints
                )
                return [_Past(age=age, idents=idents, receipt=receipt)]
            retention = Retention.of(settings.sessions)
            found = await retention.past(sessions, keep_checkpoints=wanted.keep_checkpoints)
            return [
                _Past(
                    scope=scope,
                    age=timedelta(days=days),
                    idents=found.get(scope, ()),
                    receipt=await sessions.erasure_preview(found.get(scope, ())),
                )
                for scope, days in retention.days.items()
            ]


async def _clean(settings: Settings, past: Sequence[_Past], *, keep_checkpoints: bool) -> int:
    """Erase what is past its time a few at a time; it may be broken off and begun again."""
    looked_at = erased = 0
    whole = sum(len(one.idents) for one in past)
    with ProgressLine(lambda: f"{looked_at:,} of {whole:,} sessions looked at, {erased:,} deleted"):
        for one in past:
            for start in range(0, len(one.idents), AT_ONCE):
                among: list[JsonValue] = [*one.idents[start : start + AT_ONCE]]
                seconds = int(one.age.total_seconds())
                answer = await OPERATIONS.carry_out(
                    settings, CLEAN, seconds=seconds, keep=keep_checkpoints, among=among
                )
                erased += receipt_in(answer).sessions
                looked_at += len(among)
    return erased


def _would(past: Sequence[_Past], found: Receipt, age: timedelta | None) -> tuple[dict[str, JsonValue], str]:
    """Say what a run would erase, of each scope where they differ."""
    about: dict[str, JsonValue] = {"sessions": found.sessions, "messages": found.messages}
    words = f"Would delete {counted(found)} {_old(age, found.sessions)}"
    if age is not None:
        return about, f"{words}."
    scopes: list[JsonValue] = [
        {
            "scope": None if one.scope is None else one.scope.value,
            "days": one.age.days or None,
            "sessions": one.receipt.sessions,
            "messages": one.receipt.messages,
        }
        for one in past
    ]
    return {**about, "scopes": scopes}, "\n".join((f"{words}:", *map(_line, past)))


def _line(one: _Past) -> str:
    said = f"{counted(one.receipt)} older than {_spoken(one.age)}" if one.age else "kept for ever"
    return f"  {one.scope.value if one.scope else '':<{_WIDTH}}  {said}"


def _old(age: timedelta | None, count: int) -> str:
    if age is not None:
        return f"older than {_spoken(age)}"
    return f"past the time of {'its' if count == 1 else 'their'} scope"


def _spoken(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    for size, noun in ((24 * 60, "day"), (60, "hour")):
        if minutes % size == 0:
            return plural(minutes // size, noun)
    return plural(minutes, "minute")
