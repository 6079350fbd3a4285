"""Turns: a question stored before the model is asked, and its reply stored where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sessions.cache import SessionCache
from sessions.draft import Draft
from sessions.errors import StaleSession, StoreError
from sessions.handling import current as current_handling
from sessions.journal import EntryKind
from sessions.live import LiveSession, check_usage
from sessions.message import JsonValue, Message, Usage, clean_text
from sessions.session import Status
from sessions.timeline import Timeline
from sessions.transcripts import Transcripts
from sessions.turn import Turn, TurnOutcome


class Turns:
    """Begins and finishes turns. A reply never lands behind anything but its own question."""

    def __init__(
        self,
        cache: SessionCache,
        transcripts: Transcripts,
        timeline: Timeline,
        now: Callable[[], int],
    ) -> None:
        self._cache, self._transcripts, self._timeline, self._now = cache, transcripts, timeline, now

    async def begin(self, session_id: str, question: Message, content: bytes) -> Turn:
        """Store the question; it is durable when this returns."""
        async with self._cache.locked(session_id, look=False) as live:
            at = max(question.created_ms, live.row.updated_at)
            placed = question._replace(seq=live.row.message_count + 1, created_ms=at)
            if handling := current_handling():
                handling.begin({"session": session_id, "seq": placed.seq, "position": live.row.stored + 1})
            stored = await self._transcripts.append(live, placed, content)
            return Turn(session_id=session_id, message=stored, anchor=live.row.head)

    async def revise(self, live: LiveSession, source: str, content: bytes) -> bool:
        """Give one of the person's recent messages another text; tell whether it was found."""
        found = await self._transcripts.find_source(live, source)
        if found is None:
            return False
        async with self._cache.locked(found[0].row.id) as holder:
            draft = Draft(holder, self._now())
            draft.now_ms = max(draft.now_ms, found[2].created_ms + 1)  # the time tells the texts apart
            metadata = {**(found[2].metadata or {}), "edited": True}
            message = found[2]._replace(content=content.decode(), created_ms=draft.now_ms, metadata=metadata)
            draft.note(EntryKind.revised, position=found[1])
            branch = holder.journal.branch_at(found[1]).number
            draft.revised.append(holder.seal_message(found[1], branch, message, content))
            await self._cache.commit([draft])
        self._cache.forget_tails()
        return True

    async def again(self, session_id: str, seq: int, position: int) -> Turn:
        """Take up a turn whose question is stored already. Raises `NotFound` if it was erased meanwhile."""
        live = await self._cache.get(session_id)
        (question,) = await self._transcripts.read_stored(live, position, position)
        return Turn(session_id=session_id, message=question._replace(seq=seq), anchor=position)

    async def retry(self, session_id: str) -> Turn:
        """Go back to the last question. Raises `NothingToUndo` if there is none."""
        question, anchor = await self._timeline.rewind_to_question(session_id)
        return Turn(session_id=session_id, message=question, anchor=anchor)

    async def finish(
        self,
        turn: Turn,
        *,
        content: str,
        usage: Usage | None,
        partial: bool,
        failed: bool,
        metadata: Mapping[str, JsonValue] | None,
    ) -> TurnOutcome:
        """Store the reply and the session's state; a reply to a question that was left is stored behind it."""
        data = clean_text(content)
        if usage is not None:
            check_usage(usage)
        stored = None
        async with self._cache.locked(turn.session_id) as live:
            current = await self._follows(live, turn)
            if not current and (handling := current_handling()):
                handling.withdraw()  # nobody is shown a reply that comes after the conversation went on elsewhere
            if data or not failed:
                stored = await self._store(live, turn, data, usage, partial or failed, metadata, current=current)
            current = current and Status(live.row.status).is_current
            if current:
                try:
                    await self._set_status(live, Status.ERROR if failed else Status.ACTIVE)
                except (StoreError, StaleSession):
                    if stored is None:
                        raise
                    # The reply is stored, so trying again would store it twice; how the turn ended is a note only.
        return TurnOutcome(message=stored, current=current)

    async def _set_status(self, live: LiveSession, status: Status) -> None:
        """Note how the turn ended, before anybody can end the session: it must not come back by this."""
        if live.row.status != status.value:
            draft = Draft(live, self._now())
            draft.row.status = status.value
            await self._cache.commit([draft])

    async def _store(
        self,
        live: LiveSession,
        turn: Turn,
        data: bytes,
        usage: Usage | None,
        partial: bool,
        metadata: Mapping[str, JsonValue] | None,
        *,
        current: bool,
    ) -> Message:
        reply = Message(
            live.row.message_count + 1 if current else turn.message.seq + 1,
            "assistant",
            data.decode(),
            max(self._now(), live.row.updated_at),
            usage,
            "partial" if partial else "text",
            metadata=metadata,
        )
        return await self._transcripts.append(live, reply, data, after=None if current else turn.anchor)

    async def _follows(self, live: LiveSession, turn: Turn) -> bool:
        """Tell whether the head still stands at the question, or at a summary that was made for it."""
        if live.row.head == turn.anchor:
            return True
        seq = turn.message.seq
        if await self._transcripts.locate(live, seq) != await self._transcripts.locate(live, seq, turn.anchor):
            return False
        newer = await self._transcripts.window(live, turn.message.seq + 1, live.row.message_count)
        return all(message.kind == "summary" for message in newer)
