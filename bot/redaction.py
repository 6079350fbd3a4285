"""Redaction: no token in any log line, whoever writes it."""

from __future__ import annotations

import logging
import re

HIDDEN = "[hidden]"
CHATTY = ("httpx", "httpcore", "telegram", "discord", "aiosqlite", "apscheduler", "aiohttp")  # heard from warnings on
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
        hidden = _SECRETS.sub(HIDDEN, message)
        if hidden != message:
            record.msg, record.args = hidden, None
        if record.exc_info is not None:  # its text could quote a URL, or a conversation
            kind = record.exc_info[0]
            record.msg = f"{record.getMessage()} ({kind.__name__ if kind else 'error'})"
            record.args = record.exc_info = record.exc_text = None
        return True


def log_to_standard_error(level: int = logging.INFO) -> None:
    """Write logs to standard error, without any token."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
