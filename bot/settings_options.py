"""The options that say which settings hold; every command has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def settings_options(command: F) -> F:
    """Add the options that say which settings hold."""
    command = click.option("--config", type=click.Path(path_type=Path), help="The settings file to use.")(command)
    return click.option("--home", type=click.Path(path_type=Path), help="The folder of database, key and exports.")(
        command
    )
