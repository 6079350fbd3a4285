"""Timeline: checkpoints, and going back and forth between them and between turns.

Nothing here copies or removes a message: each step moves a head and writes one journal entry.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sessions.address import Address
from sessions.cache import SessionCache
from sessions.checkpoint import Checkpoint
from sessions.directory import Directory
from sessions.draft import Draft
from sessions.errors import Ambiguous, InvalidValue, NotFound, NothingToUndo, StaleSession
from sessions.journal import EntryKind, Foreign, Mark, Move, Place
from sessions.lifecycle import Lifecycle, note_move
from sessions.live import LiveSession, moment
from sessions.message import Message
from sessions.resets import Resets
from sessions.session import ID_LENGTH, Session, Status
from sessions.transcripts import Transcripts
from sessions.visible import check_name, visible

MAX_NAME = 100
MAX_DESCRIPTION = 500
_CHECKPOINT_ID = re.compile(rf"([a-z2-7]{{{ID_LENGTH}}})-(a?)([1-9][0-9]{{0,7}})")
_LEFT_BY = {"new": Status.COMPLETED, "reset": Status.COMPLETED, "expire": Status.EXPIRED, "fork": Status.PAUSED}

Operation = Literal["turn", "clear", "restore", "retry", "delete checkpoint", "new", "reset", "expire", "fork"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step that was taken back or done again: what it was, where one is now, messages gained or lost."""

    op: str
    session: Session
    messages: int


