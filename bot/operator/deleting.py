"""Deleting: asking before conversations are erased, and telling how many were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.operation_table import OPERATIONS
from bot.operations import reading
from bot.operator.confirming import confirmed
from bot.operator.deletion import ERASE, Doomed, Found, find_doomed, parse_status
from bot.operator.errand import run
from bot.operator.progress_line import ProgressLine
from bot.operator.receipts import NOTHING, counted, receipt_in, tell_result, together
from bot.operator.when import parse_age, parse_moment, zone_of
from bot.startup import ExitCode
from bot.stores import is_there
from config.readers import check_person
from config.settings import Settings
from sessions.erasure import Receipt
from sessions.errors import InvalidValue
from sessions.manager import AT_ONCE
from sessions.message import JsonValue


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


def run_delete(wanted: Deletion, *, home: Path | None, config_file: Path | None) -> int:
    """Erase conversations after asking."""

    async def errand(settings: Settings) -> int:
        doomed = _doomed(wanted, settings)
        found, receipt = await _found(settings, doomed)
        stays = f"{_staying(found.staying)}; --shared takes {'it' if found.staying == 1 else 'them'} too"
        after = f" {stays}." if found.staying else ""
        if not found.idents:
            words = f"No session fits; nothing was deleted.{after}"
            tell_result({"sessions": 0, "messages": 0}, words, as_json=wanted.as_json)
            return ExitCode.DONE
        among = f", {found.shared} of them shared with others," if found.shared else ""
        what = f"This erases {counted(receipt)}{among} for good"
        if not confirmed(f"{what}; {stays}" if found.staying else what, yes=wanted.yes):
            return ExitCode.UNMET
        erased = await _erase(settings, doomed, found.idents)
        about = {"sessions": erased.sessions, "messages": erased.messages}
        tell_result(about, f"Deleted {counted(erased)}.{after}", as_json=wanted.as_json)
        return ExitCode.DONE

    return run(errand, home=home, config_file=config_file)


async def _found(settings: Settings, doomed: Doomed) -> tuple[Found, Receipt]:
    if not doomed.named and not await is_there(settings.store):
        return Found(), NOTHING
    async with reading(settings) as sessions:
        found = await find_doomed(sessions, doomed)
        return found, await sessions.erasure_preview(found.idents)


async def _erase(settings: Settings, doomed: Doomed, idents: Sequence[str]) -> Receipt:
    """Erase what is named at once, and what fits a few at a time: it may be broken off and begun again."""
    if doomed.named:
        return receipt_in(await OPERATIONS.carry_out(settings, ERASE, **Doomed(named=tuple(idents)).encode()))
    done = NOTHING
    with ProgressLine(lambda: f"{done.sessions:,} of {len(idents):,} sessions deleted"):
        for start in range(0, len(idents), AT_ONCE):
            among: list[JsonValue] = [*idents[start : start + AT_ONCE]]
            more = receipt_in(await OPERATIONS.carry_out(settings, ERASE, among=among, **doomed.encode()))
            done = together(done, more)
    return done


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


def _staying(count: int) -> str:
    return f"{count:,} more that others share {'stays' if count == 1 else 'stay'}"
