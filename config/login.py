"""Login: the name that this account goes by."""

from __future__ import annotations

import getpass
import os


def login() -> str:
    """Give the name of the account that runs the program, or its number: in containers it need not have a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid())
