"""Confirmations: questions that wait for a yes.

Only the very next thing a person says can answer, at the place where they were asked, and only for
two minutes. Buttons carry the mark of their question, so an old button never answers a newer one.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.reply import Choice, Reply
from bot.commands.failures import failure
from sessions.address import Address
from sessions.errors import SessionError

LIFETIME = 120  # seconds
MAX_WAITING = 1_000  # questions of people who never answered are dropped, oldest first
_ANSWER = re.compile(r"(yes|y|no|n)(?: #([0-9a-f]{6}))?[.!]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked before something can not be taken back, and what a yes does.

    `run` must already know what it acts on: nothing is looked up again after the yes.
    """

    text: str
    yes: str
    run: Callable[[], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    question: Question
    mark: str
    until: float


class Confirmations:
    """The open questions, at most one per person and place."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._waiting: dict[Address, _Waiting] = {}

    def ask(self, address: Address, question: Question) -> Reply:
        """Keep the question open and give the reply that asks it. It replaces an earlier one."""
        mark = secrets.token_hex(3)
        self._waiting.pop(address, None)
        self._waiting[address] = _Waiting(question, mark, self._clock() + LIFETIME)
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        choices = (Choice(label=question.yes, text=f"yes #{mark}"), Choice(label="No", text=f"no #{mark}"))
        text = f"{question.text}\n\nAnswer **yes** or **no**."
        return Reply(text=text, choices=choices)

    async def take(self, address: Address, text: str) -> Reply | None:
        """Answer the open question with `text`; None when `text` is not an answer to one.

        Whatever the text is, the question is closed afterwards.
        """
        answer = _ANSWER.fullmatch(text.strip())
        waiting = self._waiting.pop(address, None)
        if answer is None or (waiting is None and answer[2] is None):
            return None
        if waiting is None or answer[2] not in (None, waiting.mark) or self._clock() > waiting.until:
            return Reply(text="That question is no longer open. Nothing was changed.", error=True)
        if answer[1].lower() in ("n", "no"):
            return Reply(text="Nothing was changed.")
        try:
            return await waiting.question.run()
        except SessionError as error:
            return failure(error)
