"""Faults: what goes wrong on command."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.failure import Cut, Failure, too_many
from tests.fakes.telegram.updates import Updates

_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(slots=True, kw_only=True)
class Rule:
    """One thing that goes wrong `times` times; no method stands for every one but getUpdates."""

    kind: Literal["fail", "delay", "cut", "drop"]
    method: str | None
    times: int
    chat: int | None = None
    seconds: float = 0.0
    failure: Failure | None = None

    def takes(self, method: str, chat: int | None) -> bool:
        """Tell whether it holds for a call."""
        meant = method != "getUpdates" if self.method is None else method.lower() == self.method.lower()
        return self.times > 0 and meant and self.chat in (None, chat)


class Faults:
    """The rules that are switched on."""

    def __init__(self, updates: Updates) -> None:
        self._rules: list[Rule] = []
        self._updates = updates

    def fail(self, method: str | None, status: int = 500, times: int = 1, description: str = "") -> None:
        """Answer the next calls with an error, and do nothing."""
        words = description or _WORDS.get(status, "Error")
        self._rules.append(Rule(kind="fail", method=method, times=times, failure=Failure(status, words)))

    def too_many(
        self, method: str | None = None, chat: Chat | int | None = None, retry_after: int = 3, times: int = 1
    ) -> None:
        """Answer the next calls that they come too fast, and do nothing."""
        chat_id = chat.id if isinstance(chat, Chat) else chat
        self._rules.append(Rule(kind="fail", method=method, times=times, chat=chat_id, failure=too_many(retry_after)))

    def delay(self, method: str | None, seconds: float, times: int = 1) -> None:
        """Think for a while before the next calls are done."""
        self._rules.append(Rule(kind="delay", method=method, times=times, seconds=seconds))

    def cut(self, method: str | None, times: int = 1) -> None:
        """Cut the connections of the next calls before anything is done."""
        self._rules.append(Rule(kind="cut", method=method, times=times))

    def drop_after(self, method: str | None, times: int = 1) -> None:
        """Do what the next calls ask for, and cut their connections without an answer."""
        self._rules.append(Rule(kind="drop", method=method, times=times))

    def duplicate_updates(self, times: int = 1) -> None:
        """Deliver the next confirmed updates once more."""
        self._updates.duplicates += times

    def reorder_updates(self, times: int = 1) -> None:
        """Deliver the next batches of two and more updates the wrong way round."""
        self._updates.reorders += times

    def hang_up(self) -> None:
        """Cut every long poll that is open now."""
        self._updates.end_poll(Cut())

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._rules.clear()
        self._updates.duplicates = self._updates.reorders = 0

    async def before(self, method: str, chat: int | None) -> None:
        """Do what goes wrong before a call."""
        if rule := self._next("delay", method, chat):
            await asyncio.sleep(rule.seconds)
        if self._next("cut", method, chat):
            raise Cut
        if (rule := self._next("fail", method, chat)) and rule.failure:
            raise rule.failure

    def after(self, method: str, chat: int | None) -> None:
        """Do what goes wrong after a call."""
        if self._next("drop", method, chat):
            raise Cut

    def _next(self, kind: str, method: str, chat: int | None) -> Rule | None:
        for rule in self._rules:
            if rule.kind == kind and rule.takes(method, chat):
                rule.times -= 1
                return rule
        return None
