"""Short ways to talk to a backend in a test."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from bot.models.anthropic_backend import AnthropicBackend
from bot.models.backend import Finished, ModelBackend, Prompt, TextDelta
from bot.models.errors import ModelError
from bot.models.openai_backend import OpenAIBackend
from sessions.message import KindName, Message, RoleName
from tests.fakes.model_server import ModelServer

KEY = "sk-canary-0123456789"


@dataclass(slots=True)
class Heard:
    """All that came of one prompt."""

    pieces: list[str]
    finished: Finished | None = None
    error: ModelError | None = None

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Vendor:
    """One of the two vendors, pointed at the fake server."""

    name: str
    server: ModelServer
    opened: list[ModelBackend] = field(default_factory=list)

    def backend(self, *, api_key: str | None = KEY) -> ModelBackend:
        """A bare backend, without any patience around it; the fixture closes it."""
        if self.name == "openai":
            made: ModelBackend = OpenAIBackend("fake-model", api_key=api_key, base_url=self.server.openai_url)
        else:
            made = AnthropicBackend("fake-model", api_key=api_key, base_url=self.server.anthropic_url)
        self.opened.append(made)
        return made

    async def close(self) -> None:
        """Close every backend that was made."""
        for backend in self.opened:
            await backend.close()


def says(
    content: str, *, role: RoleName = "user", kind: KindName = "text", seq: int = 1, author: str | None = None
) -> Message:
    """One message."""
    return Message(seq=seq, role=role, content=content, created_ms=seq, kind=kind, author=author)


def ask(*contents: str) -> Prompt:
    """A prompt in which user and assistant speak in turn."""
    roles: Sequence[RoleName] = ("user", "assistant")
    return Prompt(messages=[says(text, role=roles[i % 2], seq=i + 1) for i, text in enumerate(contents)])


async def hear(backend: ModelBackend, prompt: Prompt) -> Heard:
    """Take in a whole reply, and the error it may end with."""
    heard = Heard([])
    try:
        async with aclosing(backend.stream(prompt)) as deltas:
            async for delta in deltas:
                assert heard.finished is None, "nothing may follow Finished"
                if isinstance(delta, TextDelta):
                    heard.pieces.append(delta.text)
                else:
                    heard.finished = delta
    except ModelError as error:
        heard.error = error
    return heard
