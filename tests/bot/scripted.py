"""A model that follows a script, and a channel that writes down what it is given."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from adapters.reply import Reply
from bot.models.backend import Delta, Finished, Prompt, TextDelta
from bot.models.errors import ModelError
from sessions import Usage


class Hold:
    """A place in a script where the model waits until the test lets it go on."""

    def __init__(self) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()


Step = str | Finished | Hold | Exception
USAGE = Usage(10, 5)


class ScriptedBackend:
    """Plays one script for each request, then says "I see."; remembers what it was asked."""

    name = "scripted"

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = deque(scripts)
        self.prompts: list[Prompt] = []
        self.closed = 0

    def then(self, *steps: Step) -> None:
        """Play these steps next."""
        self._scripts.append(steps)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.prompts.append(prompt)
        steps = self._scripts.popleft() if self._scripts else ("I see.",)
        try:
            for step in steps:
                if isinstance(step, Hold):
                    step.reached.set()
                    await step.go.wait()
                elif isinstance(step, Exception):
                    raise step
                elif isinstance(step, Finished):
                    yield step
                    return
                else:
                    yield TextDelta(step)
            yield Finished(USAGE)
        finally:
            self.closed += 1

    async def close(self) -> None:
        return

    @property
    def asked(self) -> list[list[str]]:
        """The words of every request."""
        return [[message.content for message in prompt.messages] for prompt in self.prompts]


@dataclass
class Paper:
    """An outlet that keeps what it is given."""

    sent: list[Reply] = field(default_factory=list)
    fed: str = ""
    finished: list[str] = field(default_factory=list)
    promised: list[str] = field(default_factory=list)

    async def send(self, reply: Reply) -> None:
        self.sent.append(reply)

    async def feed(self, delta: str) -> None:
        self.fed += delta

    def promise(self, reply: Reply) -> None:
        self.promised.append(reply.text)

    async def finish(self, reply: Reply) -> None:
        self.finished.append(reply.text)

    @property
    def said(self) -> list[str]:
        """The texts of the complete replies."""
        return [reply.text for reply in self.sent]


def broken() -> ModelError:
    from bot.models.errors import ModelBroken

    return ModelBroken(detail="cut")
