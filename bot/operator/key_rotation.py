"""palaver keys rotate: step by step, in the bot that runs or here, until everything is under the new key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import click

from bot.commands.markup import plural
from bot.operator.errand import INTERRUPTED
from bot.operator.key_holder import KeyHolder, foundation_of, holding
from bot.operator.key_operations import BEGIN, END, STEP
from bot.operator.printed_json import print_json
from bot.operator.progress_bar import Told, progress
from bot.shell import tell
from bot.startup import ExitCode
from config.settings import Settings

MOST_ROUNDS = 5  # over all sessions; a second one only finds what began during the first


@dataclass(slots=True)
class Moved:
    """What a rotation has done so far."""

    key: str = ""
    deep: bool = False
    waiting: int = 0
    sessions: int = 0
    left: int = 0
    failed: int = 0
    named: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # keys in the keyring beside that one


def rotate(settings: Settings, *, deep: bool, as_json: bool) -> int:
    """Rotate, and say how that went."""
    began, moved = time.monotonic(), Moved()
    try:
        asyncio.run(_rotate(settings, deep, moved))
    except KeyboardInterrupt:
        again = f"palaver keys rotate{' --deep' if moved.deep or deep else ''}"
        of = f"{moved.sessions:,} of {plural(moved.waiting, 'session')}"
        tell(f"Stopped after {of}. Everything opens as before; go on with: {again}")
        return INTERRUPTED
    if as_json:
        told = {"key": moved.key, "deep": moved.deep, "sessions": moved.sessions, "failed": moved.failed}
        print_json({**told, "left": moved.left, "named": moved.named})
    else:
        for line in _done(moved, time.monotonic() - began):
            click.echo(line)
    for line in moved.named:
        tell(line)
    if moved.left:
        needs = "needs" if moved.left == 1 else "need"
        keep = f": keep {_keys(moved.others)}" if moved.others else ""
        tell(f"{plural(moved.left, 'session')} could not be moved and {needs} an old key still{keep}.")
    elif moved.failed:
        tell(f"{plural(moved.failed, 'session')} did not open as a whole; see: palaver db verify")
    return ExitCode.SESSION if moved.left or moved.failed else ExitCode.DONE


def _done(moved: Moved, took: float) -> Iterator[str]:
    """Say what was done, and which keys may go now."""
    if moved.sessions or moved.left or moved.failed:
        anew = " and sealed anew" if moved.deep else ""
        yield f"{plural(moved.sessions, 'session')} moved to key {moved.key}{anew} in {took:.1f} s."
    else:
        yield f"Everything is under key {moved.key} already; nothing had to be moved."
    if moved.left or not moved.others:
        return
    these = _keys(moved.others).capitalize()
    if len(moved.others) == 1:
        yield f"{these} wraps nothing any more; let it go with: palaver keys retire {moved.others[0]}"
    else:
        yield f"{these} wrap nothing any more; let each go with: palaver keys retire KEY"


def _keys(kids: Sequence[str]) -> str:
    """Name keys: `key a`, `keys a, b and c`."""
    *before, last = kids
    return f"keys {', '.join(before)} and {last}" if before else f"key {last}"


async def _rotate(settings: Settings, deep: bool, moved: Moved) -> None:
    async with holding(settings) as holder:
        begun = await holder.do(BEGIN, key=await holder.adopt(), deep=deep)
        moved.key, moved.deep = str(begun["key"]), begun["deep"] is True
        moved.waiting = _number(begun["waiting"])
        with progress("Moving") as told:
            for again in range(MOST_ROUNDS):
                if await _round(holder, moved, told, first=not again) == 0:
                    break
        moved.left = _number((await holder.do(END))["left"])
    keyring = (await foundation_of(settings)).keyring
    moved.others = sorted(row.kid.hex() for row in keyring if row.kid.hex() != moved.key)


async def _round(holder: KeyHolder, moved: Moved, told: Told | None, *, first: bool) -> int:
    """Go over all sessions once; give how many were moved."""
    after, before, done = 0, moved.sessions, False
    while not done:
        step = await holder.do(STEP, after=after)
        after, count, done = _number(step["after"]), _number(step["moved"]), step["done"] is True
        moved.sessions += count
        if first:  # a second round meets the same again
            moved.failed += _number(step["failed"])
            named = step["named"]
            moved.named += map(str, named if isinstance(named, list) else [])
        if told is not None:
            told(moved.sessions + moved.failed, moved.waiting)
    return moved.sessions - before


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
