"""Context: the part of a transcript that goes to the model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sessions.errors import InvalidValue
from sessions.live import LiveSession
from sessions.message import Message
from sessions.tokens import TokenCounter, cost
from sessions.transcripts import Transcripts

StrategyName = Literal["recent", "smart", "summarize"]
STRATEGIES: tuple[StrategyName, ...] = ("recent", "smart", "summarize")
MAX_KEPT = 200  # system, important and summary messages looked at; the newest of them win
MAX_EDGES = 20  # checkpoints whose turns are looked at, newest first
REACH = 32  # messages looked at on either side to find a whole turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Messages for the model, oldest first, and how they were chosen.

    `dropped` counts the messages of the branch that are not among them; `note` says so in words when
    something else was done than asked.
    """

    messages: tuple[Message, ...]
    tokens: int
    strategy: StrategyName
    dropped: int
    note: str | None = None

    def __iter__(self) -> Iterator[Message]:
        """Go through the messages."""
        return iter(self.messages)

    def __len__(self) -> int:
        """Count the messages."""
        return len(self.messages)


class Newest(NamedTuple):
    """The newest groups of messages that fit, oldest first, whether nothing was left out, and what they cost."""

    groups: list[list[Message]]
    whole: bool
    tokens: int


class ContextBuilder:
    """Chooses messages within a budget of tokens. Reads from the end, so that length costs nothing."""

    def __init__(self, transcripts: Transcripts, counter: TokenCounter) -> None:
        self._transcripts, self._counter = transcripts, counter

    async def recent(self, live: LiveSession, max_tokens: int) -> Context:
        """Take the newest messages that fit."""
        check_budget(max_tokens)
        newest = await self.newest(live, max_tokens, whole_turns=False)
        return self._context(live, newest.groups, newest.tokens, "recent")

    async def smart(self, live: LiveSession, max_tokens: int, note: str | None = None) -> Context:
        """Take the newest turn, the last summary, system and important messages, more turns, turns at checkpoints.

        A question and its answer go together or not at all; what the summary stands for is left out.
        """
        check_budget(max_tokens)
        kept = [m for m in await self._transcripts.kept(live, MAX_KEPT) if m.kind != "unreadable"]
        summary = next((m for m in reversed(kept) if m.kind == "summary"), None)
        newest, whole, tokens = await self.newest(live, max_tokens, after=covers(summary))
        if whole and summary is None:
            return self._context(live, newest, tokens, "smart", note)
        chosen = _Choice(self._sum, max_tokens)
        chosen.take(newest[-1:])
        chosen.take(await self._first_rank(live, kept, summary), share=0.5)
        chosen.take(newest[-2::-1], share=0.8, contiguous=True)
        chosen.take(await self._edges(live, covers(summary)))
        chosen.take(newest[-2::-1], contiguous=True)
        return self._context(live, chosen.groups, chosen.spent, "smart", note)

    async def newest(self, live: LiveSession, budget: int, *, after: int = 0, whole_turns: bool = True) -> Newest:
        """Give the newest groups of messages that fit, oldest first."""
        spent = 0
        groups: list[list[Message]] = []
        async for group in self._backwards(live, whole_turns):
            if group[-1].seq <= after:
                break
            said = [m for m in group if m.kind not in ("summary", "unreadable") and m.seq > after]
            size = self._sum(said)
            if spent + size > budget:
                return Newest(groups[::-1], False, spent)
            spent += size
            if said:
                groups.append(said)
        return Newest(groups[::-1], True, spent)

    # -- choosing ------------------------------------------------------------------------------

    async def _backwards(self, live: LiveSession, whole_turns: bool) -> AsyncIterator[list[Message]]:
        """Go through the branch from the end in groups: a person's message with all that answers it."""
        group: list[Message] = []
        async for page in self._pages(live):
            for message in reversed(page):
                group.append(message)
                if not whole_turns or message.role in ("user", "system"):
                    yield group[::-1]
                    group = []
        if group:
            yield group[::-1]

    async def _pages(self, live: LiveSession) -> AsyncIterator[list[Message]]:
        """Read from the end: what is in memory first, then page by page."""
        page = await self._transcripts.newest(live)
        while page:
            yield page
            page = await self._transcripts.before(live, page[0].seq)

    async def _first_rank(self, live: LiveSession, kept: list[Message], summary: Message | None) -> list[list[Message]]:
        """Give the summary, then system messages, then the turns of important ones, each newest first."""
        groups = [] if summary is None else [[summary]]
        groups += [[m] for m in reversed(kept) if m.role == "system" and m.kind != "summary"]
        important = [m for m in reversed(kept) if m.role != "system"]
        return groups + [await self._turn_of(live, m.seq) for m in important]

    async def _edges(self, live: LiveSession, after: int) -> list[list[Message]]:
        """Give the turns before and after each checkpoint that a person set on this branch, newest first."""
        groups: list[list[Message]] = []
        runs = [run for run in await self._transcripts.runs(live, live.row.head) if run.live is live]
        marks = [mark for mark in live.journal.marks.values() if not (mark.automatic or mark.hidden)]
        for mark in marks[: -MAX_EDGES - 1 : -1]:
            if mark.count > after and any(run.first <= mark.position <= run.last for run in runs):
                groups.append(await self._turn_of(live, mark.count))
                if mark.count < live.row.message_count:
                    groups.append(await self._turn_of(live, mark.count + 1))
        return groups

    async def _turn_of(self, live: LiveSession, seq: int) -> list[Message]:
        """Give the group that a message is in."""
        around = await self._transcripts.window(live, max(1, seq - REACH), min(seq + REACH, live.row.message_count))
        starts = [m.seq for m in around if m.role in ("user", "system")]
        first = max((start for start in starts if start <= seq), default=around[0].seq)
        end = min((start for start in starts if start > seq), default=around[-1].seq + 1)
        return [m for m in around if first <= m.seq < end and m.kind not in ("summary", "unreadable")]

    def _sum(self, messages: Sequence[Message]) -> int:
        return sum(cost(message, self._counter) for message in messages)

    def _context(
        self,
        live: LiveSession,
        groups: Sequence[Sequence[Message]],
        tokens: int,
        strategy: StrategyName,
        note: str | None = None,
    ) -> Context:
        messages = sorted((m for group in groups for m in group), key=_place)
        return Context(
            messages=tuple(messages),
            tokens=tokens,
            strategy=strategy,
            dropped=live.row.message_count - len(messages),
            note=note,
        )


