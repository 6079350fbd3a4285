"""Webhook: brings updates to the bot by calling it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp

from tests.fakes.telegram.message import Json
from tests.fakes.telegram.updates import Update, Updates

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to call, as set by setWebhook."""

    url: str
    secret: str = ""
    max_connections: int = 40


class Webhook:
    """Delivers in order within each chat, and again until the bot says that it has it."""

    def __init__(self, updates: Updates) -> None:
        self.target: Target | None = None
        self.last_error = ""
        self._updates = updates
        self._worker: asyncio.Task[None] | None = None
        self._deliveries: dict[int, asyncio.Task[None]] = {}

    async def set(self, target: Target | None) -> None:
        """Deliver to another place, or nowhere."""
        self.target = None
        tasks = [*([self._worker] if self._worker else []), *self._deliveries.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._deliveries.clear()
        self._worker, self.target = None, target
        if target:
            self._worker = asyncio.create_task(self._work(target))

    def as_json(self) -> Json:
        """Give what getWebhookInfo tells."""
        body: Json = {
            "url": self.target.url if self.target else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates.waiting),
        }
        if self.target:
            body["max_connections"] = self.target.max_connections
        if self.last_error:
            body["last_error_message"] = self.last_error
        if self._updates.allowed:
            body["allowed_updates"] = list(self._updates.allowed)
        return body

    async def _work(self, target: Target) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while True:
                for update in self._free(target):
                    task = asyncio.create_task(self._deliver(session, target, update))
                    self._deliveries[update.chat] = task
                await self._updates.arrived.wait()

    def _free(self, target: Target) -> list[Update]:
        first = {update.chat: update for update in reversed(self._updates.waiting)}
        free = [update for chat, update in first.items() if chat not in self._deliveries]
        return sorted(free, key=lambda update: update.id)[: target.max_connections - len(self._deliveries)]

    async def _deliver(self, session: aiohttp.ClientSession, target: Target, update: Update) -> None:
        pause = FIRST_PAUSE
        while update in self._updates.waiting:
            if await self._call(session, target, update):
                if self._updates.confirm(update):
                    await self._call(session, target, update)
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        self._deliveries.pop(update.chat, None)
        self._updates.arrived.ring()

    async def _call(self, session: aiohttp.ClientSession, target: Target, update: Update) -> bool:
        headers = {"X-Telegram-Bot-Api-Secret-Token": target.secret} if target.secret else {}
        try:
            async with session.post(target.url, json=update.as_json(), headers=headers) as answer:
                await answer.read()
                taken = 200 <= answer.status < 300
                self.last_error = "" if taken else f"Wrong response from the webhook: {answer.status} {answer.reason}"
                return taken
        except (aiohttp.ClientError, TimeoutError) as error:
            self.last_error = f"Connection failed: {type(error).__name__}"
            return False
