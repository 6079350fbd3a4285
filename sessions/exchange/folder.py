"""FolderPlace: a folder that is brought to the other machine by whatever means, or a stick.

Files are opened below the folder step by step and never through a link: whoever else writes there must not lead us
elsewhere. A bundle is written beside its place and renamed when all of it is on the disk.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sessions.exchange.bundle import MOST_BUNDLE
from sessions.exchange.place import MOST_SLOTS, is_name
from sessions.exchange.trouble import BadBundle, PlaceError

INSIDE: Final = "palaver-exchange"
PARTIAL: Final = ".new-"  # how the name of a file begins that is not whole yet
_STALE = 3600.0  # seconds after which one is what a crash left
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderPlace:
    """Keeps bundles in `palaver-exchange` in a folder, which has to be there: a stick may not be in its slot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tidied: set[str] = set()

    async def slots(self, box: str) -> list[str]:
        """List the slots of a box."""
        return await asyncio.to_thread(self._slots, box)

    async def head(self, box: str, slot: str, size: int) -> bytes:
        """Give the first bytes of a bundle."""
        return await asyncio.to_thread(self._read, box, slot, size)

    async def read(self, box: str, slot: str) -> bytes:
        """Give a bundle."""
        return await asyncio.to_thread(self._read, box, slot, None)

    async def write(self, box: str, slot: str, data: bytes) -> None:
        """Put a bundle there."""
        await asyncio.to_thread(self._write, box, slot, data)

    async def remove(self, box: str, slot: str) -> None:
        """Take a bundle away."""
        await asyncio.to_thread(self._remove, box, slot)

    async def close(self) -> None:
        """Nothing is held open."""

    # -- on a thread ---------------------------------------------------------------------------

    def _slots(self, box: str) -> list[str]:
        with self._usable(), self._box(box) as folder:
            if folder is None:
                return []
            found = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_name(entry.name):
                        found.append(entry.name)
                    if len(found) > MOST_SLOTS:
                        raise PlaceError(f"there are more than {MOST_SLOTS:,} bundles in one box of {self._path}")
            return sorted(found)

    def _read(self, box: str, slot: str, size: int | None) -> bytes:
        with self._usable(), self._box(box) as folder:
            if folder is None:
                raise BadBundle("it is not there any more")
            try:
                handle = os.open(slot, _READ, dir_fd=folder)
            except FileNotFoundError:
                raise BadBundle("it is not there any more") from None
            except OSError as error:
                raise BadBundle(f"it can not be read ({error.strerror})") from None
            with _closing(handle):
                return _content(handle, size)

    def _write(self, box: str, slot: str, data: bytes) -> None:
        with self._usable(), self._box(box, make=True) as folder:
            if folder is None:
                raise PlaceError(f"{self._path} can not be written to")
            if box not in self._tidied:
                self._tidied.add(box)
                _tidy(folder)
            partial = f"{PARTIAL}{secrets.token_hex(8)}"
            handle = os.open(partial, _WRITE, 0o666, dir_fd=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(handle)
                os.rename(partial, slot, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(partial, dir_fd=folder)
                raise
            os.fsync(folder)

    def _remove(self, box: str, slot: str) -> None:
        with self._usable(), self._box(box) as folder:
            if folder is not None:
                with suppress(FileNotFoundError):
                    os.unlink(slot, dir_fd=folder)
                os.fsync(folder)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Say of what the system refuses where it was."""
        try:
            yield
        except OSError as error:
            raise PlaceError(f"the exchange place {self._path} can not be used: {error.strerror}") from None

    @contextmanager
    def _box(self, box: str, *, make: bool = False) -> Iterator[int | None]:
        """Open the folder of a box; None where there is none."""
        if not is_name(box):
            raise ValueError("no name of a box")
        try:
            root = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise PlaceError(
                f"the exchange place {self._path} is no folder; make it first, or see whether the disk is there"
            ) from None
        with _closing(root):
            inside = _enter(root, INSIDE, make=make)
            if inside is None:
                yield None
                return
            with _closing(inside):
                folder = _enter(inside, box, make=make)
                if folder is None:
                    yield None
                    return
                with _closing(folder):
                    yield folder


def _content(handle: int, size: int | None) -> bytes:
    """Read the beginning of a file, or all of it; never more than a bundle can have."""
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        raise BadBundle("it is no plain file")
    if info.st_size > MOST_BUNDLE:
        raise BadBundle(f"it is larger than {MOST_BUNDLE:,} bytes")
    try:
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(MOST_BUNDLE if size is None else size)
    except OSError as error:
        raise BadBundle(f"it can not be read ({error.strerror})") from None


def _enter(parent: int, name: str, *, make: bool) -> int | None:
    """Open a folder in a folder, never through a link."""
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            return None
    with suppress(FileExistsError):  # another machine, or another program, was faster
        os.mkdir(name, dir_fd=parent)
    os.fsync(parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _tidy(folder: int) -> None:
    """Remove what was not finished an hour ago. Nobody else writes to this box."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(PARTIAL)]
    for name in names:
        with suppress(OSError):
            if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime < time.time() - _STALE:
                os.unlink(name, dir_fd=folder)


@contextmanager
def _closing(handle: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(handle)
