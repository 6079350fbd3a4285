"""Every error this library raises on purpose.

SessionError
├── InvalidValue (ValueError)          an argument is not what it must be; says what is allowed
├── NotFound (LookupError)             no such thing, or it belongs to somebody else
│   └── NothingToUndo                  the undo or redo history ends here
├── Ambiguous (LookupError)            a prefix or title fits several sessions or checkpoints
├── StaleSession                       another writer changed the session first; safe to try again
├── StoreError
│   ├── StoreHeld                      another process owns the store; carries its pid
│   ├── Fenced                         others have taken over from this worker; nothing was written
│   ├── StoreFull                      the disk is full; nothing was written, reads go on
│   ├── StoreReadOnly                  the folder, the file or this manager only allows reading
│   │   └── NoStoreYet                 nothing was ever stored there, and who only reads makes nothing
│   ├── StoreMade                      another program made the store meanwhile; nothing was changed
│   └── StoreTooNew                    written by a newer Palaver; nothing was changed
└── VaultError
    ├── KeyRefused                     a key source that must not be used (permissions, size, form)
    ├── WrongKey                       no offered key opens this store; carries both key ids
    ├── SessionLocked                  the key of this one session is not among the offered ones
    └── Tampered                       a record does not open: edited, moved, replayed or missing
"""

from __future__ import annotations

from collections.abc import Sequence


class SessionError(Exception):
    """Base of every error of this library."""


class InvalidValue(SessionError, ValueError):
    """An argument is not what it must be."""


class NotFound(SessionError, LookupError):
    """Nothing here by that reference.

    A foreign id and a missing id give this same error with the same text.
    """

    def __init__(self, what: str, reference: str = "") -> None:
        self.what, self.reference = what, reference
        super().__init__(f"no such {what}: {reference}" if reference else f"no such {what}")


class NothingToUndo(NotFound):
    """The undo or redo history ends here."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        SessionError.__init__(self, f"nothing to {verb}")


class Ambiguous(SessionError, LookupError):
    """A reference fits several things; `candidates` are the ids it fits."""

    def __init__(self, what: str, reference: str, candidates: Sequence[str]) -> None:
        self.what, self.reference, self.candidates = what, reference, tuple(candidates)
        shown = ", ".join(self.candidates[:5])
        more = ", …" if len(self.candidates) > 5 else ""
        super().__init__(f"{reference} fits {len(self.candidates)} {what}s: {shown}{more}")


class StaleSession(SessionError):
    """Another writer changed the session first. Nothing was written; trying again is safe."""


class StoreError(SessionError):
    """The database can not do what was asked."""


class StoreHeld(StoreError):
    """Another process owns the store for writing."""

    def __init__(self, path: str, pid: int | None, name: str | None = None) -> None:
        self.path, self.pid = path, pid
        self.holder = name or (f"process {pid}" if pid else "another process")
        super().__init__(f"{path} is held by {self.holder}; end it first")


class Fenced(StoreError):
    """This worker was not heard of for too long, and others have taken over. Nothing was written."""


class StoreFull(StoreError):
    """The disk is full. Nothing of the failed write remains; reads go on."""


class StoreReadOnly(StoreError):
    """Writing is not possible here."""


class NoStoreYet(StoreReadOnly):
    """There is nothing to read, and whoever only reads makes nothing."""

    def __init__(self, place: str = "here") -> None:
        super().__init__(f"there is no store {place} yet, and this program only reads")


class StoreMade(StoreError):
    """Another program made the store meanwhile. Nothing was changed."""


class StoreTooNew(StoreError):
    """The store was written by a newer version. Nothing was changed."""

    def __init__(self, path: str, found: int, known: int) -> None:
        self.path, self.found, self.known = path, found, known
        super().__init__(
            f"{path} has schema version {found}, this program knows versions up to {known}; "
            "install the newer Palaver that wrote it"
        )


class VaultError(SessionError):
    """A key or a sealed record can not be used."""


class KeyRefused(VaultError):
    """A key source that must not be used; the text says how to mend it."""


class WrongKey(VaultError):
    """None of the offered keys opens this store. Nothing was written."""

    def __init__(self, wanted: Sequence[str], offered: Sequence[str]) -> None:
        self.wanted, self.offered = tuple(wanted), tuple(offered)
        super().__init__(
            f"this store needs key {' or '.join(self.wanted) or '?'}, "
            f"but the key offered is {' and '.join(self.offered) or 'none'}; "
            "nothing was changed. Point Palaver at the key this store was made with"
        )


class SessionLocked(VaultError):
    """This session's key is wrapped by a master key that was not offered."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        super().__init__(
            f"this conversation is locked: it needs key {kid}, which is not at hand here; name its file in key_file or "
            "old_key_files, and restart"
        )


class Tampered(VaultError):
    """A record does not open: it was edited, moved, swapped, replayed or removed.

    The text never tells which check failed and never carries content.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} can not be verified: the stored data was changed or is damaged")
