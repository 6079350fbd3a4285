"""Coordination: what a store offers to several workers, programs that share the work on it.

Workers are alive while they say so. A lease says what one of them does alone: a lane of chats, polling for an account.
Whoever has not said for a `lifetime` that it is alive is given up: its leases go to others, and whatever it still
tries to write is refused, however it was held up. All times are the database's own, so no worker's clock counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from sessions.records import Census, KeyringRow, LetterRow, Mail, ParcelRow, SessionRow

LANES: Final = 64  # what is divided among workers, numbered from 1; so many workers can have something to do
LANE_NAMES: Final = [f"lane/{number}" for number in range(1, LANES + 1)]  # of their leases
LIFETIME: Final = 15.0  # seconds without a sign of life after which a worker is given up, if nothing else is said


Counted = Callable[[Census], Callable[[Census], Census]]
"""Gives the function that works out the sealed counts after so much more."""


class Membership(NamedTuple):
    """A worker among the others: `id` is never given again, `slot` (below 1024) is no other living worker's."""

    id: int
    slot: int


class Beat(NamedTuple):
    """What a worker learns when it says that it is alive.

    `workers` is how many there are that share the lanes, `shares` are the numbers of leases that it is to hold of each
    division, `leases` are the names of all that it holds, `stopping` the sessions in which it runs a turn that somebody
    wants to end. `taken_over` is how many of the leases were just now had from a worker that was given up.
    """

    now_ms: int
    workers: int
    shares: tuple[int, ...]
    leases: frozenset[str]
    stopping: tuple[str, ...]
    taken_over: int


class ClaimedLetter(NamedTuple):
    """A letter that this worker is to handle; `before` is the worker that had it, 0 if none ever had."""

    row: LetterRow
    before: int


class Coordinator(Protocol):
    """The part of a store that several workers meet in. Whatever is refused raises `Fenced`."""

    lifetime: float
    """Seconds without a sign of life after which this worker is given up."""

    lanes: tuple[int, ...]
    """The lanes of which this worker takes what comes in; the worker sets it. 0 is what was stored undivided."""

    async def enlist(self, *, shares: bool) -> Membership:
        """Become a worker; one that does not share the lanes only takes part in turns."""

    async def beat(self, wanted: Sequence[str], divided: Sequence[Sequence[str]]) -> Beat | None:
        """Say that it is alive, give up who is not, and take what is wanted, and its share of what is divided, if free.

        None if this worker was given up itself.
        """

    async def release(self, names: Sequence[str]) -> None:
        """Let others have leases."""

    def hurry(self) -> None:
        """Try nothing for long any more: this worker ends, and whatever it can not tell the others they notice."""

    async def leave(self) -> None:
        """Let others have everything, at once."""

    @property
    def id(self) -> int:
        """The number of this worker; 0 before it is one."""

    @property
    def hears(self) -> bool:
        """Tell whether there are calls, or all has to be looked for."""

    async def receive(
        self, letters: Sequence[LetterRow], counted: Counted, channel: bytes, limit: int
    ) -> tuple[list[bool], list[ClaimedLetter]]:
        """Do what `Store.receive` does and then what `claim_letters` does, as one unit of work."""

    async def claim_letters(self, channel: bytes, limit: int) -> list[ClaimedLetter]:
        """Take the oldest unfinished letters of the lanes that are not this worker's yet, oldest first."""

    async def disclaim_letters(self, channel: bytes, kept: Sequence[int]) -> None:
        """Give back all letters but these, for one that does not know how a claim ended."""

    async def claim_parcels(self, channel: bytes, limit: int) -> list[ParcelRow]:
        """Take the oldest unsent parcels of the lanes in the same way."""

    async def disclaim_parcels(self, channel: bytes, kept: Sequence[int]) -> None:
        """Give back all parcels but these."""

    async def claim_due(self, until_ms: int, limit: int) -> list[SessionRow]:
        """Take sessions whose reset is due and in which no turn runs, the most due first, for a minute.

        Those that another worker has taken are passed over.
        """

    async def take_turn(self, session_id: str) -> bool:
        """Have the turn in a session; False while another worker has it."""

    async def end_turn(self, session_id: str) -> None:
        """Let others have their turn."""

    async def stop_turn(self, session_id: str) -> bool:
        """Ask whichever other worker runs a turn in a session to end it; tell whether one does."""

    async def is_running(self, session_id: str) -> bool:
        """Tell whether another worker runs a turn in a session."""

    async def stopping(self) -> list[str]:
        """Give the sessions in which this worker runs a turn that somebody wants to end."""

    async def primary_key(self) -> bytes:
        """Name the master key that wraps new keys now."""

    async def change_keyring(self, rows: Sequence[KeyringRow], secrets: Mapping[str, bytes], mail: Mail | None) -> None:
        """Do what `Store.put_keyring` does, unless it does not fit what another program has made of it meanwhile.

        Without rows a key of the installation that is there stays. Raises `StaleSession`.
        """

    async def listen(self, hear: Callable[[str], None]) -> None:
        """Have a function called with what may be to be done: `lanes 3 17`, `stop 5` (a worker), or nothing for all.

        Nothing is promised: whoever looks from time to time finds it as well.
        """
