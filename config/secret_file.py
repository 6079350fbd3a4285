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
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not make us wait
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} can not be read ({getattr(error, 'strerror', None) or 'no such path'})") from None
    with os.fdopen(handle, "rb") as file:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"{path} is not a regular file")
        if info.st_mode & 0o077:
            raise ValueError(f"{path} is open to others (mode {stat.S_IMODE(info.st_mode):04o}); run: chmod 600 {path}")
        data = file.read(LONGEST + 1)
    return _secret(path, data)


def _secret(path: Path, data: bytes) -> SecretStr:
    text = data.decode("ascii", errors="replace").strip()
    if not text or len(data) > LONGEST:
        raise ValueError(f"{path} must hold the secret and nothing else")
    try:
        return check_token(SecretStr(text))
    except ValueError:
        raise ValueError(f"{path} must hold one word, on one line") from None
