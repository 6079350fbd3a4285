"""Errand: one command of whoever runs the bot, with its errors in words and the code that belongs to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

from bot.shell import complain, settings_for, tell
from bot.startup import ExitCode
from config.errors import SettingsError
from config.settings import Settings
from sessions.errors import SessionError

INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended
Errand = Callable[[Settings], Coroutine[None, None, int]]


def run(errand: Errand, *, home: Path | None, config_file: Path | None) -> int:
    """Load the settings, do it, and give the exit code."""
    try:
        return asyncio.run(errand(settings_for(home=home, config_file=config_file)))
    except (SettingsError, SessionError) as error:
        return complain(error)
    except BrokenPipeError:
        raise  # nobody reads any more; the command line ends quietly
    except OSError as error:
        tell(f"{error.filename or 'A file'} can not be used: {error.strerror or type(error).__name__}.")
        return ExitCode.UNMET
