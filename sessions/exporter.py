"""Exporter: gathers what an export is made of from the store."""

from __future__ import annotations

from collections.abc import Callable

from sessions.checkpoint import Checkpoint
from sessions.export.transcript import Branch, StoredMessage, Transcript
from sessions.live import LiveSession, moment
from sessions.message import Message
from sessions.transcripts import PAGE, Transcripts


class Exporter:
    """Gives a session as one value.

    What a fork shares with another session is written as if it were its own: positions of the export
    count the shared messages first, then those stored under the fork.
    """

    def __init__(self, transcripts: Transcripts, now: Callable[[], int]) -> None:
        self._transcripts, self._now = transcripts, now

    async def gather(self, live: LiveSession, checkpoints: list[Checkpoint]) -> Transcript:
        """Read everything of a session."""
        shared = await self._shared(live)
        offset = len(shared)
        stored = [StoredMessage(m.seq, 1, m) for m in shared]
        places: dict[int, int] = {0: 0}
        for index in range(len(live.journal.foreign)):
            places[-index - 1] = await self._transcripts.length(live, -index - 1)

        def place(position: int) -> int:
            return position + offset if position > 0 else places[position]

        branches = self._branches(live, offset, place)
        seqs = await self._depths(live)
        for first in range(1, live.row.stored + 1, PAGE):
            last = min(first + PAGE - 1, live.row.stored)
            for message in await self._transcripts.read_stored(live, first, last):
                branch = live.journal.branch_at(message.seq).number
                seq = seqs[branch] + message.seq
                stored.append(StoredMessage(message.seq + offset, branch + 1, message._replace(seq=seq)))
        marks = live.journal.marks
        return Transcript(
            session=live.snapshot(),
            messages=await self._transcripts.window(live, 1, live.row.message_count),
            stored=stored,
            branches=branches,
            head=place(live.row.head),
            exported_at=moment(self._now()),
            checkpoints=checkpoints,
            checkpoint_positions={c.id: place(marks[c.automatic, c.number].position) for c in checkpoints},
            address=_address(live),
            damaged=sum(one.message.kind == "unreadable" for one in stored),
        )

    async def _shared(self, live: LiveSession) -> list[Message]:
        trunk = live.journal.branches[0].parent
        if trunk >= 0:
            return []
        runs = await self._transcripts.runs(live, trunk)
        found: list[Message] = []
        for run in runs:
            page = await self._transcripts.read_stored(run.live, run.first, run.last)
            found += [m._replace(seq=run.seq + i) for i, m in enumerate(page)]
        return found

    def _branches(self, live: LiveSession, offset: int, place: Callable[[int], int]) -> list[Branch]:
        _, *others = live.journal.branches
        # The shared messages and what was said right after them are one line.
        first = Branch(number=1, start=1, parent=None)
        return [first, *(Branch(number=b.number + 1, start=b.start + offset, parent=place(b.parent)) for b in others)]

    async def _depths(self, live: LiveSession) -> dict[int, int]:
        """Give, for each branch, what to add to a position to get its number as one reads."""
        depths = {}
        for branch in live.journal.branches:
            depths[branch.number] = await self._transcripts.length(live, branch.parent) - branch.start + 1
        return depths


def _address(live: LiveSession) -> dict[str, str]:
    address = live.profile.address
    fields = {
        "platform": address.platform,
        "account": address.account,
        "chat_id": address.chat_id,
        "thread_id": address.thread_id,
        "user_id": address.user_id,
        "chat_kind": address.chat_kind.value,
    }
    return {name: value for name, value in fields.items() if value is not None}
