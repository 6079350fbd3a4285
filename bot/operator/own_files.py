"""Own files: what Palaver itself lives on, and no output may take the place of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bot.control import SOCKET
from config.settings import Settings
from sessions.errors import InvalidValue

_BESIDE = ("", "-wal", "-shm", "-journal", ".lock")  # the store, and what SQLite and the lock put beside it
_IN_HOME = (SOCKET, "palaver.toml", "backups.json")


def keep_off(settings: Settings, target: Path) -> None:
    """Refuse to write over the store, a key, or the like, whatever else was said. Raises `InvalidValue`."""
    for own in _own(settings):
        if _is_same(own, target):
            raise InvalidValue(f"{target} is a file that Palaver itself needs; choose another name")


def _own(settings: Settings) -> Iterator[Path]:
    store = settings.store.file
    if store is not None:
        yield from (store.with_name(store.name + end) for end in _BESIDE)
    yield from (settings.home / name for name in _IN_HOME)
    named = (settings.key_file, settings.key_passphrase_file)
    yield from (key for key in named if key is not None)
    yield from (*settings.old_key_files, *settings.old_key_passphrase_files)


def _is_same(own: Path, target: Path) -> bool:
    with suppress(OSError):
        if own.exists() and target.exists() and own.samefile(target):
            return True
    return own.absolute().parent.resolve() / own.name == target.absolute().parent.resolve() / target.name
