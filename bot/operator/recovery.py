"""palaver keys recovery: the master key on paper, and back from there."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path

import click

from bot.audit_notes import RECOVERED
from bot.operation_table import OPERATIONS
from bot.operations import looked_at
from bot.operator.key_holder import foundation_of
from bot.operator.paper import LINES, from_paper, to_paper
from bot.shell import tell
from bot.startup import ExitCode, key_provider, old_key_providers
from config.settings import Settings
from sessions.audit import AuditKind
from sessions.errors import NotFound
from sessions.keys import write_secret
from sessions.master_key import MasterKey, find_raw, primary_row

MOST_TYPED = 64 * 1024  # characters
WARNING = (
    "This writes the master key on the screen. Whoever reads it and has the database, or a copy of it, can read every "
    "conversation. Do it where nobody looks on, write it on paper, and clear the screen afterwards."
)


def show_key(settings: Settings, *, yes: bool) -> int:
    """Print the key that is in use, after a warning."""
    if not yes:
        tell(WARNING)
        if not click.confirm("Show it", err=True):
            return ExitCode.UNMET
    kid, lines = asyncio.run(_key(settings))
    click.echo(f"# Palaver, master key {kid}")
    click.echo("\n".join(lines))
    tell("To have a key file of it again: palaver keys recovery --restore")
    return ExitCode.DONE


def restore_key(settings: Settings, *, key_file: Path | None) -> int:
    """Write a key file from what is typed."""
    path = (key_file or settings.home / "palaver-recovered.key").absolute()
    key = from_paper(_typed())
    write_secret(path, base64.b64encode(key))
    click.echo(f"The key is in {path}, readable by you alone.")
    click.echo(asyncio.run(_what_it_opens(settings, key)))
    return ExitCode.DONE


async def _key(settings: Settings) -> tuple[str, list[str]]:
    foundation = await foundation_of(settings)
    key = find_raw(foundation, [key_provider(settings), *old_key_providers(settings)])
    kid = primary_row(foundation).kid.hex()
    await looked_at(OPERATIONS, settings, AuditKind.KEY, done=RECOVERED, key=kid)
    return kid, to_paper(key)


async def _what_it_opens(settings: Settings, key: bytes) -> str:
    try:
        foundation = await foundation_of(settings)
    except NotFound:
        return "There is no store here to try it on. To use it, set key_file to it."
    master = MasterKey(key, foundation.salt)
    row = next((row for row in foundation.keyring if row.kid == master.kid), None)
    if row is None:
        return f"It is key {master.kid.hex()}, which this store does not know: it is of another store or retired."
    return f"It is key {row.kid.hex()} ({row.state}) of this store. To use it, set key_file to it."


def _typed() -> str:
    """Read what is typed or piped in; at a terminal the last line ends it."""
    if not sys.stdin.isatty():
        return sys.stdin.read(MOST_TYPED)
    tell(f"Type the {LINES} lines of the key:")
    lines: list[str] = []
    while len([line for line in lines if line.strip() and not line.startswith("#")]) < LINES:
        line = sys.stdin.readline()
        if not line:
            break
        lines.append(line)
    return "".join(lines)
