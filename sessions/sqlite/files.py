"""The files of an embedded store: permissions, and the lock that makes this process its only owner."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from sessions.errors import StoreHeld, StoreReadOnly

_PID_WIDTH = 20


class OwnerLock:
    """An advisory lock on `<database>.lock`, which names the process that holds it.

    The file is never removed: unlinking a lock file lets two processes hold "the" lock.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._handle: int | None = None

    def take(self) -> None:
        """Become the owner, or raise `StoreHeld` with the owner's process id."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreReadOnly(f"{self.path} can not be written ({error.strerror}); check the folder") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = _read_pid(handle)
            os.close(handle)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise StoreHeld(str(self.path.with_suffix("")), pid) from None
            raise
        self._handle = handle
        with contextlib.suppress(OSError):  # a full disk must not keep anybody from reading
            os.pwrite(handle, f"{os.getpid():<{_PID_WIDTH}}\n".encode(), 0)  # of one width: needs no truncating

    def release(self) -> None:
        """Let the next process in."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _read_pid(handle: int) -> int | None:
    text = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None


def is_there(database: Path) -> bool:
    """Tell whether there is such a file. Raises `StoreReadOnly` where one may not even look."""
    try:
        return database.is_file()
    except OSError as error:
        raise _unusable(database, error) from None


def prepare(database: Path) -> bool:
    """Make the folder (0700) and an empty file (0600) if they are missing; tell whether there was a store.

    The file is only ever created here, never opened and closed beside SQLite: closing any descriptor of it
    would drop SQLite's own locks.
    """
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            info = database.stat()
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # another process was quicker; the lock decides
                os.close(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            return False
        if not database.is_file():
            raise StoreReadOnly(f"{database} is not a file")
    except OSError as error:
        raise _unusable(database, error) from None
    return info.st_size > 0


def tighten(database: Path) -> None:
    """Take everybody else's permissions on the file away; called once it is known to be ours."""
    try:
        if database.stat().st_mode & 0o077:
            database.chmod(0o600)
    except OSError as error:
        raise _unusable(database, error) from None


def _unusable(database: Path, error: OSError) -> StoreReadOnly:
    return StoreReadOnly(f"{database} can not be used ({error.strerror}); check the folder and its owner")
