"""KnownBackups: which backups were made from here, so that a receipt can name those that still hold somebody.

A plain list beside the store: it tells where copies are, and nothing of what is in them.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sessions.sqlite.backup import partial_file

FILE = "backups.json"
MOST = 200
BEFORE = ".before-"  # stands in the names of stores that a restore has replaced


class KnownBackup(NamedTuple):
    """A file that held a copy of the store when it was made."""

    path: Path
    at: datetime


def remember(home: Path, path: Path, at: datetime) -> None:
    """Note that a backup was made, and forget those that are gone."""
    known = [one for one in _noted(home) if one.path != path and one.path.exists()]
    noted = [*known, KnownBackup(path, at)][-MOST:]
    text = json.dumps([{"path": str(one.path), "at": one.at.isoformat()} for one in noted], indent=1)
    with partial_file(home) as file:
        file.write_text(text + "\n")
        file.replace(home / FILE)


def known_backups(home: Path, store: Path) -> list[KnownBackup]:
    """List the backups that are still where they were made, and the stores that were replaced; the newest first."""
    found = {one.path: one for one in _noted(home) if one.path.is_file()}
    for path in store.parent.glob(f"{store.name}{BEFORE}*"):
        if not path.name.endswith(("-wal", "-shm", "-journal")):
            found.setdefault(path, KnownBackup(path, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
    return sorted(found.values(), key=lambda one: one.at, reverse=True)


def aside(store: Path, now: datetime) -> Path:
    """Name the file under which a store is kept that another one takes the place of."""
    name = f"{store.name}{BEFORE}{now:%Y%m%d-%H%M%S}"
    tries = [store.with_name(name), *(store.with_name(f"{name}-{number}") for number in range(2, 100))]
    return next((path for path in tries if not os.path.lexists(path)), tries[0])


def _noted(home: Path) -> list[KnownBackup]:
    try:
        said = json.loads((home / FILE).read_text())
        return [KnownBackup(Path(one["path"]), datetime.fromisoformat(one["at"])) for one in said]
    except (OSError, ValueError, KeyError, TypeError):
        return []
