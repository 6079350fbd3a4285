"""Summaries: one message that stands for the older part of a transcript, made once and stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sessions.cache import SessionCache
from sessions.context import Context, ContextBuilder, check_budget, covers
from sessions.errors import InvalidValue
from sessions.live import LiveSession
from sessions.message import Message, clean_text
from sessions.tokens import TokenCounter, cost
from sessions.transcripts import PAGE, Transcripts

Summarizer = Callable[[Sequence[Message], str | None], Awaitable[str]]
"""Puts messages into fewer words, following instructions if there are any.

A long transcript comes in several calls; from the second on, the first message is the summary so far.
"""

KEPT_SHARE = 0.5  # of the budget that the newest turns may keep for themselves


class Summaries:
    """Makes summaries with a summarizer, and contexts that use them."""

    def __init__(
        self,
        *,
        cache: SessionCache,
        transcripts: Transcripts,
        contexts: ContextBuilder,
        counter: TokenCounter,
        summarizer: Summarizer | None,
        now: Callable[[], int],
    ) -> None:
        self._cache, self._transcripts, self._contexts = cache, transcripts, contexts
        self._counter, self._summarizer, self._now = counter, summarizer, now

    async def context(self, live: LiveSession, max_tokens: int) -> Context:
        """Give a context whose older part is a summary; a summarizer that fails leaves it to `smart`, which says so."""
        check_budget(max_tokens)
        plain = await self._contexts.smart(live, max_tokens)
        if not await self._is_short(live, max_tokens):
            try:
                await self.make(live, max_tokens, None)
            except Exception as error:  # noqa: BLE001  # whatever fails in a summarizer must not stop the reply
                reason = str(error) if isinstance(error, InvalidValue) else type(error).__name__
                note = f"no summary could be made ({reason}); older messages were left out instead"
                return Context(
                    messages=plain.messages, tokens=plain.tokens, strategy="smart", dropped=plain.dropped, note=note
                )
            plain = await self._contexts.smart(live, max_tokens)
        return Context(messages=plain.messages, tokens=plain.tokens, strategy="summarize", dropped=plain.dropped)

    async def make(self, live: LiveSession, max_tokens: int, instructions: str | None) -> Message:
        """Summarise everything but the newest turns and store that as a message of its own; the original stays."""
        if self._summarizer is None:
            raise InvalidValue("there is no model that could make a summary")
        last = await self._last(live)
        newest = await self._contexts.newest(live, int(max_tokens * KEPT_SHARE), after=covers(last))
        reach = min((group[0].seq for group in newest.groups), default=live.row.message_count + 1) - 1
        if reach <= covers(last):
            raise InvalidValue("there is nothing older to summarise yet")
        place = await self._place(live, reach)
        text = await self._roll(live, self._summarizer, last, reach, max_tokens, instructions)
        return await self._store(live, text, reach, place)

    async def _is_short(self, live: LiveSession, max_tokens: int) -> bool:
        """Tell whether all that no summary stands for fits."""
        last = await self._last(live)
        return (await self._contexts.newest(live, max_tokens, after=covers(last))).whole

    async def _last(self, live: LiveSession) -> Message | None:
        kept = await self._transcripts.kept(live, PAGE)
        return next((m for m in reversed(kept) if m.kind == "summary"), None)

    async def _roll(
        self,
        live: LiveSession,
        summarizer: Summarizer,
        last: Message | None,
        reach: int,
        max_tokens: int,
        instructions: str | None,
    ) -> str:
        """Hand the messages over in pieces that fit the budget, each with the summary of those before."""
        batch: list[Message] = [] if last is None else [last]
        spent, text = sum(cost(m, self._counter) for m in batch), ""
        for start in range(covers(last) + 1, reach + 1, PAGE):
            for message in await self._transcripts.window(live, start, min(start + PAGE - 1, reach)):
                if message.kind not in ("text", "partial"):
                    continue
                size = cost(message, self._counter)
                if spent + size > max_tokens and len(batch) > 1:
                    text = await self._summary(summarizer, batch, instructions)
                    batch = [Message(message.seq - 1, "system", text, message.created_ms, kind="summary")]
                    spent = sum(cost(m, self._counter) for m in batch)
                batch.append(message)
                spent += size
        return await self._summary(summarizer, batch, instructions)

    async def _summary(self, summarizer: Summarizer, batch: Sequence[Message], instructions: str | None) -> str:
        text = (await summarizer(batch, instructions)).strip()
        if not text:
            raise InvalidValue("the summary came back empty")
        return text

    async def _place(self, live: LiveSession, seq: int) -> tuple[int, int] | None:
        """Give where a message is stored: the session's number and the position in it."""
        found = await self._transcripts.locate(live, seq)
        return None if found is None else (found[0].row.number, found[1])

    async def _store(self, live: LiveSession, text: str, reach: int, place: tuple[int, int] | None) -> Message:
        async with self._cache.locked(live.row.id) as locked:
            if await self._place(locked, reach) != place:
                raise InvalidValue("the conversation has moved on while the summary was made")
            content = clean_text(text)
            row = locked.row
            message = Message(
                row.message_count + 1,
                "system",
                content.decode(),
                max(self._now(), row.updated_at),
                kind="summary",
                important=True,
                metadata={"covers": reach},
            )
            return await self._transcripts.append(locked, message, content)
