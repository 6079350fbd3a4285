"""Tree: the messages of a session by what they follow, whatever their positions are on this machine.

Two machines number their messages differently. What they have in common is found by content: a message is the same as
another if it is equal in all its fields and follows the same one, and so on to the beginning.
"""

from __future__ import annotations

import hashlib
import json

from sessions.exchange.facts import Facts, Stamps
from sessions.export.transcript import Transcript
from sessions.message import Message

ROOT = b""  # the beginning, before every message
_SIZE = 16


class Tree:
    """The messages of a transcript by their numbers `n` there; 0 is the beginning."""

    def __init__(self, transcript: Transcript) -> None:
        self.parents: dict[int, int] = {0: -1}
        self.marks: dict[int, bytes] = {0: ROOT}  # tells a message and all before it from others
        self.depths: dict[int, int] = {0: 0}
        self.messages: dict[int, Message] = {}
        self.contents: dict[int, bytes] = {}
        self.children: dict[tuple[int, bytes], int] = {}  # by parent and content
        self.sources: dict[tuple[int, str], int] = {}  # by parent and the platform's name of what a person said
        self.head = transcript.head
        newest: dict[int, int] = {branch.number: branch.parent or 0 for branch in transcript.branches}
        for n, branch, message in transcript.stored:
            self._add(n, newest.get(branch, 0), message)
            newest[branch] = n

    def _add(self, n: int, parent: int, message: Message) -> None:
        content = content_of(message)
        self.parents[n], self.messages[n], self.contents[n] = parent, message, content
        self.depths[n] = self.depths[parent] + 1
        self.marks[n] = hashlib.sha256(self.marks[parent] + content).digest()[:_SIZE]
        self.children.setdefault((parent, content), n)
        if (source := source_of(message)) is not None:
            self.sources.setdefault((parent, source), n)

    @property
    def head_mark(self) -> str:
        """Name where one reads, in a way that is the same on every machine."""
        return self.marks[self.head].hex()


def state_of(transcript: Transcript, tree: Tree, stamps: Stamps) -> bytes:
    """Give 32 bytes that are the same for the same session on any machine: messages, head, checkpoints and facts."""
    times = [[name, stamp.at, stamp.digest] for name, stamp in sorted(stamps.items())]
    points = sorted(
        [one.name, one.description, tree.marks[transcript.checkpoint_positions[one.id]].hex()]
        for one in transcript.checkpoints
        if not one.automatic and one.id in transcript.checkpoint_positions
    )
    said = [Facts.of(transcript.session).plain(), times, tree.head_mark, points]
    data = json.dumps(said, sort_keys=True, ensure_ascii=True).encode()
    marks = b"".join(sorted(set(tree.marks.values())))
    return hashlib.sha256(b"palaver/exchange/v1/state" + hashlib.sha256(marks).digest() + data).digest()


def content_of(message: Message) -> bytes:
    """Give 32 bytes that differ for messages that differ in anything but their place."""
    said = [
        message.role,
        message.kind,
        message.content,
        message.created_ms,
        None if message.usage is None else list(message.usage),
        message.important,
        message.author,
        dict(message.metadata or {}),
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).digest()


def source_of(message: Message) -> str | None:
    """Give the name by which a platform knows what a person said, as far as it may be edited there."""
    source = (message.metadata or {}).get("source")
    return source if message.role == "user" and isinstance(source, str) else None
