"""New file: what is written for an operator is theirs alone, and there is all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bot.operator.own_files import keep_off
from config.settings import Settings
from sessions.errors import InvalidValue
from sessions.sqlite.backup import partial_file, put_file


def refuse_taken(settings: Settings, target: Path, *, force: bool) -> None:
    """Raise `InvalidValue` if there is something that must not be replaced; what Palaver lives on never is."""
    keep_off(settings, target)
    if target.is_dir():
        raise InvalidValue(f"{target} is there already; choose another name")
    if not force and os.path.lexists(target):
        raise InvalidValue(f"{target} is there already; choose another name, or replace it with --force")


@contextmanager
def new_file(target: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes its name (mode 0600) when the block ends without an error.

    Raises `InvalidValue` if another file has the name by then and is not to be replaced.
    """
    with partial_file(target.parent) as partial:
        with partial.open("wb") as file:
            yield file
        put_file(partial, target, replace=force)
