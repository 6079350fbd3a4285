"""Backup: copies of the embedded store while somebody writes it, and putting one back in its place.

Neither needs a key: a copy is as sealed as what it was made of. A file is only ever put in its place whole: it is
written under another name, synced and renamed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sessions.errors import InvalidValue, StoreError, StoreHeld
from sessions.records import ALL_SENT, MAX_NUMBER
from sessions.sqlite import schema
from sessions.sqlite.writer import translate

STEP = 1024  # pages copied between two looks at how far it is
PARTIAL = ".palaver-partial-"  # how the names of files begin that are not whole yet
# Messages of what is marked as erased; what comes in stands there as well, with its row at position 0 of the journal.
_GOING = (
    "SELECT count(*) FROM erasure JOIN message ON id BETWEEN number << 24 AND number << 24 | 16777215"
    f" WHERE number BETWEEN 1 AND {MAX_NUMBER} AND number NOT IN (SELECT number FROM session)"
)
_COMING = f"SELECT count(*) FROM erasure JOIN journal ON id = number << 24 WHERE number BETWEEN 1 AND {MAX_NUMBER}"
BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class Contents(NamedTuple):
    """What a store file says of itself without a key."""

    version: int
    sessions: int
    messages: int
    waiting: int  # letters not answered and parcels not out
    keys: tuple[str, ...]  # ids of the master keys that open it, the primary one first
    newest: int | None  # ms since 1970: when something was written last
    unfinished: int  # conversations of an import that is under way or was broken off; none of the messages is theirs


def look_into(path: Path) -> Contents:
    """Read what a file holds. Raises `StoreError` for what is no store, `StoreTooNew` for a newer one."""
    with _opened(path) as connection:
        version = schema.found_version(connection, str(path))
        if version == 0:
            raise StoreError(f"{path} is empty: nothing was ever stored in it")
        ((sessions, newest),) = connection.execute("SELECT count(*), max(updated_at) FROM session")
        ((messages,),) = connection.execute(f"SELECT (SELECT count(*) FROM message) - ({_GOING})")
        ((coming,),) = connection.execute(_COMING)
        post = "SELECT (SELECT count(*) FROM letter WHERE state < 3) + (SELECT count(*) FROM parcel WHERE sent < ?)"
        ((waiting,),) = connection.execute(post, (ALL_SENT,))
        keys = connection.execute("SELECT kid FROM keyring ORDER BY state != 'primary', created_at DESC").fetchall()
    return Contents(version, sessions, messages, waiting, tuple(kid.hex() for (kid,) in keys), newest, coming)


def structure(path: Path) -> list[str]:
    """Give what is wrong with the file itself, below the records, in words."""
    with _opened(path) as connection:
        return [f"the file: {said}" for (said,) in connection.execute("PRAGMA quick_check(20)") if said != "ok"]


def back_up(source: Path, target: Path, *, replace: bool = False, progress: Progress | None = None) -> None:
    """Copy a store as it is at one moment into a file of its owner's alone.

    Nobody who writes waits for it. Raises `InvalidValue` if the target is there and is not to be replaced.
    """
    if not replace and os.path.lexists(target):
        raise InvalidValue(f"{target} is there already; choose another name, or replace it with --force")
    if source.exists() and target.exists() and source.samefile(target):
        raise InvalidValue(f"{target} is the store itself; choose another name")
    with partial_file(target.parent) as copy:
        copy_store(source, copy, progress)
        put_file(copy, target, replace=replace)


@contextmanager
def partial_file(folder: Path) -> Iterator[Path]:
    """Make an empty file to fill (0600); it is gone after the block unless it was renamed."""
    path = folder / f"{PARTIAL}{secrets.token_hex(4)}"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise _unusable(folder, error) from None
    try:
        yield path
    finally:
        for suffix in ("", *BESIDE):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).unlink()


def put_file(copy: Path, target: Path, *, replace: bool) -> None:
    """Give a whole partial file its name. Raises `InvalidValue` if another file has it and is not to be replaced."""
    _sync(copy)
    try:
        if replace:
            copy.replace(target)
        else:
            try:
                target.hardlink_to(copy)  # unlike a rename it never takes the place of another file
            except FileExistsError:
                raise InvalidValue(f"{target} is there already; replace it with --force") from None
            except OSError:  # a disk without hard links
                copy.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise _unusable(target, error) from None


def copy_store(source: Path, copy: Path, progress: Progress | None = None) -> None:
    """Fill a partial file with a store as it is at one moment."""

    def told(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    with _opened(source) as reading:
        schema.found_version(reading, str(source))
        reading.execute("BEGIN")  # one moment: without it the copy begins anew with each write of another process
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        try:
            with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=rw", uri=True)) as writing:
                reading.backup(writing, pages=STEP, progress=told, sleep=0)
                writing.execute("PRAGMA journal_mode = DELETE")  # one file that is all there is
        except OSError as error:
            raise _unusable(copy, error) from None


def put_in_place(copy: Path, store: Path, aside: Path) -> bool:
    """Let a whole copy take the place of a store, which is kept under another name; tell whether there was one.

    The caller owns the store. Whenever this breaks off, the old store or the new one is in the place, whole.
    Raises `StoreHeld` when somebody reads the store meanwhile.
    """
    _sync(copy)
    there = store.exists()
    if there:
        _fold(store, aside)
        _keep(store, aside)
    for suffix in BESIDE:  # a log of the old store would be read into the new one
        with suppress(FileNotFoundError):
            store.with_name(store.name + suffix).unlink()
    copy.replace(store)
    _sync(store.parent)
    return there


# -- inside ------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file to read, with SQLite's refusals in the library's words."""
    if not path.is_file():
        raise StoreError(f"there is no file {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as opened:
            opened.execute("PRAGMA trusted_schema = OFF")
            yield opened
    except sqlite3.DatabaseError as error:
        raise translate(error) from None


def _fold(store: Path, aside: Path) -> None:
    """Bring what is in the old store's log into its file, so that one file is all that must be kept."""
    try:
        with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)) as old:
            (mode,) = old.execute("PRAGMA journal_mode = DELETE").fetchone()
            if mode != "delete":
                raise StoreHeld(str(store), None)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreHeld(str(store), None) from None
        _save_log(store, aside)  # the old store is damaged, which may be why another one is put in its place


def _save_log(store: Path, aside: Path) -> None:
    log = store.with_name(store.name + "-wal")
    if log.exists():
        shutil.copyfile(log, aside.with_name(aside.name + "-wal"))
        aside.with_name(aside.name + "-wal").chmod(0o600)


def _keep(store: Path, aside: Path) -> None:
    try:
        aside.hardlink_to(store)
    except FileExistsError:
        raise InvalidValue(f"{aside} is there already; move it away") from None
    except OSError:  # a disk without hard links
        shutil.copyfile(store, aside)
        aside.chmod(0o600)
    _sync(aside)
    _sync(store.parent)


def _sync(path: Path) -> None:
    """Have a file, or the names in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unusable(path: Path, error: OSError) -> InvalidValue:
    return InvalidValue(f"{path} can not be written ({error.strerror}); check the folder and its space")
