"""Failure: a refusal, in the words of the real server."""

from __future__ import annotations

from collections.abc import Mapping

BLOCKED = "Forbidden: bot was blocked by the user"
OTHER_POLL = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_POLL = "Conflict: terminated by setWebhook request"
WEBHOOK_SET = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Failure(Exception):
    """What the server answers in place of a result."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters: Mapping[str, int] = parameters

    def as_json(self) -> dict[str, object]:
        """Give the body of the answer."""
        body: dict[str, object] = {"ok": False, "error_code": self.status, "description": self.description}
        return {**body, "parameters": dict(self.parameters)} if self.parameters else body


class Cut(Exception):
    """The connection ends without an answer."""


def bad(description: str, **parameters: int) -> Failure:
    """Make the commonest refusal."""
    return Failure(400, f"Bad Request: {description}", **parameters)


def too_many(seconds: int) -> Failure:
    """Make the refusal of somebody who is too fast."""
    return Failure(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
