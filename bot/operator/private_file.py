"""A file for its owner only, which takes the place of an older one once it is whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sessions.errors import InvalidValue


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write; if that fails the older one is left. Raises `InvalidValue`."""
    name: str | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).replace(path)
    except OSError as error:
        raise InvalidValue(f"{path} can not be written: {error.strerror}") from None
    finally:
        if name is not None:
            with suppress(OSError):
                Path(name).unlink()


def write_private(path: Path, data: bytes) -> None:
    """Write a whole file. Raises `InvalidValue`."""
    with private_file(path) as file:
        file.write(data)
