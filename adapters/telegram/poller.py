"""Poller: fetches updates, and tells Telegram that it has them once they are stored."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from telegram import Bot
from telegram.error import Conflict, TelegramError

from adapters.pauses import Pauses
from adapters.telegram.parsing import ALLOWED_UPDATES
from adapters.telegram.place import whole
from adapters.telegram.wire import Flooded, TokenRefused
from sessions.errors import SessionError

LONG_POLL = 50  # seconds that Telegram waits for something to tell
CONFLICT_PAUSE = 30.0
HANDED_OVER = 3  # conflicts in a row that may come of a worker that was held up and does not know better yet
log = logging.getLogger(__name__)

Take = Callable[[Sequence[object]], Awaitable[None]]
"""Stores updates; they are durable when it returns."""


class Poller:
    """Asks Telegram for updates again and again.

    `doubt` is called where one of several workers polls, and another one may have begun to: whoever is not to poll any
    more is told to stop by that.
    """

    def __init__(
        self,
        bot: Bot,
        take: Take,
        stopping: asyncio.Event,
        *,
        doubt: Callable[[], None] | None = None,
        long_poll: int = LONG_POLL,
        conflict_pause: float = CONFLICT_PAUSE,
    ) -> None:
        self._bot, self._take, self._stopping = bot, take, stopping
        self._doubt, self._long_poll, self._conflict_pause = doubt, long_poll, conflict_pause
        self._conflicts, self._last_conflict, self._soon = 0, float("-inf"), Pauses()
        self._offset: int | None = None
        self.trouble: str | None = None
        """What kept the last poll from being answered, in one word."""

    async def run(self) -> None:
        """Poll until told to stop. Raises `TokenRefused`."""
        pauses = Pauses()
        while not self._stopping.is_set():
            try:
                await self._once()
            except TokenRefused:
                raise
            except Conflict as error:
                self.trouble = "conflict"
                await self._resolve(error)
            except Flooded as error:
                self.trouble = "flooded"
                await self._rest(error.seconds)
            except SessionError as error:
                self.trouble = "store"
                log.warning("what Telegram sent can not be stored: %s; trying again", type(error).__name__)
                await self._rest(pauses.next())
            except TelegramError as error:
                self.trouble = "unreachable"
                log.warning("no updates from Telegram: %s; trying again", type(error).__name__)
                await self._rest(pauses.next())
            else:
                self.trouble = None
                pauses.restart()

    async def _once(self) -> None:
        updates = await self._fetch()
        if updates is None:
            return
        await self._take(updates)
        numbers = [
            number
            for update in updates
            if isinstance(update, Mapping) and (number := whole(update.get("update_id"))) is not None
        ]
        # What an empty answer confirmed stays confirmed; after a quiet week Telegram may count anew, from below.
        self._offset = max(numbers) + 1 if numbers else None

    async def _fetch(self) -> Sequence[object] | None:
        """Wait for updates as they came, with whatever the library does not know; None when told to stop."""
        wait = 0 if self.trouble else self._long_poll  # an answer that comes at once tells that it is over
        asked = {"offset": self._offset, "timeout": wait, "allowed_updates": list(ALLOWED_UPDATES)}
        # Names of methods have no case. Written as usual, the library would point to its own, which drops the rest.
        call = self._bot.do_api_request("GetUpdates", api_kwargs=asked, read_timeout=self._long_poll + 10.0)
        poll = asyncio.ensure_future(call)
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({poll, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            if not poll.done():
                poll.cancel()
                await asyncio.wait({poll})
        if poll.cancelled():
            return None
        found = poll.result()
        return found if isinstance(found, list) else []

    async def _resolve(self, error: Conflict) -> None:
        """Wait for another program that uses the token to end, or take away the webhook that is set."""
        pause = self._conflict_pause
        if "webhook" in str(error).lower():
            log.warning("a webhook was set for this bot, so nothing can be polled; deleting it")
            with suppress(TelegramError):
                await self._bot.delete_webhook()
        elif self._may_be_handed_over():
            pause = self._soon.next()
            log.info("another worker has polled; looking which of them is to, and trying again")
        else:
            log.warning("another program polls with the token of this bot; trying again in %g s", pause)
        await self._rest(pause)

    def _may_be_handed_over(self) -> bool:
        """Have it looked which worker is to poll; tell whether a conflict may come of a change of that."""
        if self._doubt is None:
            return False
        self._doubt()
        now = time.monotonic()
        if now - self._last_conflict > 2 * self._conflict_pause:
            self._conflicts = 0
            self._soon.restart()
        self._conflicts, self._last_conflict = self._conflicts + 1, now
        return self._conflicts <= HANDED_OVER

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
