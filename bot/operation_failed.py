"""OperationFailed: what the bot that runs could not do for the command line."""

from __future__ import annotations

from sessions.errors import SessionError


class OperationFailed(SessionError):
    """The words for the operator, and the exit code that goes with them."""

    def __init__(self, words: str, code: int) -> None:
        self.code = code
        super().__init__(words)
