"""Unread: the text of a conversation that was found in a file, and is read by whoever parses it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from sessions.errors import InvalidValue

State = tuple[int, int, int, int]  # of a file: device, inode, size, time of the last change
NOWHERE: Final = (0, 0, 0, 0)  # of what is no file


class Unread(NamedTuple):
    """The text of what should be one conversation: where in a file it stands, or itself."""

    path: str
    state: State
    offset: int
    length: int
    text: bytes | None  # what can not be read there


class UnreadTexts:
    """Reads texts that were cut out of files, of which it keeps one open."""

    def __init__(self) -> None:
        self._path, self._file = "", -1

    def __enter__(self) -> UnreadTexts:
        """Nothing is open yet."""
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def of(self, one: Unread) -> bytes:
        """Give the text. Raises `InvalidValue` where the file was changed meanwhile."""
        if one.text is not None:
            return one.text
        if one.path != self._path:
            self._open(one)
        text = os.pread(self._file, one.length, one.offset)
        while len(text) < one.length and (more := os.pread(self._file, one.length - len(text), one.offset + len(text))):
            text += more
        return text

    def _open(self, one: Unread) -> None:
        self._close()
        try:
            self._file = os.open(one.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            self._path = one.path
            state = state_of(os.fstat(self._file))
        except OSError as error:
            raise InvalidValue(f"it can not be read any more ({error.strerror})") from None
        if state != one.state:
            raise InvalidValue("it was changed while it was read; try again")

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._path, self._file = "", -1


def state_elsewhere(path: str) -> State | None:
    """Give the state of a file that another process finds there too; None if none does."""
    if path.startswith(("/dev/", "/proc/")):  # what this process has open
        return None
    try:
        return state_of(Path(path).stat())
    except OSError:
        return None


def state_of(stat: os.stat_result) -> State:
    """Give what changes when a file does."""
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
