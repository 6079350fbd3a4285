"""Secret files: a token that lies in a file of its own, as containers and service managers hand them over."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import SecretStr

from config.readers import check_token

LONGEST = 4096  # bytes


def read_secret(path: Path) -> SecretStr:
    """Read the one word in a file; a `ValueError` says what is wrong, never what was read."""
    named = "".join(char if char.isprintable() else "?" for char in str(path))
    try:
        data = _content(path, named)
    except OSError as error:
        raise ValueError(f"{named} can not be read ({error.strerror})") from None
    text = data.decode("ascii", errors="replace").strip()
    if not text or len(data) > LONGEST:
        raise ValueError(f"{named} must hold the secret and nothing else")
    try:
        return check_token(SecretStr(text))
    except ValueError:
        raise ValueError(f"{named} must hold one word, on one line") from None


def _content(path: Path, named: str) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not make us wait
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"{named} is not a regular file")
        if info.st_mode & 0o077:
            mode = stat.S_IMODE(info.st_mode)
            raise ValueError(f"{named} is open to others (mode {mode:04o}); run: chmod 600 {named}")
        return os.read(handle, LONGEST + 1)
    finally:
        os.close(handle)
