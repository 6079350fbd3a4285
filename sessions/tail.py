"""Tail: the newest messages of a session, as they were read or written, without a gap up to the newest one."""

from __future__ import annotations

from sessions.message import Message


class Tail:
    """What is known of the messages at the head. Whatever moves the head or changes a text puts another in its place.

    So a read that took a while keeps what it found where nobody looks any more.
    """

    __slots__ = ("__weakref__", "messages", "none_kept", "size", "whole")

    def __init__(self, *, empty: bool) -> None:
        self.messages: list[Message] = []
        self.size = 0  # bytes, about, once it is long
        self.whole = empty
        """Whether it reaches back to the first message."""
        self.none_kept = empty
        """Whether no message up to the head is one that every context keeps."""
