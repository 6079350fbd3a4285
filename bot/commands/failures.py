"""Failures: say an error of the sessions to the person it happened to.

The texts of `NotFound` must not depend on why something was not found: a foreign id and a missing
one read the same. Those of the store leave out paths, which are the operator's business.
"""

from __future__ import annotations

from adapters.reply import Reply
from bot.commands.markup import code
from sessions.errors import (
    Ambiguous,
    KeyRefused,
    NotFound,
    NothingToUndo,
    SessionError,
    SessionLocked,
    StaleSession,
    StoreError,
    StoreFull,
    StoreReadOnly,
    VaultError,
)

_WHERE = {
    "session": ("conversation", "`/session list` shows what there is."),
    "checkpoint": ("checkpoint", "`/checkpoint list` shows what there is."),
    "open code": ("open code", "It is wrong, used or older than ten minutes; `/link` in your other account gives one."),
    "pairing code": ("pairing code", "It is wrong, used or older than an hour; `/pair list` shows who waits."),
    "approved person": ("approved person", "It is written as in `telegram:42`."),
    "link to another account": ("link to another account", "`/link` begins one."),
}
_PLAIN: tuple[tuple[type[SessionError], str], ...] = (
    (StaleSession, "Something else changed this conversation at the same moment, so nothing was done. Try again."),
    (StoreFull, "The disk is full, so nothing was changed. Reading still works."),
    (StoreReadOnly, "The store is open for reading only, so nothing was changed."),
    (StoreError, "The store can not be used right now. Try again in a moment."),
    (
        SessionLocked,
        "This conversation is locked with a key that is not at hand here, so nothing of it can be shown. The person "
        "who runs this bot can look into it.",
    ),
    (KeyRefused, "A key is missing here, so nothing was done. The person who runs this bot can look into it."),
    (
        VaultError,
        "This conversation can not be opened: what is stored of it was changed or is damaged. Nothing of it is shown. "
        "`/new` begins another one; the person who runs this bot can look into it.",
    ),
)


def failure(error: SessionError) -> Reply:
    """Give the answer to a request that could not be met."""
    return Reply(text=_words(error), error=True)


def _words(error: SessionError) -> str:
    for kind, words in _PLAIN:
        if isinstance(error, kind):
            return words
    if isinstance(error, NothingToUndo):
        return f"There is nothing to {error.verb}."
    if isinstance(error, NotFound):
        noun, hint = _WHERE.get(error.what, (error.what, ""))
        which = f" {code(error.reference)}" if error.reference else ""
        return f"There is no {noun}{which}. {hint}".rstrip()
    if isinstance(error, Ambiguous):
        return _ambiguous(error)
    text = str(error)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "`", "?")) else ".")


def _ambiguous(error: Ambiguous) -> str:
    noun, _ = _WHERE.get(error.what, (error.what, ""))
    fits = ", ".join(code(candidate) for candidate in error.candidates[:5])
    more = f" and {len(error.candidates) - 5} more" if len(error.candidates) > 5 else ""
    return f"{code(error.reference)} fits {len(error.candidates)} {noun}s: {fits}{more}. Say which by number or id."