class Timeline:
    """Saves, restores, clears, undoes and redoes."""

    def __init__(
        self,
        cache: SessionCache,
        transcripts: Transcripts,
        directory: Directory,
        lifecycle: Lifecycle,
        resets: Resets,
        now: Callable[[], int],
    ) -> None:
        self._cache, self._transcripts, self._directory = cache, transcripts, directory
        self._lifecycle, self._resets, self._now = lifecycle, resets, now

    # -- checkpoints ---------------------------------------------------------------------------

    async def save(self, session_id: str, name: str, description: str) -> Checkpoint:
        """Name the place where a session stands."""
        name = check_name(name, "a checkpoint's name", MAX_NAME)
        description = visible(description)[:MAX_DESCRIPTION]
        async with self._cache.locked(session_id) as live:
            draft = Draft(live, self._now())
            number = self._mark(draft, name, description, automatic=False)
            await self._cache.commit([draft])
            return _checkpoint(live, live.journal.marks[False, number])

    def _mark(self, draft: Draft, name: str, description: str = "", *, automatic: bool) -> int:
        number = draft.live.journal.next_mark(automatic)
        row = draft.live.row
        draft.note(
            EntryKind.checkpoint,
            number=number,
            automatic=automatic,
            position=row.head,
            count=row.message_count,
            name=name,
            description=description,
        )
        return number

    async def checkpoints(self, session_id: str, *, automatic: bool) -> list[Checkpoint]:
        """List the checkpoints of a session, oldest first."""
        return checkpoints_of(await self._cache.get(session_id), automatic=automatic)

    async def find(self, session_id: str, which: str) -> Checkpoint:
        """Find a checkpoint of a session by number, id, name or beginning of the name."""
        wanted, every = which.strip(), await self.checkpoints(session_id, automatic=True)
        if not wanted:
            raise InvalidValue("say which checkpoint: its number or its name")
        short = wanted.lower().removeprefix("#")
        exact = [c for c in every if short in (c.id, c.id.rpartition("-")[2])]
        if not exact:
            # Of several with one name the newest counts: that is the one a person means, and undo is at hand.
            exact = [c for c in every if c.name.casefold() == wanted.casefold()][-1:]
        if not exact:
            exact = [c for c in every if not c.automatic and c.name.casefold().startswith(wanted.casefold())]
        if not exact:
            raise NotFound("checkpoint", wanted)
        if len({c.name for c in exact}) > 1:
            raise Ambiguous("checkpoint", wanted, [str(c.number) for c in exact])
        return exact[-1]

    async def restore(self, checkpoint_id: str) -> LiveSession:
        """Go back to a checkpoint; an automatic one is set where one was."""
        session_id, automatic, number = _parse(checkpoint_id)
        async with self._cache.locked(session_id) as live:
            mark = _visible_mark(live, automatic, number, checkpoint_id)
            await self._go(live, mark.position, mark.count, "restore", f"before restoring {mark.name}")
            return live

    async def delete(self, checkpoint_id: str) -> Checkpoint:
        """Take a checkpoint's name away; undo brings it back. The messages stay."""
        session_id, automatic, number = _parse(checkpoint_id)
        async with self._cache.locked(session_id) as live:
            mark = _visible_mark(live, automatic, number, checkpoint_id)
            draft = Draft(live, self._now())
            draft.note(EntryKind.hidden, number=number, automatic=automatic, hidden=True)
            if not automatic:
                note_move([draft], "delete checkpoint", live.place, live.place, subject=number)
            await self._cache.commit([draft])
            return _checkpoint(live, mark)

    async def clear(self, session_id: str) -> LiveSession:
        """Go to the empty beginning; checkpoints and settings stay."""
        async with self._cache.locked(session_id) as live:
            await self._go(live, 0, 0, "clear", "before clearing")
            return live

    async def rewind_to_question(self, session_id: str) -> tuple[Message, int]:
        """Go back to right after the last thing the user said; give it and its position."""
        async with self._cache.locked(session_id) as live:
            question = await self._last_question(live)
            if question is None:
                raise NothingToUndo("retry")
            if question.seq != live.row.message_count:
                draft = Draft(live, self._now())
                position = await self._position(draft, question.seq)
                await self._move(draft, position, question.seq, "retry", "before retrying")
            return question, live.row.head

    async def _go(self, live: LiveSession, position: int, count: int, op: Operation, label: str) -> None:
        if live.row.head != position:
            await self._move(Draft(live, self._now()), position, count, op, label)

    async def _move(self, draft: Draft, position: int, count: int, op: Operation, label: str) -> None:
        live = draft.live
        self._mark(draft, label[:MAX_NAME], automatic=True)
        note_move([draft], op, live.place, Place(live.row.id, position))
        draft.row.head, draft.row.message_count = position, count
        self._resets.settle(draft)
        await self._cache.commit([draft])

    # -- undo and redo -------------------------------------------------------------------------

    async def undo(self, address: Address) -> Step:
        """Take back the last step: a move if one led here, else the last turn."""
        async with self._lifecycle.locks.hold(await self._directory.key_idx(address)):
            live = await self._directory.current(address)
            if live is None:
                raise NothingToUndo("undo")
            move = live.journal.undoable(live.place)
            if move is not None:
                with contextlib.suppress(NotFound):  # the session before a reset may have been erased
                    return await self._retrace(live, move, move.before, undone=True)
            return await self._undo_turn(live, move)

    async def redo(self, address: Address) -> Step:
        """Do again what was taken back last."""
        async with self._lifecycle.locks.hold(await self._directory.key_idx(address)):
            live = await self._directory.current(address)
            move = None if live is None else live.journal.redoable(live.place)
            if live is None or move is None:
                raise NothingToUndo("redo")
            try:
                return await self._retrace(live, move, move.after, undone=False)
            except NotFound:
                raise NothingToUndo("redo") from None

    async def can_redo(self, address: Address) -> bool:
        """Tell whether something was taken back that can be done again."""
        live = await self._directory.current(address)
        return live is not None and live.journal.redoable(live.place) is not None

    async def _retrace(self, live: LiveSession, move: Move, target: Place, *, undone: bool) -> Step:
        if target.session_id != live.row.id:
            return await self._change_session(live, move, target, undone=undone)
        async with self._cache.locked(live.row.id) as locked:
            _check_next(locked, move, undone=undone)
            before = locked.row.message_count
            draft = Draft(locked, self._now())
            draft.note(EntryKind.taken_back, token=move.token, undone=undone)
            if move.op == "delete checkpoint":
                draft.note(EntryKind.hidden, number=move.subject, automatic=False, hidden=not undone)
            draft.row.head = target.position
            draft.row.message_count = await self._transcripts.length(locked, target.position)
            self._resets.settle(draft)
            await self._cache.commit([draft])
            return Step(op=move.op, session=locked.snapshot(), messages=abs(locked.row.message_count - before))

    async def _change_session(self, live: LiveSession, move: Move, target: Place, *, undone: bool) -> Step:
        place, there = live.place, await self._cache.get(target.session_id)
        if there.row.key_idx != live.row.key_idx:  # it went to another account when a link was taken back
            raise NotFound("session", target.session_id)
        left_by = Status.PAUSED if undone else _LEFT_BY.get(move.op, Status.PAUSED)
        there = await self._lifecycle.activate(there, paused=left_by, place=place, token=move.token, undone=undone)
        return Step(op=move.op, session=there.snapshot(), messages=there.row.message_count)

    async def _undo_turn(self, live: LiveSession, move: Move | None) -> Step:
        """Take back the last turn; `move` led to where one is, and can not be taken back itself."""
        async with self._cache.locked(live.row.id) as locked:
            _check_next(locked, move, undone=True)
            question = await self._last_question(locked)
            if question is None:
                raise NothingToUndo("undo")
            count, before = question.seq - 1, locked.row.message_count
            draft = Draft(locked, self._now())
            ahead = locked.journal.redoable(locked.place)
            if ahead is None or ahead.op != "turn":  # else one came from further on, and that is marked
                self._mark(draft, "before undoing", automatic=True)
            position = await self._position(draft, count)
            note_move([draft], "turn", Place(locked.row.id, position), locked.place, undone=True)
            draft.row.head, draft.row.message_count = position, count
            self._resets.settle(draft)
            await self._cache.commit([draft])
            return Step(op="turn", session=locked.snapshot(), messages=before - count)

    async def _last_question(self, live: LiveSession) -> Message | None:
        for message in reversed(await self._transcripts.last(live, 16)):
            if message.role == "user":
                return message
        async for page in self._transcripts.pages(live, backwards=True):
            for message in reversed(page):
                if message.role == "user":
                    return message
        return None

    async def _position(self, draft: Draft, count: int) -> int:
        """Give the position of the `count`-th message, naming a foreign place if it lies in another session."""
        found = await self._transcripts.locate(draft.live, count)
        if found is None:
            return 0
        holder, position = found
        own = holder is draft.live
        place = Foreign(0 if own else holder.row.number, position)
        known = draft.live.journal.foreign_position(place)
        if own or known is not None:  # what was handed over keeps the name it had before
            return position if known is None else known
        draft.note(EntryKind.foreign, session=place.number, position=place.position)
        draft.sources.append(place.number)
        return -len(draft.live.journal.foreign) - 1


