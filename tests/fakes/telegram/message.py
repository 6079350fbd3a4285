"""Message: what was said in a chat, as the server keeps it and as a test looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class BotMessage:
    """A message of the bot as people see it at one moment.

    `edits` are its earlier texts, oldest first. `seen_by` is the id of the only person who sees it,
    None for everybody. `order` grows with every message of any chat.
    """

    chat_id: int
    message_id: int
    text: str
    entities: tuple[Json, ...] = ()
    buttons: tuple[tuple[str, str], ...] = ()
    document: tuple[str, bytes] | None = None
    edits: tuple[str, ...] = ()
    thread_id: int | None = None
    reply_to: int | None = None
    seen_by: int | None = None
    ephemeral_id: int | None = None
    order: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Record:
    """A message as the server keeps it: `body` is what it tells the bot."""

    body: Json
    by_bot: bool
    order: int
    at: float
    document: tuple[str, bytes] | None = None
    seen_by: int | None = None
    edits: list[str] = field(default_factory=list)
    deleted: bool = False

    @property
    def message_id(self) -> int:
        """The number within the chat, 0 for an ephemeral message."""
        return number(self.body["message_id"])

    @property
    def ephemeral_id(self) -> int | None:
        """The number of an ephemeral message, None for any other."""
        return number(self.body["ephemeral_message_id"]) if "ephemeral_message_id" in self.body else None

    @property
    def text_field(self) -> str:
        """Where its text stands: a document has a caption."""
        return "caption" if "document" in self.body else "text"

    @property
    def text(self) -> str:
        """Its text or caption."""
        return str(self.body.get(self.text_field, ""))

    @property
    def thread_id(self) -> int | None:
        """The thread it stands in, as the bot is told."""
        return number(self.body["message_thread_id"]) if "message_thread_id" in self.body else None

    def as_reply(self) -> Json:
        """Give it as the message that another one replies to: one step, never a chain."""
        return {name: value for name, value in self.body.items() if name != "reply_to_message"}

    def snapshot(self, chat_id: int) -> BotMessage:
        """Give it as people see it now."""
        reply = self.body.get("reply_to_message")
        return BotMessage(
            chat_id=chat_id,
            message_id=self.message_id,
            text=self.text,
            entities=tuple(items(self.body.get(_entities_field(self)))),
            buttons=tuple(buttons(self.body.get("reply_markup"))),
            document=self.document,
            edits=tuple(self.edits),
            thread_id=self.thread_id,
            reply_to=number(reply["message_id"]) if isinstance(reply, dict) else None,
            seen_by=self.seen_by,
            ephemeral_id=self.ephemeral_id,
            order=self.order,
        )


def _entities_field(record: Record) -> str:
    return "caption_entities" if record.text_field == "caption" else "entities"


def number(value: object) -> int:
    """Take a value for the whole number that it is."""
    if not isinstance(value, int):
        raise TypeError(f"not a number: {value!r}")
    return value


def items(value: object) -> list[Json]:
    """Take a value for a list of objects; None is an empty one."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def buttons(markup: object) -> list[tuple[str, str]]:
    """Give label and callback data (or the link) of every button, row by row."""
    rows = markup.get("inline_keyboard", []) if isinstance(markup, dict) else []
    return [
        (str(button["text"]), str(button.get("callback_data", button.get("url", ""))))
        for row in rows
        if isinstance(row, list)
        for button in items(row)
    ]
