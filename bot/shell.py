"""Shell: settings from flags, and errors said on standard error."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot.operator.harmless import escaped
from bot.startup import ExitCode, exit_code
from config.errors import SettingsError
from config.load import load_settings
from config.settings import Settings
from sessions.errors import SessionError


def settings_for(*, home: Path | None, config_file: Path | None) -> Settings:
    """Load the settings with what the flags say."""
    return load_settings(config_file=config_file, overrides={"home": home})


def complain(error: SettingsError | SessionError) -> ExitCode:
    """Say on standard error why the program ends, and give the code to end with."""
    lines = error.problems if isinstance(error, SettingsError) else (str(error),)
    for line in lines:
        tell(line)
    return exit_code(error)


def tell(text: str) -> None:
    """Say something that is no reply; it may quote what a stranger wrote."""
    click.echo(f"palaver: {escaped(text) if sys.stderr.isatty() else text}", err=True)