class _Choice:
    """Groups of messages taken so far, within a budget."""

    def __init__(self, size: Callable[[Sequence[Message]], int], budget: int) -> None:
        self._size, self._budget, self.spent = size, budget, 0
        self._have: set[int] = set()
        self.groups: list[list[Message]] = []

    def take(self, groups: Sequence[list[Message]], *, share: float = 1.0, contiguous: bool = False) -> None:
        """Take groups that fit into a share of the budget; `contiguous` ends with the first that does not."""
        for group in groups:
            fresh = [m for m in group if m.seq not in self._have]
            size = self._size(fresh)
            if self.spent + size <= self._budget * share:
                self.spent += size
                self._have |= {m.seq for m in fresh}
                self.groups.append(fresh)
            elif contiguous:
                return


def covers(summary: Message | None) -> int:
    """Give the number of the last message that a summary stands for."""
    reach = None if summary is None or summary.metadata is None else summary.metadata.get("covers")
    return reach if isinstance(reach, int) and summary is not None and reach < summary.seq else 0


def _place(message: Message) -> float:
    """Give where a message belongs: a summary right behind what it stands for, though it was stored later."""
    return covers(message) + 0.5 if message.kind == "summary" else message.seq


def check_budget(max_tokens: int) -> None:
    """Refuse a budget that can hold nothing."""
    if max_tokens < 1:
        raise InvalidValue(f"max_tokens must be a whole number from 1, got {max_tokens!r}")
