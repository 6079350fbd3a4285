"""Chat: a place where people and the bot speak."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.telegram.failure import Failure, bad
from tests.fakes.telegram.message import Record
from tests.fakes.telegram.person import Person

Kind = Literal["private", "group", "supergroup", "channel"]


@dataclass(slots=True, kw_only=True, eq=False)
class Chat:
    """A chat with all that was said in it. `refusal` is what the bot gets when it acts here."""

    id: int
    type: Kind
    title: str
    owner: Person | None = None
    members: dict[int, Person] = field(default_factory=dict)
    admins: set[int] = field(default_factory=set)
    forum: bool = False
    privacy_mode: bool = False
    bot_is_admin: bool = False
    topics: dict[int, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    refusal: Failure | None = None
    last_bot: int | None = None
    last_id: int = 0

    @property
    def is_group(self) -> bool:
        """Tell whether several people speak here."""
        return self.type in ("group", "supergroup")

    def as_json(self) -> dict[str, object]:
        """Give it as the server writes it."""
        body: dict[str, object] = {"id": self.id, "type": self.type}
        if self.owner and self.type == "private":
            body["first_name"] = self.owner.first_name
            if self.owner.username:
                body["username"] = self.owner.username
        else:
            body["title"] = self.title
        return {**body, "is_forum": True} if self.forum else body

    def next_id(self) -> int:
        """Give the number of the next message."""
        self.last_id += 1
        return self.last_id

    def find(self, message_id: int | None) -> Record | None:
        """Find a message that is still there; ephemeral ones can not be found so."""
        if not message_id:
            return None
        return next((record for record in self.records if record.message_id == message_id and not record.deleted), None)

    def find_ephemeral(self, ephemeral_id: int | None) -> Record | None:
        """Find an ephemeral message that is still there."""
        if not ephemeral_id:
            return None
        return next((it for it in self.records if it.ephemeral_id == ephemeral_id and not it.deleted), None)

    def check_thread(self, thread_id: int | None) -> None:
        """Refuse a thread that is no topic; the General topic has no number when sending."""
        if thread_id and thread_id not in self.topics:
            raise bad("message thread not found")
