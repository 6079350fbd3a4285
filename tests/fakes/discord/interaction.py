"""One use of a command, a button or a menu, and what the bot answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.discord.document import Document
from tests.fakes.discord.message import Button, File, Message
from tests.fakes.discord.person import User
from tests.fakes.discord.place import Channel

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
FIRST_ANSWER_SECONDS, TOKEN_SECONDS = 3.0, 15 * 60.0


@dataclass(slots=True)
class Answer:
    """What the bot did with an interaction so far."""

    acknowledged_at: float | None = None
    deferred: bool = False
    ephemeral: bool = False
    updates: bool = False  # it changes the message that was pressed
    message: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Document] | None = None
    modal: Document | None = None

    @property
    def content(self) -> str:
        """The text of the answer."""
        return self.message.content if self.message else ""

    @property
    def files(self) -> list[File]:
        """The files of the answer."""
        return self.message.files if self.message else []

    @property
    def buttons(self) -> list[Button]:
        """The buttons of the answer."""
        return self.message.buttons if self.message else []

    @property
    def edits(self) -> list[str]:
        """The texts that the answer had before."""
        return self.message.edits if self.message else []


@dataclass(slots=True, eq=False)
class Interaction:
    """One use, with the clocks that the platform keeps on it."""

    id: int
    token: str
    kind: int
    person: User
    channel: Channel
    at: float
    name: str
    installed_for_user: bool = False
    source: Message | None = None  # the message that was pressed
    answer: Answer = field(default_factory=Answer)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def settled(self) -> bool:
        """Whether the person has something to look at."""
        message, answer = self.answer.message, self.answer
        if answer.choices is not None or answer.modal is not None or answer.followups:
            return True
        if answer.updates:
            return answer.message is not None
        return message is not None and not message.thinking

    def touch(self) -> None:
        """Wake who waits for the answer."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def acknowledged(self, timeout: float = 5.0) -> Answer:  # noqa: ASYNC109 - the patience of a test
        """Wait until the bot gave its first answer, if only that it is thinking."""
        return await self._until(lambda: self.answer.acknowledged_at is not None, timeout)

    async def answered(self, timeout: float = 5.0) -> Answer:  # noqa: ASYNC109 - the patience of a test
        """Wait until the bot has shown something."""
        return await self._until(lambda: self.settled, timeout)

    async def _until(self, done: Callable[[], bool], seconds: float) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"the bot did not answer {self.name} within {seconds} s") from None
        return self.answer
