"""Held store: what somebody at this terminal can do while another process has the store."""

from __future__ import annotations

from bot.shell import tell
from bot.startup import ExitCode
from sessions.errors import StoreHeld


def complain_held(error: StoreHeld, session: str | None) -> ExitCode:
    """Say who has the store, how to go on here all the same, and what works meanwhile; give the exit code."""
    tell(
        f"{error.path} is held by {error.holder}: the bot that runs, or a chat at another terminal. "
        "One at a time can write."
    )
    ends = f" (kill {error.pid} ends it in order)" if error.pid else ""
    tell(f"To talk here, end that one first{ends} and run this again; or write to the bot that runs, in its chat.")
    shown = "palaver sessions list lists all" if session is None else f"palaver sessions show {session} shows it"
    tell(f"Meanwhile {shown}, and palaver chat --ephemeral talks without storing anything.")
    return ExitCode.HELD
