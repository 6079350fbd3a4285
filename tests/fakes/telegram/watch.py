"""Watch: what a test looks at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.crowd import Crowd
from tests.fakes.telegram.message import BotMessage, Json, number

LOOK_AGAIN = 0.02  # seconds; what the bot does without a call makes no change here
Wanted = str | Callable[[BotMessage], bool]


class Watch(Crowd):
    """Looks at the chats from outside."""

    @property
    def commands(self) -> dict[str, list[Json]]:
        """The menus by scope: "default", "chat:-100...", "chat_member:-100...:42", with a language "default/de"."""
        return self.world.commands

    @property
    def pending(self) -> int:
        """How many updates are not confirmed yet."""
        return len(self.world.updates.waiting)

    @property
    def polls_open(self) -> int:
        """How many long polls wait for updates now: one or none."""
        return int(self.world.updates.is_polled)

    @property
    def limits_violations(self) -> list[str]:
        """Every time when the bot was too fast."""
        return self.world.limits.violations

    @property
    def enforce_limits(self) -> bool:
        """Whether a bot that is too fast is refused."""
        return self.world.enforce_limits

    @enforce_limits.setter
    def enforce_limits(self, value: bool) -> None:
        self.world.enforce_limits = value

    def messages(self, chat: Chat) -> list[BotMessage]:
        """Give what the bot sent there and people see now."""
        return [record.snapshot(chat.id) for record in chat.records if record.by_bot and not record.deleted]

    def drafts(self, chat: Chat) -> list[str]:
        """Give the texts of the drafts, oldest first."""
        return list(chat.drafts)

    def actions(self, chat: Chat) -> list[str]:
        """Give what the bot showed itself doing."""
        return list(chat.actions)

    def transcript(self, chat: Chat | None = None) -> str:
        """Give who said what, in one chat or in all."""
        return self.world.journal.text(chat)

    async def wait_for(
        self,
        chat: Chat,
        wanted: Wanted,
        timeout: float = 5.0,  # noqa: ASYNC109 - the patience of a test
        *,
        after: BotMessage | Json | None = None,
    ) -> BotMessage:
        """Wait for a message of the bot, and give the newest that fits.

        With `after`, only what came later than that message counts.
        """
        order = self._order(chat, after)

        def fitting() -> BotMessage | None:
            late = [message for message in self.messages(chat) if message.order > order]
            return next((message for message in reversed(late) if _fits(message, wanted)), None)

        await self.until(lambda: fitting() is not None, timeout, chat=chat, what=_words(wanted))
        found = fitting()
        assert found
        return found

    async def until(
        self,
        holds: Callable[[], bool],
        timeout: float = 5.0,  # noqa: ASYNC109 - the patience of a test
        *,
        chat: Chat | None = None,
        what: str = "something",
    ) -> None:
        """Wait until something holds: at once when something changes here, soon when it is brought about elsewhere."""
        try:
            async with asyncio.timeout(timeout):
                while not holds():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.world.changed.wait(), LOOK_AGAIN)
        except TimeoutError:
            heard = self.transcript(chat)
            raise AssertionError(f"waited {timeout:g} s in vain for {what}\n{heard}") from None

    def _order(self, chat: Chat, after: BotMessage | Json | None) -> int:
        if after is None:
            return 0
        if isinstance(after, BotMessage):
            return after.order
        ephemeral = after.get("ephemeral_message_id")
        message_id = number(after["message_id"])
        return next(
            it.order
            for it in chat.records
            if (it.ephemeral_id == ephemeral if ephemeral else it.message_id == message_id)
        )


def _fits(message: BotMessage, wanted: Wanted) -> bool:
    return wanted in message.text if isinstance(wanted, str) else wanted(message)


def _words(wanted: Wanted) -> str:
    return repr(wanted) if isinstance(wanted, str) else f"a message for which {wanted.__name__} holds"