def _check_next(live: LiveSession, move: Move | None, *, undone: bool) -> None:
    """See to it that a step is still the next one in a session whose lock was waited for."""
    found = live.journal.undoable(live.place) if undone else live.journal.redoable(live.place)
    tokens = [None if each is None else each.token for each in (found, move)]
    if tokens[0] != tokens[1] or not Status(live.row.status).is_current:
        raise StaleSession("the conversation was changed by another writer")


def checkpoints_of(live: LiveSession, *, automatic: bool) -> list[Checkpoint]:
    """List the checkpoints of an open session, oldest first."""
    marks = [m for m in live.journal.marks.values() if not m.hidden and (automatic or not m.automatic)]
    return [_checkpoint(live, mark) for mark in sorted(marks, key=lambda m: (m.at, m.number))]


def _parse(checkpoint_id: str) -> tuple[str, bool, int]:
    match = _CHECKPOINT_ID.fullmatch(checkpoint_id)
    if match is None:
        raise NotFound("checkpoint", checkpoint_id)
    return match[1], bool(match[2]), int(match[3])


def _visible_mark(live: LiveSession, automatic: bool, number: int, reference: str) -> Mark:
    mark = live.journal.marks.get((automatic, number))
    if mark is None or mark.hidden:
        raise NotFound("checkpoint", reference)
    return mark


def _checkpoint(live: LiveSession, mark: Mark) -> Checkpoint:
    return Checkpoint(
        id=f"{live.row.id}-{'a' if mark.automatic else ''}{mark.number}",
        session_id=live.row.id,
        number=mark.number,
        name=mark.name,
        description=mark.description,
        message_count=mark.count,
        created_at=moment(mark.at),
        automatic=mark.automatic,
    )
