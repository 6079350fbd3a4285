"""Trouble: what can be wrong with a place, and with one bundle in it."""

from __future__ import annotations

from sessions.errors import SessionError


class PlaceError(SessionError):
    """The place where bundles are exchanged can not be used; says what to do."""


class BadBundle(Exception):
    """One bundle is not what it must be. It is left out, and the others go on; the text is for the operator."""
