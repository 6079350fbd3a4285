"""Transcript: everything an export is made of, as one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sessions.checkpoint import Checkpoint
from sessions.errors import InvalidValue
from sessions.message import Message
from sessions.reset_policy import ResetPolicy
from sessions.session import Session


class StoredMessage(NamedTuple):
    """A message with its place in storage: `n` counts up from 1 in the order of storing."""

    n: int
    branch: int
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A line of messages. `start` is the least `n` it may hold, also while it is still empty.

    `parent` is the `n` of the message it leaves from; 0 means it leaves from the very beginning, and
    None that it was the first.
    """

    number: int
    start: int
    parent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One conversation, ready to be written down.

    `messages` is what one reads along the current branch: Markdown, HTML and text show these.
    `stored` is every message in the order of `n`, also on other branches: JSON writes these, and a
    message that does not open must stand there too, with the kind `unreadable`. `head` is the `n` of
    the newest message read (0: none). `checkpoint_positions` gives the `n` at which the
    checkpoint of an id stands. `address` names where the conversation was held, in words chosen by the
    caller. `policy` is the reset rule that was set for this conversation alone.
    """

    session: Session
    messages: Sequence[Message]
    stored: Sequence[StoredMessage]
    branches: Sequence[Branch]
    head: int
    exported_at: datetime
    checkpoints: Sequence[Checkpoint] = ()
    checkpoint_positions: Mapping[str, int] = field(default_factory=dict)
    address: Mapping[str, str] = field(default_factory=dict)
    damaged: int = 0
    policy: ResetPolicy | None = None


def read_along(stored: Iterable[StoredMessage], branches: Iterable[Branch], head: int) -> tuple[Message, ...]:
    """Give the messages from the beginning to the one at `head`, oldest first.

    Raises `InvalidValue` where a message or a branch on the way is missing.
    """
    by_branch: dict[int, list[StoredMessage]] = {}
    branch_of: dict[int, int] = {}
    for one in stored:
        by_branch.setdefault(one.branch, []).append(one)
        branch_of[one.n] = one.branch
    parents = {branch.number: branch.parent or 0 for branch in branches}
    runs: list[list[Message]] = []
    try:
        while head:
            branch = branch_of[head]
            runs.append([one.message for one in by_branch[branch] if one.n <= head])
            head = parents[branch]
    except KeyError:
        raise InvalidValue(f"the way to message {head} is broken: a message or branch is missing") from None
    return tuple(message for run in reversed(runs) for message in run)
