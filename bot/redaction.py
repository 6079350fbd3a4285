"""Redaction: no token in any log line, and no text of an error, whoever writes it."""

from __future__ import annotations

import logging
import re

HIDDEN = "[hidden]"
# httpx writes Telegram's token in every URL; Discord's interaction and webhook tokens stand in theirs.
_SECRETS = re.compile(
    r"(?<=bot)\d{3,}:[\w-]{20,}|\b\d{5,}:[\w-]{30,}|(?<=/webhooks/)\d+/[\w.-]+|(?<=/interactions/)\d+/[\w.-]+"
    r"|\b[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}\b"
)


class RedactingFilter(logging.Filter):
    """Hides what looks like a token of either platform, in the message and in its arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; keep it."""
        message = record.getMessage()
        if record.name == "asyncio" and "\n" in message:  # what follows shows tasks with the text of their errors
            message = record.msg = message.partition("\n")[0]
            record.args = None
        hidden = _SECRETS.sub(HIDDEN, message)
        if hidden != message:
            record.msg, record.args = hidden, None
        if record.exc_info is not None:  # its text could quote a URL, or a conversation
            kind = record.exc_info[0]
            record.msg = f"{record.getMessage()} ({kind.__name__ if kind else 'error'})"
            record.args = record.exc_info = record.exc_text = None
        return True
