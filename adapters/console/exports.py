"""Exports: documents as files that nobody else can read."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from adapters.reply import Document


def write_document(folder: Path, document: Document) -> Path:
    """Write a document into the folder (0700) as a new file (0600) and give its path.

    An existing file is never touched: the second of a name becomes `name-2`. A file that could not
    be written whole is taken away again.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, handle = _new_file(folder, Path(document.name).name or "export")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(document.content)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def _new_file(folder: Path, name: str) -> tuple[Path, int]:
    first = folder / name
    for number in count(1):
        path = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
    raise AssertionError("count never ends")
