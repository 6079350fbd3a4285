"""palaver health: asks the bot that runs whether it can do its work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bot.control import SOCKET, NoAnswer, ask
from bot.operator.printed_json import print_json
from bot.readiness import READY
from bot.shell import complain, settings_for, tell
from bot.startup import ExitCode
from config.errors import SettingsError

PATIENCE = 5.0  # seconds


def tell_health(*, home: Path | None, config_file: Path | None, as_json: bool) -> int:
    """Print each part with `ok` or a word; the exit code is 0 where all is well, else 1."""
    try:
        settings = settings_for(home=home, config_file=config_file)
        answer = asyncio.run(ask(settings.home / SOCKET, {"do": READY}, PATIENCE))
    except SettingsError as error:
        return complain(error)
    except NoAnswer as error:
        tell(str(error))
        return ExitCode.UNMET
    parts = None if answer is None else answer.get("parts")
    if answer is None or not isinstance(parts, dict):
        tell("no bot runs here" if answer is None else str(answer.get("error", "the bot gave no answer")))
        return ExitCode.UNMET
    if as_json:
        print_json({"ready": answer["ready"], "parts": parts})
    else:
        for name, word in parts.items():
            click.echo(f"{name}: {word}")
    return ExitCode.DONE if answer.get("ready") is True else ExitCode.UNMET
