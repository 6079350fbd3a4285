"""Offered files: what is to be imported, opened with care and decrypted where it has to be."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bot.operator.encrypted_file import EncryptedReader, file_key, is_encrypted, key_of_hex
from sessions.errors import InvalidValue, KeyRefused
from sessions.export.documents import Source
from sessions.keys import Passphrase
from sessions.message import JsonValue

ENDINGS = (".json", ".json.enc")
_LOOK = 64  # bytes that tell whether a file is encrypted


def files_of(folder: Path | None, files: Sequence[Path]) -> list[Path]:
    """Give the files to read, in order of name if they are those of a folder."""
    if folder is None:
        return list(files)
    try:
        if not folder.is_dir():
            raise InvalidValue(f"{folder} is no folder")
        found = sorted(path.absolute() for path in folder.iterdir() if path.name.endswith(ENDINGS))
    except OSError as error:
        raise InvalidValue(f"{folder} can not be read ({error.strerror})") from None
    if not found:
        raise InvalidValue(f"{folder} holds no files that end in {' or '.join(ENDINGS)}")
    return found


def keys_of(files: Sequence[Path], passphrase: Callable[[], Passphrase]) -> dict[str, JsonValue]:
    """Work out the keys of those files that are encrypted."""
    keys: dict[str, JsonValue] = {}
    given: Passphrase | None = None
    for path in files:
        with _regular(path) as file:
            if is_encrypted(file.read(_LOOK)):
                given = given or passphrase()
                file.seek(0)
                keys[str(path)] = file_key(file, given).hex()
    return keys


@contextmanager
def opened(path: Path, key: str | None) -> Iterator[Source]:
    """Open a file to read what is in it, decrypted if it needs that."""
    with _regular(path) as file:
        sealed = is_encrypted(file.read(_LOOK))
        file.seek(0)
        if sealed and key is None:
            raise KeyRefused(f"{path} is encrypted; give its passphrase with --passphrase or --passphrase-file")
        yield EncryptedReader(file, key_of_hex(key)) if sealed and key is not None else file


@contextmanager
def _regular(path: Path) -> Iterator[BinaryIO]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        error = error if isinstance(error, OSError) else OSError(0, "no such name")
        raise InvalidValue(f"{path} can not be read ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidValue(f"{path} is not a regular file")
    with os.fdopen(handle, "rb") as file:
        yield file
