"""SQLite's disk, seen by a test: what is written and synced, and failures when they are wanted.

A VFS that stands before SQLite's own, registered in the very library that Python's sqlite3 is linked to. From what
it saw follows what a power cut leaves: what was synced, and of the rest as much or as little as chance wants.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import random
from _ctypes import CFuncPtr
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, cast
from functools import cache
from typing import NamedTuple

import pytest

SECTOR = 512  # bytes that a disk writes whole or not at all
SQLITE_OK, SQLITE_IOERR, SQLITE_FULL = 0, 10, 13
_KEPT = 0x100 | 0x800 | 0x80000  # SQLITE_OPEN_MAIN_DB, MAIN_JOURNAL, WAL: the files that matter after a cut
_LOGS = 0x800 | 0x80000  # SQLite syncs their folder with the first sync after opening one of them


class Event(NamedTuple):
    """One thing that SQLite did: write, truncate, sync or delete a file, or sync the folder."""

    kind: str
    path: str
    offset: int = 0
    data: bytes = b""


class Disk:
    """What happens to the files of SQLite while the disk is in; `events` and the test's own notes in one order."""

    def __init__(self) -> None:
        self.events: list[Event | object] = []
        self.refuse: Callable[[Event], int] = lambda event: SQLITE_OK  # gives SQLite's code of an error

    def note(self, what: object) -> None:
        """Put a note of the test between the events."""
        self.events.append(what)

    def happens(self, event: Event) -> int:
        """Keep the event, unless it is refused."""
        code = self.refuse(event)
        if code == SQLITE_OK:
            self.events.append(event)
        return code


class Surface:
    """The bytes of all files as a power cut would leave them after the events so far."""

    def __init__(self) -> None:
        self._synced: dict[str, bytearray] = {}
        self._unsynced: dict[str, list[Event]] = {}
        self._deleted: dict[str, bytearray] = {}  # may come back until the folder is synced

    def feed(self, event: Event) -> None:
        """Go one event further."""
        if event.kind == "sync":
            content = self._synced.setdefault(event.path, bytearray())
            for pending in self._unsynced.pop(event.path, ()):
                _carry_out(content, pending)
        elif event.kind == "sync folder":
            self._deleted.clear()
        elif event.kind == "delete":
            self._unsynced.pop(event.path, None)
            self._deleted[event.path] = self._synced.pop(event.path, bytearray())
        else:
            self._unsynced.setdefault(event.path, []).append(event)

    def after_a_cut(self, chance: random.Random, share: float) -> dict[str, bytes]:
        """Give what is left if of what was not synced that share of the sectors survives, chosen by chance."""
        files = {path: bytearray(content) for path, content in self._synced.items()}
        for path, events in self._unsynced.items():
            content = files.setdefault(path, bytearray())
            for event in events:
                for part in _sectors(event):
                    if chance.random() < share:
                        _carry_out(content, part)
        back = {path: content for path, content in self._deleted.items() if chance.random() >= share}
        return {path: bytes(content) for path, content in (files | back).items()}


def _carry_out(content: bytearray, event: Event) -> None:
    if event.kind == "truncate":
        del content[event.offset :]
        return
    if len(content) < event.offset:
        content.extend(bytes(event.offset - len(content)))
    content[event.offset : event.offset + len(event.data)] = event.data


def _sectors(event: Event) -> Iterator[Event]:
    if event.kind == "truncate":
        yield event
    start = 0
    while start < len(event.data):
        end = min(len(event.data), start + SECTOR - (event.offset + start) % SECTOR)
        yield event._replace(offset=event.offset + start, data=event.data[start:end])
        start = end


@contextmanager
def put_in(disk: Disk) -> Iterator[None]:
    """Let every connection that is opened meanwhile work on this disk. Skips the test where that can not be done."""
    hook = _hook()
    hook.disk = disk
    hook.make_default(True)
    try:
        yield
    finally:
        hook.make_default(False)


# -- the part in C's words -------------------------------------------------------------------------

_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
# SQLite keeps the pointer to the name, so it must be handed on as it came.
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


class _Methods(Structure):
    """sqlite3_io_methods, up to its third version."""

    _fields_ = (
        ("version", c_int),
        *((name, c_void_p) for name in ("close", "read", "write", "truncate", "sync", "file_size", "lock", "unlock")),
        *((name, c_void_p) for name in ("check_lock", "control", "sector_size", "characteristics")),
        *((name, c_void_p) for name in ("shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch")),
    )


