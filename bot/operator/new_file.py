"""New file: what is exported is its owner's alone, and there is all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sessions.errors import InvalidValue
from sessions.sqlite.backup import partial_file


def refuse_existing(target: Path, *, force: bool) -> None:
    """Raise `InvalidValue` if there is something that must not be replaced."""
    if target.is_dir() or (not force and os.path.lexists(target)):
        hint = "choose another name" if target.is_dir() else "choose another name, or replace it with --force"
        raise InvalidValue(f"{target} is there already; {hint}")


@contextmanager
def new_file(target: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes its name (mode 0600) when the block ends without an error."""
    refuse_existing(target, force=force)
    with partial_file(target.parent) as partial:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            partial.replace(target)
            return
        try:
            os.link(partial, target)  # unlike a renaming it never replaces what came meanwhile
        except FileExistsError:
            refuse_existing(target, force=force)
        except OSError:  # some file systems know no links
            refuse_existing(target, force=force)
            partial.replace(target)
