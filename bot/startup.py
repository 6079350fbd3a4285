"""Startup: from settings to an open store and its key, and what to tell the shell when that fails."""

from __future__ import annotations

import os
import secrets
import stat
import time
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bot.operation_failed import OperationFailed
from config.errors import SettingsError
from sessions.errors import (
    Ambiguous,
    InvalidValue,
    KeyRefused,
    NotFound,
    SessionError,
    StoreHeld,
    StoreTooNew,
    WrongKey,
)
from sessions.keys import KeyFile, KeyProvider, Passphrase, RawKey

if TYPE_CHECKING:
    from bot.watch import Watch
    from config.settings import Settings
    from sessions.manager import SessionManager
    from sessions.parts import Clock
    from sessions.summaries import Summarizer

MAX_PASSPHRASE = 4096  # bytes
_SAME_KEY = (
    "several workers need one key, so none of them makes one: copy the key file to each, or set PALAVER_KEY for all, "
    "made with `openssl rand -base64 32`"
)


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    UNMET = 1  # not found, or not valid
    USAGE = 2
    SESSION = 4
    HELD = 75  # EX_TEMPFAIL: another process has the store
    CONFIGURATION = 78  # EX_CONFIG: settings or key


def exit_code(error: SettingsError | SessionError) -> ExitCode:
    """Give the code for an error that ends the program."""
    match error:
        case StoreHeld():
            return ExitCode.HELD
        case OperationFailed(code=code) if code in list(ExitCode):
            return ExitCode(code)
        case SettingsError() | KeyRefused() | WrongKey() | StoreTooNew():
            return ExitCode.CONFIGURATION
        case NotFound() | Ambiguous() | InvalidValue():
            return ExitCode.UNMET
        case _:
            return ExitCode.SESSION


def key_provider(settings: Settings, *, alone: bool = True) -> KeyProvider:
    """Give the source of the master key.

    A key file is made only where nobody named one: one that was named and is missing is a mistake. Of several workers
    none makes one (`alone` False): it would be another for each of them.
    """
    if settings.key is not None:
        return RawKey.from_base64(settings.key.get_secret_value())
    if settings.key_passphrase_file is not None:
        return passphrase_in(settings.key_passphrase_file)
    if settings.key_file is None:
        raise SettingsError(["key_file: not set, and neither is key nor key_passphrase_file; set one of them"])
    unnamed = settings.origin_of("key_file") == "default"
    if unnamed and not alone and not settings.key_file.exists():
        raise SettingsError([f"key: not set, and {settings.key_file} is not there; {_SAME_KEY}"])
    return KeyFile(settings.key_file, create=unnamed)


def old_key_providers(settings: Settings) -> list[KeyProvider]:
    """Give the sources of keys that were in use before; one that is not there any more is passed over."""
    files: list[KeyProvider] = [KeyFile(path) for path in settings.old_key_files]
    phrases = [path for path in settings.old_key_passphrase_files if path.exists()]
    return files + [passphrase_in(path) for path in phrases]


def open_sessions(
    settings: Settings,
    key: KeyProvider | None,
    *,
    summarizer: Summarizer | None = None,
    clock: Clock = time.time,
    read_only: bool = False,
    watch: Watch | None = None,
) -> SessionManager:
    """Describe the manager that the settings ask for; without a key it is in memory only."""
    from bot.stores import store_of
    from sessions.manager import SessionManager

    store = None if key is None else store_of(settings.store, read_only=read_only)
    return SessionManager.open(
        store=store if store is None or watch is None else watch.over(store),
        encryption_key=secrets.token_bytes(32) if key is None else [key, *old_key_providers(settings)],
        scope=settings.sessions.scope,
        daily_reset=settings.sessions.daily_reset,
        timezone=settings.sessions.timezone,
        idle_reset_minutes=settings.sessions.idle_reset_minutes,
        default_tags=settings.sessions.default_tags,
        backend=settings.model.backend,
        summarizer=summarizer,
        clock=clock,
        read_only=read_only,
    )


def key_note(key: KeyProvider | None, kid: str) -> str | None:
    """Say, on the start that made the key file, where it is and what it is worth."""
    if not isinstance(key, KeyFile) or not key.created:
        return None
    return (
        f"A new key was made: {key.path} (key {kid[:8]}). Without it nobody can read your conversations, "
        "not you either: keep a copy of it in another place than the database."
    )


def passphrase_in(path: Path) -> Passphrase:
    """Give the key of a passphrase in a file. Raises `KeyRefused`."""
    return Passphrase(_read_passphrase(path))


def _read_passphrase(path: Path) -> str:
    """Read a passphrase from a file that is the owner's alone; the line feed at its end does not count."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise KeyRefused(f"the passphrase file {path} can not be read ({error.strerror})") from None
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        os.close(handle)
        raise KeyRefused(f"the passphrase file {path} is not a regular file")
    with os.fdopen(handle, "rb") as file:
        if info.st_mode & 0o077:
            mode = stat.S_IMODE(info.st_mode)
            raise KeyRefused(f"the passphrase file {path} is open to others (mode {mode:04o}); run: chmod 600 {path}")
        data = file.read(MAX_PASSPHRASE + 1)
    if len(data) > MAX_PASSPHRASE:
        raise KeyRefused(f"the passphrase file {path} is longer than {MAX_PASSPHRASE} bytes")
    try:
        return data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise KeyRefused(f"the passphrase file {path} must be UTF-8 text") from None
