"""Trouble: what the database and the way to it may refuse, sorted by what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sessions.errors import (
    InvalidValue,
    SessionError,
    StaleSession,
    StoreError,
    StoreFull,
    StoreReadOnly,
    Tampered,
)

_TAKEN: Final = ("session_pkey", "message_pkey", "journal_pkey")  # the next place of a session is always free
_DOUBLE: Final = ("session_current", "session_id_key")
# The database took back the whole unit of work, or somebody else's, who may be held up, kept it from beginning.
_REPEAT: Final = ("40001", "40P01", "55P03")
_GOING: Final = ("57P01", "57P02", "57P03")  # the server, or this one connection, is being shut down or started
_OTHER_SERVER: Final = "25006"
_UNKNOWN: Final = "40003"  # of databases that speak the protocol: whether it was committed is not known
_BUSY: Final = ("57014", "55P03")
_FULL: Final = ("53100", "53200")


class Unreachable(StoreError):
    """No connection at this moment; trying again may help."""


class NoPrimary(Unreachable):
    """There are servers, and none of them takes writes at this moment."""


class Lost(Exception):
    """The connection broke, or led to a server that takes no writes; `state` is the SQLSTATE, if there is one.

    With `looked_up` it is certain that nothing of the unit of work was stored.
    """

    def __init__(self, state: str, *, looked_up: bool = False) -> None:
        self.state, self.looked_up = state, looked_up
        super().__init__("the connection broke")


def state_of(error: BaseException) -> str:
    """Give the SQLSTATE of an error, or nothing."""
    return str(getattr(error, "sqlstate", None) or "")


def is_lost(error: BaseException, *, closed: bool) -> bool:
    """Tell whether an error means that the connection is gone, or leads to a server that can not write any more."""
    state = state_of(error)
    return closed or state in (*_GOING, _OTHER_SERVER, _UNKNOWN) or state.startswith("08") or isinstance(error, OSError)


def may_repeat(error: BaseException) -> bool:
    """Tell whether a unit of work has left nothing and may succeed the next time."""
    return state_of(error) in _REPEAT or isinstance(error, Unreachable | Lost)


def is_busy(error: BaseException) -> bool:
    """Tell whether a statement took too long, or waited too long for somebody else's."""
    return state_of(error) in _BUSY


def translate(error: Exception, place: str) -> Exception:
    """Turn the driver's errors into this library's, keeping those that already are. Values are never named."""
    if isinstance(error, SessionError):
        return error
    state = error.state if isinstance(error, Lost) else state_of(error)
    if state == "23505":
        return _conflict(str(getattr(error, "constraint_name", "")))
    if state in _FULL:
        return StoreFull(f"the disk of {place} is full; nothing was stored. Free some space and send it again")
    if state == _OTHER_SERVER:
        return StoreReadOnly(f"{place} takes no writes: it is a standby, or set to read only")
    if state == "42501":
        return StoreReadOnly(
            f"the user of the store may not do this at {place}: make it the owner of the schema palaver"
        )
    if state in _BUSY:
        return StoreError(f"{place} is too busy and took too long; nothing was stored. Try again")
    if isinstance(error, Lost):
        return StoreError(f"the connection to {place} broke, and the server did not come back in time")
    if state:
        return StoreError(f"{place} refused: {error.args[0] if error.args else state} ({state})")
    return StoreError(f"{place} can not be worked with ({type(error).__name__})") if _is_drivers(error) else error


def cannot_connect(error: Exception, place: str) -> Exception:
    """Say why there is no connection, and what to do."""
    state, kind = state_of(error), type(error).__name__
    if state.startswith("28"):
        return StoreError(f"{place} refuses this user or password; check both in the address of the store")
    if state == "3D000":
        return StoreError(f"{place} does not exist; make the database first, with createdb")
    if kind == "TargetServerAttributeNotMatched":
        return NoPrimary(f"no server at {place} takes writes now; check that one of them is the primary")
    if isinstance(error, OSError | TimeoutError) or state in _GOING or state.startswith("08") or state == "53300":
        why = "it has no connection left" if state == "53300" else "nothing answers there"
        return Unreachable(f"can not connect to PostgreSQL at {place}: {why}; check the address and the server")
    if isinstance(error, ValueError):
        return InvalidValue("the address of the PostgreSQL store can not be read; a password in it must be quoted")
    return StoreError(f"can not connect to PostgreSQL at {place} ({state or kind}); check the address and the server")


def worst_of(errors: Sequence[Exception]) -> Exception:
    """Choose what to say when none of several servers could be used: rather what may pass."""
    for kind in (NoPrimary, Unreachable):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[0]


def _conflict(constraint: str) -> SessionError:
    if constraint in _TAKEN:
        return Tampered("a conversation")  # its next place is taken: the row is not the newest one
    if constraint in _DOUBLE:
        return StaleSession("another session of this conversation was opened meanwhile")
    return StoreError(f"the database refused: there is such a row already ({constraint})")


def _is_drivers(error: Exception) -> bool:
    return isinstance(error, OSError) or type(error).__module__.startswith("asyncpg")
