"""Confirmations: questions that wait for a yes.

Only the very next thing a person says can answer, at the place where they were asked, and only for
two minutes. A question that was put in private can be answered in a private chat too: that is where it is seen.
Buttons carry the mark of their question, so an old button never answers a newer one, and they count wherever the
person presses them: a mark leads to the worker that knows the question.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.marks import MARK, new_mark
from adapters.reply import Choice, Reply
from bot.commands.failures import failure
from sessions.address import Address, ChatKind
from sessions.errors import SessionError

LIFETIME = 120  # seconds
MAX_WAITING = 1_000  # questions of people who never answered are dropped, oldest first
_CLOSED = "That question is no longer open, and nothing was changed. Send the command once more if you still want it."
_ANSWER = re.compile(rf"(yes|y|no|n)(?: #({MARK}))?[.!]?", re.IGNORECASE)


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
    private: bool


class Confirmations:
    """The open questions, at most one per person and place."""

    def __init__(
        self, *, clock: Callable[[], float] = time.time, lane_of: Callable[[Address], int] = lambda _: 0
    ) -> None:
        self._clock, self._lane_of = clock, lane_of
        self._waiting: dict[Address, _Waiting] = {}

    def ask(self, address: Address, question: Question, *, private: bool = False) -> Reply:
        """Keep the question open and give the reply that asks it. It replaces an earlier one.

        `private` says that it is put to the person alone, wherever they asked.
        """
        mark = new_mark(self._lane_of(address))
        self._waiting.pop(address, None)
        self._waiting[address] = _Waiting(question, mark, self._clock() + LIFETIME, private)
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        choices = (
            Choice(label=question.yes, text=f"yes #{mark}", anywhere=True),
            Choice(label="No", text=f"no #{mark}", anywhere=True),
        )
        text = f"{question.text}\n\nAnswer **yes** or **no**."
        return Reply(text=text, choices=choices)

    def close(self, address: Address) -> None:
        """Close what is open for somebody at a place: they went on to something else."""
        for place in self._places(address):
            del self._waiting[place]

    def places(self) -> list[Address]:
        """Give where a question may still be answered."""
        return [address for address, waiting in self._waiting.items() if self._clock() <= waiting.until]

    async def take(self, address: Address, text: str) -> Reply | None:
        """Answer the open question with `text`; None when `text` is not an answer to one.

        Whatever the text is, the question is closed afterwards.
        """
        answer = _ANSWER.fullmatch(text.strip())
        waiting = self._find(address, answer[2] if answer else None)
        self.close(address)
        if answer is None or (waiting is None and answer[2] is None):
            return None
        if waiting is None or self._clock() > waiting.until:
            return Reply(text=_CLOSED, error=True)
        if answer[1].lower() in ("n", "no"):
            return Reply(text="Nothing was changed.")
        try:
            return await waiting.question.run()
        except SessionError as error:
            return failure(error)

    def _find(self, address: Address, mark: str | None) -> _Waiting | None:
        """Take the question that an answer is meant for: the one with its mark, else the newest that is seen there."""
        if mark is None:
            places = self._places(address)
        else:
            places = [
                place for place, one in self._waiting.items() if one.mark == mark.lower() and _same(place, address)
            ]
        return self._waiting.pop(places[-1]) if places else None

    def _places(self, address: Address) -> list[Address]:
        """Give where questions wait that the person sees at this address, the oldest first."""
        if address.chat_kind is not ChatKind.PRIVATE:
            return [address] if address in self._waiting else []
        return [
            place
            for place, waiting in self._waiting.items()
            if place == address or (waiting.private and _same(place, address))
        ]


def _same(one: Address, other: Address) -> bool:
    """Tell whether two addresses are of one account of a person with one bot."""
    return (one.platform, one.account, one.user_id) == (other.platform, other.account, other.user_id)
