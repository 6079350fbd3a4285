"""Deleting: asking before conversations are erased, and telling how many were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from bot.commands.markup import plural
from bot.control import Answer
from bot.operation_table import OPERATIONS
from bot.operations import reading
from bot.operator.confirming import confirmed
from bot.operator.deletion import CLEAN, ERASE, Doomed, Found, find_doomed, parse_status
from bot.operator.errand import run
from bot.operator.printed_json import print_json
from bot.operator.progress_line import ProgressLine
from bot.operator.when import parse_age, parse_moment, zone_of
from bot.startup import ExitCode
from bot.stores import is_there
from config.readers import check_person
from config.settings import Settings
from sessions.erasure import Receipt
from sessions.errors import InvalidValue
from sessions.manager import AT_ONCE
from sessions.message import JsonValue

_FOR_EVER = (
    "Sessions are kept for ever{why}, so nothing was deleted. "
    "Name an age to delete what is older: palaver sessions clean --older-than 30d"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What was asked for on the command line."""

    which: tuple[str, ...] = ()
    before: str | None = None
    older_than: str | None = None
    status: str | None = None
    person: str | None = None
    shared: bool = False
    everything: bool = False
    yes: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What was asked for on the command line."""

    older_than: str | None = None
    keep_checkpoints: bool = True
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


def run_delete(wanted: Deletion, *, home: Path | None, config_file: Path | None) -> int:
    """Erase conversations after asking."""

    async def errand(settings: Settings) -> int:
        doomed = _doomed(wanted, settings)
        found, counted = await _found(settings, doomed)
        stays = f"{_staying(found.staying)}; --shared takes {'it' if found.staying == 1 else 'them'} too"
        after = f" {stays}." if found.staying else ""
        if not found.idents:
            words = f"No session fits; nothing was deleted.{after}"
            _tell({"sessions": 0, "messages": 0}, words, as_json=wanted.as_json)
            return ExitCode.DONE
        among = f", {found.shared} of them shared with others," if found.shared else ""
        what = f"This erases {_counted(counted)}{among} for good"
        if not confirmed(f"{what}; {stays}" if found.staying else what, yes=wanted.yes):
            return ExitCode.UNMET
        erased = await _erase(settings, doomed, found.idents)
        about = {"sessions": erased.sessions, "messages": erased.messages}
        _tell(about, f"Deleted {_counted(erased)}.{after}", as_json=wanted.as_json)
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


def run_clean(wanted: Cleaning, *, home: Path | None, config_file: Path | None) -> int:
    """Erase what is past its time, after asking."""

    async def errand(settings: Settings) -> int:
        age = _age(wanted.older_than, settings)
        if not age:
            why = ": sessions.retention_days is 0" if wanted.older_than is None else ""
            _tell({"sessions": 0}, _FOR_EVER.format(why=why), as_json=wanted.as_json)
            return ExitCode.DONE
        idents, found = await _past(settings, age, keep_checkpoints=wanted.keep_checkpoints)
        old = f"older than {_spoken(age)}"
        if not found.sessions:
            _tell({"sessions": 0}, f"No session is {old}; there is nothing to clean.", as_json=wanted.as_json)
            return ExitCode.DONE
        if wanted.dry_run:
            about = {"sessions": found.sessions, "messages": found.messages}
            _tell(about, f"Would delete {_counted(found)} {old}.", as_json=wanted.as_json)
            return ExitCode.DONE
        if not confirmed(f"This erases {_counted(found)} {old} for good", yes=wanted.yes):
            return ExitCode.UNMET
        erased = await _clean(settings, age, idents, keep_checkpoints=wanted.keep_checkpoints)
        _tell({"sessions": erased}, f"Deleted {plural(erased, 'session')} {old}.", as_json=wanted.as_json)
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


async def _found(settings: Settings, doomed: Doomed) -> tuple[Found, Receipt]:
    if not doomed.named and not await is_there(settings.store):
        return Found(), Receipt(sessions=0, messages=0)
    async with reading(settings) as sessions:
        found = await find_doomed(sessions, doomed)
        return found, await sessions.erasure_preview(found.idents)


async def _erase(settings: Settings, doomed: Doomed, idents: Sequence[str]) -> Receipt:
    """Erase what is named at once, and what fits a few at a time: it may be broken off and begun again."""
    if doomed.named:
        return _receipt(await OPERATIONS.carry_out(settings, ERASE, **Doomed(named=tuple(idents)).encode()))
    done = Receipt(sessions=0, messages=0)
    with ProgressLine(lambda: f"{done.sessions:,} of {len(idents):,} sessions deleted"):
        for start in range(0, len(idents), AT_ONCE):
            among: list[JsonValue] = [*idents[start : start + AT_ONCE]]
            more = _receipt(await OPERATIONS.carry_out(settings, ERASE, among=among, **doomed.encode()))
            done = Receipt(sessions=done.sessions + more.sessions, messages=done.messages + more.messages)
    return done


async def _clean(settings: Settings, age: timedelta, idents: Sequence[str], *, keep_checkpoints: bool) -> int:
    """Erase what is past its time a few at a time; it may be broken off and begun again."""
    looked_at = erased = 0
    with ProgressLine(lambda: f"{looked_at:,} of {len(idents):,} sessions looked at, {erased:,} deleted"):
        for start in range(0, len(idents), AT_ONCE):
            among: list[JsonValue] = [*idents[start : start + AT_ONCE]]
            answer = await OPERATIONS.carry_out(
                settings, CLEAN, seconds=int(age.total_seconds()), keep=keep_checkpoints, among=among
            )
            erased += _receipt(answer).sessions
            looked_at += len(among)
    return erased


async def _past(settings: Settings, age: timedelta, *, keep_checkpoints: bool) -> tuple[list[str], Receipt]:
    if not await is_there(settings.store):
        return [], Receipt(sessions=0, messages=0)
    with ProgressLine(lambda: "Looking through all conversations"):
        async with reading(settings) as sessions:
            return await sessions.cleanup_preview(older_than=age, keep_checkpoints=keep_checkpoints)


def _doomed(wanted: Deletion, settings: Settings) -> Doomed:
    """Read what is to be erased. Raises `InvalidValue` for whatever is not clear."""
    ends = []
    if wanted.before is not None:
        ends.append(parse_moment(wanted.before, zone_of(settings)))
    if wanted.older_than is not None:
        age = parse_age(wanted.older_than)
        if not age:
            raise InvalidValue("an age of 0 would be everything; say --all if that is meant")
        ends.append(datetime.now(UTC) - age)
    return Doomed(
        named=wanted.which,
        everything=wanted.everything,
        status=None if wanted.status is None else parse_status(wanted.status),
        person=None if wanted.person is None else _person(wanted.person),
        until=min(ends, default=None),
        shared=wanted.shared,
    )


def _person(text: str) -> str:
    try:
        return check_person(text)
    except ValueError:
        raise InvalidValue(
            f"{text!r} is no person; write platform:id, like telegram:42 (platforms: console, telegram, discord)"
        ) from None


def _age(text: str | None, settings: Settings) -> timedelta:
    return timedelta(days=settings.sessions.retention_days) if text is None else parse_age(text)


def _spoken(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    for size, noun in ((24 * 60, "day"), (60, "hour")):
        if minutes % size == 0:
            return plural(minutes // size, noun)
    return plural(minutes, "minute")


def _staying(count: int) -> str:
    return f"{count:,} more that others share {'stays' if count == 1 else 'stay'}"


def _counted(receipt: Receipt) -> str:
    return f"{plural(receipt.sessions, 'session')} with {plural(receipt.messages, 'message')}"


def _receipt(answer: Answer) -> Receipt:
    sessions, messages = answer.get("sessions"), answer.get("messages")
    return Receipt(
        sessions=sessions if isinstance(sessions, int) else 0, messages=messages if isinstance(messages, int) else 0
    )


def _tell(about: Answer, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(about)
    else:
        click.echo(words)
