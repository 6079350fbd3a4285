"""ModelBackend: what every source of replies looks like, and the values it speaks in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sessions.message import Message, Usage

StopReason = Literal["end", "length", "refused", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model is to answer: the conversation so far, oldest first.

    `model` overrides the backend's own choice. Words stay out of the repr, and so out of logs.
    """

    messages: Sequence[Message] = field(repr=False)
    system: str | None = field(default=None, repr=False)
    model: str | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply. An empty one only says that the model is still at work."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is complete; `usage` is None where the provider did not count."""

    usage: Usage | None = None
    stop_reason: StopReason = "end"


Delta = TextDelta | Finished


class ModelBackend(Protocol):
    """A source of replies."""

    @property
    def name(self) -> str:
        """What the settings call this backend."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """Yield any number of `TextDelta`, then exactly one `Finished`.

        A failure raises `ModelError`, at the first step or after some text; text yielded before it
        is what the model really said and is worth keeping. Iterate inside `contextlib.aclosing`:
        then leaving the block, by whatever way, has closed the connection. Cancelling a task that
        waits for the next delta closes it as well.
        """

    async def close(self) -> None:
        """Let go of connections. Safe to call twice."""
