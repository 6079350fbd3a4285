"""Console address: who is speaking at this terminal."""

from __future__ import annotations

import os

from config.login import login
from sessions.address import Address

CONSOLE = "console"


def console_address(user: str | None) -> Address:
    """Give the address of somebody at this console."""
    return Address(platform=CONSOLE, account="local", chat_id=CONSOLE, user_id=login() if user is None else user)


def working_folder() -> str | None:
    """Give the folder that the program was started in, if it is still there."""
    try:
        return os.fsencode(os.getcwd()).decode(errors="replace")  # noqa: PTH109 - a name need not be text
    except OSError:
        return None
