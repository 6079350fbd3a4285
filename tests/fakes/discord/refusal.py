"""How the platform says no: to the bot over HTTP, and to a person in the client."""

from __future__ import annotations

from tests.fakes.discord.document import Document

_MESSAGES = {
    0: "401: Unauthorized",
    10003: "Unknown Channel",
    10004: "Unknown Guild",
    10008: "Unknown Message",
    10013: "Unknown User",
    10015: "Unknown Webhook",
    10062: "Unknown interaction",
    10063: "Unknown application command",
    30034: "Max number of daily application command creates has been reached (200)",
    40005: "Request entity too large",
    40060: "Interaction has already been acknowledged.",
    40094: "This interaction has hit the maximum number of follow up messages.",
    50001: "Missing Access",
    50005: "Cannot edit a message authored by another user",
    50006: "Cannot send an empty message",
    50007: "Cannot send messages to this user",
    50013: "Missing Permissions",
    50024: "Cannot execute action on this channel type",
    50027: "Invalid Webhook Token",
    50035: "Invalid Form Body",
    50083: "Thread is archived",
    50109: "The request body contains invalid JSON.",
    160004: "A thread has already been created for this message",
}


class ApiRefusal(Exception):
    """A request of the bot that the platform answers with an error."""

    def __init__(self, status: int, code: int, errors: Document | None = None) -> None:
        super().__init__(_MESSAGES.get(code, "Error"))
        self.status, self.code, self.errors = status, code, errors

    def document(self) -> Document:
        """Write the answer's body."""
        errors = {"errors": self.errors} if self.errors else {}
        return {"message": str(self), "code": self.code, **errors}


class Refused(Exception):
    """Something that a person's own client would not let them do."""