class _File(Structure):
    """sqlite3_file."""

    _fields_ = (("methods", POINTER(_Methods)),)


class _Vfs(Structure):
    """sqlite3_vfs, up to its third version."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("max_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        *((f"other_{number}", c_void_p) for number in range(13)),
    )


class _Hook:
    """Our VFS: SQLite's own, with four methods in between. Made once, since SQLite may call it until the end."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.disk = Disk()
        self._register = library.sqlite3_vfs_register
        self._register.argtypes = (c_void_p, c_int)
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._own = library.sqlite3_vfs_find(None)
        own = self._own.contents
        self._open, self._delete = _Open(own.open), _Delete(own.delete)
        self._tables: dict[int, _Methods] = {}
        self._files: dict[int, tuple[str, Disk]] = {}
        self._new_logs: set[int] = set()
        self._vfs = _Vfs.from_buffer_copy(own)
        self._vfs.name, self._vfs.next = b"watched", None
        self._callbacks: list[object] = []
        self._vfs.open = self._kept(_Open(self._on_open))
        self._vfs.delete = self._kept(_Delete(self._on_delete))

    def make_default(self, ours: bool) -> None:
        """Let the connections to come use our VFS, or SQLite's own."""
        self._register(ctypes.byref(self._vfs) if ours else self._own, 1)

    def _on_open(self, vfs: int, name: int, file: int, flags: int, flags_out: int) -> int:
        code: int = self._open(cast(self._own, c_void_p), name, file, flags, flags_out)
        if code == SQLITE_OK and flags & _KEPT:
            handle = cast(file, POINTER(_File)).contents
            address = ctypes.addressof(handle.methods.contents)
            if address not in self._tables:
                self._tables[address] = self._watched(handle.methods.contents)
            handle.methods = ctypes.pointer(self._tables[address])
            path = ctypes.string_at(name).decode()
            self._files[file] = (path, self.disk)
            self._new_logs.discard(file)
            if flags & _LOGS:
                self._new_logs.add(file)
        return code

    def _on_delete(self, vfs: int, name: int, sync_folder: int) -> int:
        path = ctypes.string_at(name).decode()
        code: int = self.disk.happens(Event("delete", path))
        code = code or self._delete(cast(self._own, c_void_p), name, sync_folder)
        if code == SQLITE_OK and sync_folder:
            self.disk.happens(Event("sync folder", path))
        return code

    def _watched(self, own: _Methods) -> _Methods:
        """Give SQLite's table of a file's methods with ours in between."""
        write, truncate, sync = _Write(own.write), _Truncate(own.truncate), _Sync(own.sync)

        def on_write(file: int, data: int, size: int, offset: int) -> int:
            path, disk = self._files[file]
            return disk.happens(Event("write", path, offset, ctypes.string_at(data, size))) or int(
                write(file, data, size, offset)
            )

        def on_truncate(file: int, size: int) -> int:
            path, disk = self._files[file]
            return disk.happens(Event("truncate", path, size)) or int(truncate(file, size))

        def on_sync(file: int, flags: int) -> int:
            path, disk = self._files[file]
            code: int = disk.happens(Event("sync", path)) or sync(file, flags)
            if code == SQLITE_OK and file in self._new_logs:
                self._new_logs.discard(file)
                disk.happens(Event("sync folder", path))
            return code

        table = _Methods.from_buffer_copy(own)
        table.write, table.sync = self._kept(_Write(on_write)), self._kept(_Sync(on_sync))
        table.truncate = self._kept(_Truncate(on_truncate))
        return table

    def _kept(self, callback: CFuncPtr) -> c_void_p:
        """Keep a callback for as long as SQLite may use it, and give its address."""
        self._callbacks.append(callback)
        return cast(callback, c_void_p)


@cache
def _hook() -> _Hook:
    try:
        # Names that the module itself does not have are looked up in the libraries that it is linked to.
        library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        _ = library.sqlite3_vfs_find, library.sqlite3_vfs_register
    except (OSError, AttributeError):
        pytest.skip("this Python hides its SQLite, so that its disk can not be watched")
    return _Hook(library)
