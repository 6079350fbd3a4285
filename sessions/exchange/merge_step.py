"""MergeStep: one merge of one session, as drafts that are stored batch by batch.

Messages that are not here yet are added behind the same ones that they follow there; where both went on from the same
message that makes a branch. Which of them one reads here changes only if nothing was said here meanwhile: the other
side's continuation is then within reach by an automatic checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

from sessions.cache import SessionCache
from sessions.draft import Draft
from sessions.errors import InvalidValue
from sessions.exchange.facts import Facts, Stamps, merged
from sessions.exchange.theirs import Revision, Theirs, checked
from sessions.exchange.tree import Tree, source_of
from sessions.exchange.trouble import BadBundle
from sessions.export.transcript import Transcript
from sessions.imported_profile import imported_profile, mark_text
from sessions.journal import EntryKind, Foreign, Place
from sessions.lifecycle import note_move
from sessions.live import LiveSession
from sessions.message import Message, clean_text
from sessions.records import MAX_SEQUENCE
from sessions.resets import Resets
from sessions.timeline import MAX_NAME
from sessions.transcripts import Transcripts

BATCH = 1_000  # messages in one unit of work


class MergeStep:
    """One merge of one session."""

    def __init__(
        self,
        live: LiveSession,
        ours: Transcript,
        stamps: Stamps,
        theirs: Theirs,
        transcripts: Transcripts,
        resets: Resets,
        now: Callable[[], int],
    ) -> None:
        self.stamps, self.shared = stamps, list[Revision]()
        self._live, self._theirs, self._transcripts, self._resets, self._now = live, theirs, transcripts, resets, now
        self._here, self._there = Tree(ours), Tree(theirs.transcript)
        self._offset = len(ours.stored) - live.row.stored
        self._known: dict[int, int] = {0: 0}  # numbers there, and those of the same messages here
        self._depths = dict(self._here.depths)  # by number here
        self._parents = dict(self._here.parents)
        self._revised: dict[int, int] = {}  # by position: the time of the text that counts from now on
        self.added, self.branched, self.changed = 0, False, False

    async def run(self, cache: SessionCache) -> None:
        """Add what is missing, batch by batch; the head and the rest go with the last one."""
        draft = self._draft()
        for n, message in self._there.messages.items():
            parent = self._known[self._there.parents[n]]
            same = self._same(parent, message, n)
            if same is None:
                if len(draft.messages) >= BATCH:
                    await self._commit(cache, draft)
                    draft = self._draft()
                self._known[n] = added = await self._append(draft, parent, message)
                self._here.children.setdefault((parent, self._there.contents[n]), added)
            else:
                self._known[n] = same
                await self._revise(draft, same, message)
        await self._note_checkpoints(draft)
        await self._move_head(draft)
        self._merge_facts(draft)
        if draft.messages or draft.row != self._live.row or draft.revised or draft.profile is not self._live.profile:
            self._resets.settle(draft)
            await self._commit(cache, draft)
        if self._revised:
            cache.forget_tails()

    async def _commit(self, cache: SessionCache, draft: Draft) -> None:
        await cache.commit([draft])
        self._live.journal.revised.update(self._revised)  # each entry has the time of its text, and not of the draft
        self.changed = True

    def _draft(self) -> Draft:
        draft = Draft(self._live, self._now())
        journal = self._live.journal
        self._branches = [(branch.start, branch.parent) for branch in journal.branches]
        self._named = {place: -index - 1 for index, place in reversed(list(enumerate(journal.foreign)))}
        self._foreign = len(journal.foreign)
        return draft

    # -- messages ------------------------------------------------------------------------------

    def _same(self, parent: int, message: Message, n: int) -> int | None:
        """Find the same message here: equal in all, or one that a person edited since."""
        content = self._there.contents[n]
        found = self._here.children.get((parent, content))
        source = source_of(message)
        if found is None and source is not None:
            found = self._here.sources.get((parent, source))
        return found

    async def _append(self, draft: Draft, parent: int, message: Message) -> int:
        live, row = self._live, draft.row
        if row.stored >= MAX_SEQUENCE:
            raise InvalidValue("the conversation has reached its limit of messages")
        position, place = row.stored + 1, await self._place(draft, parent)
        start, before = self._branches[-1]
        if not (place == position - 1 if position > start else place == before):
            draft.note(EntryKind.branch, start=position, parent=place)
            self._branches.append((position, place))
        content = clean_text(message.content)
        draft.messages.append(live.seal_message(position, len(self._branches) - 1, checked(message), content))
        row.stored = position
        if message.role == "user":
            row.last_activity_at = max(row.last_activity_at, message.created_ms)
        if message.usage is not None:
            row.input_tokens += message.usage.input_tokens
            row.output_tokens += message.usage.output_tokens
            row.cached_tokens += message.usage.cached_tokens
        draft.now_ms = max(draft.now_ms, message.created_ms)  # within a session time never runs backwards
        n = position + self._offset
        self._depths[n], self._parents[n] = self._depths[parent] + 1, parent
        self.added += 1
        return n

    async def _place(self, draft: Draft, n: int) -> int:
        """Give the position here of a message; one that is shared with another session gets a name first."""
        if n == 0 or n > self._offset:
            return max(n - self._offset, 0)
        found = await self._transcripts.locate(self._live, n, -1)
        if found is None:
            raise BadBundle("the session is damaged here; see palaver db verify")
        holder, position = found
        own = holder is self._live
        place = Foreign(0 if own else holder.row.number, position)
        known = self._named.get(place)
        if known is not None:
            return known
        if own:
            return position
        draft.note(EntryKind.foreign, session=place.number, position=place.position)
        draft.sources.append(place.number)
        self._foreign += 1
        self._named[place] = -self._foreign
        return -self._foreign

    async def _revise(self, draft: Draft, n: int, message: Message) -> None:
        """Take over a newer text of a message that a person edited; one that another session holds comes after this."""
        mine = self._here.messages.get(n)
        if mine is None or message.created_ms <= mine.created_ms:
            return
        if n <= self._offset:
            found = await self._transcripts.locate(self._live, n, -1)
            if found is not None and found[0] is not self._live:
                self.shared.append(Revision(found[0].row.id, found[1], checked(message)))
            return
        position = n - self._offset
        now, draft.now_ms = draft.now_ms, message.created_ms  # the time tells the texts apart
        draft.note(EntryKind.revised, position=position)
        draft.now_ms = max(now, message.created_ms)
        branch = self._live.journal.branch_at(position).number
        draft.revised.append(self._live.seal_message(position, branch, checked(message), clean_text(message.content)))
        self._revised[position] = message.created_ms

    # -- the rest ------------------------------------------------------------------------------

    async def _note_checkpoints(self, draft: Draft) -> None:
        """Take over named places that are not known here, and were not deleted here."""
        marks = self._live.journal.marks.values()
        known = {(mark.name, mark.position) for mark in marks if not mark.automatic}
        number = self._live.journal.next_mark(False)
        positions = self._theirs.transcript.checkpoint_positions
        for index, point in enumerate(self._theirs.transcript.checkpoints):
            if point.automatic or point.id not in positions:
                continue
            n = self._known[positions[point.id]]
            position = await self._place(draft, n)
            if (point.name, position) not in known:
                known.add((point.name, position))
                name, about = mark_text(point, f"checkpoints[{index}]")
                self._mark(draft, number, position, n, name, about, automatic=False)
                number += 1

    def _mark(
        self, draft: Draft, number: int, position: int, n: int, name: str, about: str, *, automatic: bool
    ) -> None:
        draft.note(
            EntryKind.checkpoint,
            number=number,
            automatic=automatic,
            position=position,
            count=self._depths[n],
            name=name,
            description=about,
        )

    async def _move_head(self, draft: Draft) -> None:
        """Go where the other one reads, or put an automatic checkpoint there; see the head of this file."""
        here, there = self._here.head, self._known[self._there.head]
        if here == there:
            return
        further, behind = self._leads(here, there), self._leads(there, here)
        told = self._theirs.told_head
        was_there = told is not None and told == self._here.head_mark  # it was where we are, and has moved since
        if was_there or (further and not self._is_behind(here, told)):
            position = await self._place(draft, there)
            if not further:
                await self._keep_reachable(draft, here, position)
            draft.row.head, draft.row.message_count = position, self._depths[there]
        elif not behind:
            self.branched = True
            await self._mark_theirs(draft, there)

    async def _keep_reachable(self, draft: Draft, here: int, position: int) -> None:
        """Have a step that leads away from where we are be one that can be taken back."""
        label = f"before syncing with {self._theirs.name}"[:MAX_NAME]
        number = self._live.journal.next_mark(True)
        self._mark(draft, number, self._live.row.head, here, label, "", automatic=True)
        note_move([draft], "restore", self._live.place, Place(self._live.row.id, position))

    async def _mark_theirs(self, draft: Draft, there: int) -> None:
        label, position = f"from {self._theirs.name}"[:MAX_NAME], await self._place(draft, there)
        marks = self._live.journal.marks.values()
        if not any(mark.automatic and mark.name == label and mark.position == position for mark in marks):
            number = self._live.journal.next_mark(True)
            self._mark(draft, number, position, there, label, "", automatic=True)

    def _leads(self, first: int, last: int) -> bool:
        """Tell whether one comes by `first` on the way to `last`, or is there."""
        while last > first:
            last = self._parents[last]
        return last == first

    def _is_behind(self, n: int, told: str | None) -> bool:
        """Tell whether we have gone back from where the other one was when we heard of it last."""
        place = next((one for one, name in self._here.marks.items() if name.hex() == told), None)
        return place is not None and place != n and self._leads(n, place)

    def _merge_facts(self, draft: Draft) -> None:
        theirs, profile = self._theirs.transcript, self._live.profile
        checked = imported_profile(theirs, profile.address, profile.scope, None)
        facts, self.stamps = merged(Facts.of(profile), Facts.of(checked), self.stamps, self._theirs.stamps)
        draft.profile = facts.onto(profile)
