"""palaver keys new and retire: how a key comes in, and how it goes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
from itertools import count
from pathlib import Path

import click

from bot.operator.key_holder import holding, source_of
from bot.operator.key_operations import ADD, FILE, PASSPHRASE, RETIRE
from bot.operator.printed_json import print_json
from bot.shell import tell
from bot.startup import ExitCode
from config.settings import Settings
from sessions.cipher import KEY_SIZE
from sessions.errors import SessionError
from sessions.keys import write_secret
from sessions.message import JsonValue

WORD, WORDS = 4, 8  # characters and groups of a phrase that is made here: 160 bits


def make_key(settings: Settings, *, key_file: Path | None, passphrase_file: Path | None, as_json: bool) -> int:
    """Make a key, let it in, and say what to set."""
    source = FILE if passphrase_file is None else PASSPHRASE
    path = (passphrase_file or key_file or _free(settings.home)).absolute()
    kid = asyncio.run(_add(settings, source, path))
    wanted = _settings(settings, source, path)
    if as_json:
        print_json({"key": kid, "path": str(path), "settings": wanted})
        return ExitCode.DONE
    click.echo(f"Key {kid} is in {path}. It opens nothing yet: the bot goes on with the old one.")
    click.echo("Keep a copy of it in another place than the database.")
    click.echo("Then put into the settings file, above the first [section]:\n")
    for name, value in wanted.items():
        click.echo(f"  {name} = {json.dumps(value, ensure_ascii=False)}")
    if settings.key is not None:
        click.echo(
            "\nThe old key stands in the settings (PALAVER_KEY or key). Write it into a file that is yours alone, name "
            "that file in old_key_files, and take it out there."
        )
    click.echo("\nand run: palaver keys rotate")
    return ExitCode.DONE


def retire(settings: Settings, which: str) -> int:
    """Let a key go that wraps nothing any more."""
    kid = asyncio.run(_retire(settings, which))
    click.echo(f"Key {kid} is retired: it opens nothing any more but copies of the store from before.")
    click.echo("Take its file out of old_key_files, and keep it as long as you keep such copies.")
    return ExitCode.DONE


async def _add(settings: Settings, source: str, path: Path) -> str:
    async with holding(settings) as holder:
        made = _made(source, path)
        try:
            return str((await holder.do(ADD, source=source, path=str(path)))["key"])
        except SessionError:
            if made:
                tell(f"{path} was made and is not in use; go on with it by naming it again, or remove it.")
            raise


async def _retire(settings: Settings, which: str) -> str:
    async with holding(settings) as holder:
        return str((await holder.do(RETIRE, key=which))["key"])


def _made(source: str, path: Path) -> bool:
    """Make the file if there is none; one that is there is used as it is."""
    if os.path.lexists(path):
        return False
    if source == FILE:
        write_secret(path, base64.b64encode(secrets.token_bytes(KEY_SIZE)))
    else:
        text = base64.b32encode(secrets.token_bytes(WORD * WORDS * 5 // 8)).decode().lower()
        write_secret(path, "-".join(text[n : n + WORD] for n in range(0, len(text), WORD)).encode())
    return True


def _free(home: Path) -> Path:
    """Give a name that nothing has."""
    return next(path for number in count(2) if not os.path.lexists(path := home / f"palaver-{number}.key"))


def _settings(settings: Settings, source: str, path: Path) -> dict[str, JsonValue]:
    """Say what must be set so that the new key is used and the old one still opens."""
    wanted: dict[str, JsonValue] = {"key_file" if source == FILE else "key_passphrase_file": str(path)}
    old = {FILE: list(map(str, settings.old_key_files)), PASSPHRASE: list(map(str, settings.old_key_passphrase_files))}
    present = source_of(settings)
    if present is not None:
        old[present[0]].insert(0, present[1])
    names = {FILE: "old_key_files", PASSPHRASE: "old_key_passphrase_files"}
    wanted.update({names[kind]: [*paths] for kind, paths in old.items() if paths})
    return wanted
