"""Mishaps: what to do about an error that nobody foresaw."""

from __future__ import annotations

import logging
import traceback

APOLOGY = "Sorry, something went wrong here. Nothing you said is lost; try again, or ask with /help."


def note_mishap(log: logging.Logger, error: Exception) -> None:
    """Log where an error happened, but not its text: that could quote a conversation."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    log.error("%s at %s", type(error).__name__, where or "?")
