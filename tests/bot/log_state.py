"""LogState: who listens to what, put back as it was; a program that runs within the tests sets it for itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bot.logs import CHATTY, OURS


@contextmanager
def log_state_kept() -> Iterator[None]:
    """Have what the block does to handlers and levels end with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in (*CHATTY, *OURS)}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, was in levels.items():
            logging.getLogger(name).setLevel(was)
