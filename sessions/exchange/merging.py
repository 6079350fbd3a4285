"""Merging: taking what another machine has of a session into the session here. Nothing here is overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sessions.cache import SessionCache
from sessions.draft import Draft
from sessions.exchange.facts import Stamps
from sessions.exchange.merge_step import MergeStep
from sessions.exchange.state import stamped
from sessions.exchange.theirs import Revision, Theirs
from sessions.exchange.trouble import BadBundle
from sessions.exporter import Exporter
from sessions.journal import EntryKind
from sessions.lanes import Lanes
from sessions.message import clean_text
from sessions.persistence import persistent
from sessions.resets import Resets
from sessions.transcripts import Transcripts


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What came of it: messages added, whether the other side's continuation became a branch, and its stamps."""

    added: int
    branched: bool
    changed: bool
    stamps: Stamps


class Merging:
    """Merges sessions, each under its lock."""

    def __init__(
        self,
        *,
        cache: SessionCache,
        transcripts: Transcripts,
        exporter: Exporter,
        resets: Resets,
        lanes: Lanes,
        now: Callable[[], int],
    ) -> None:
        self._cache, self._transcripts, self._exporter = cache, transcripts, exporter
        self._resets, self._lanes, self._now = resets, lanes, now

    @persistent
    async def merge(self, session_id: str, theirs: Theirs, stamps: Stamps) -> Merged:
        """Take in what is new; `stamps` are those of the session here. Raises `BadBundle` where that can not be now."""
        if self._lanes.is_busy(session_id) or await self._lanes.is_busy_elsewhere(session_id):
            raise BadBundle("somebody is being answered in it just now; run this again")
        async with self._cache.locked(session_id) as live:
            ours = await self._exporter.gather(live)
            if ours.damaged:
                raise BadBundle("the session is damaged here; see palaver db verify")
            known = stamped(stamps, ours.session)
            parts = (live, ours, known, theirs, self._transcripts, self._resets, self._now)
            step = await asyncio.to_thread(MergeStep, *parts)  # it goes through all messages; nobody waits for that
            await step.run(self._cache)
        for revision in step.shared:
            await self._revise(revision)
        return Merged(
            added=step.added,
            branched=step.branched,
            changed=step.changed or bool(step.shared),
            stamps=step.stamps,
        )

    async def _revise(self, revision: Revision) -> None:
        """Take over a newer text of a message that another session holds, from which this one was forked."""
        message = revision.message
        async with self._cache.locked(revision.holder) as live:
            draft = Draft(live, self._now())
            now, draft.now_ms = draft.now_ms, message.created_ms  # the time tells the texts apart
            draft.note(EntryKind.revised, position=revision.position)
            draft.now_ms = max(now, message.created_ms)
            branch = live.journal.branch_at(revision.position).number
            content = clean_text(message.content)
            draft.revised.append(live.seal_message(revision.position, branch, message, content))
            await self._cache.commit([draft])
            live.journal.revised[revision.position] = message.created_ms
        self._cache.forget_tails()
