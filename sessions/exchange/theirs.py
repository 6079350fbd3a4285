"""Theirs: what another machine says of a session, before it is merged into what is here."""

from __future__ import annotations

from dataclasses import dataclass

from sessions.exchange.facts import Stamps
from sessions.export.transcript import Transcript
from sessions.live import check_usage
from sessions.message import Message, clean_metadata, clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """What another machine says of a session, and what is known of it from before."""

    transcript: Transcript
    name: str  # of the machine
    told_head: str | None  # where it was reading when it was heard of last
    stamps: Stamps  # of its facts


@dataclass(frozen=True, slots=True)
class Revision:
    """A message that another session holds, and its newer text."""

    holder: str
    position: int
    message: Message


def checked(message: Message) -> Message:
    """Let a message pass that could have been stored here as it is. Raises `InvalidValue`."""
    if message.usage is not None:
        check_usage(message.usage)
    if message.author is not None:
        clean_text(message.author, "author")
    if message.metadata is not None:
        clean_metadata(message.metadata)
    return message
