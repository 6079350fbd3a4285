"""Landing: which rows conversations take that come in together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sessions.arrival_codec import WaitingArrival
from sessions.errors import InvalidValue, Tampered
from sessions.records import SessionRow
from sessions.session import Status

TOGETHER = 500  # sessions that are let in with the same statements


def check_whole(arrivals: Iterable[WaitingArrival], numbers: Iterable[int]) -> None:
    """Refuse to go on unless these are the sessions of these numbers. Raises `Tampered`."""
    if {arrival.row.number for arrival in arrivals} != set(numbers):
        raise Tampered("a conversation that comes in")


def check_new(ids: Sequence[str], there: Iterable[str]) -> None:
    """Refuse the first of these ids that is there already. Raises `InvalidValue`."""
    known = set(there)
    for one in ids:
        if one in known:
            raise InvalidValue(f"session {one} is here already; import it beside that one with --new-id")


def places(arrivals: Iterable[WaitingArrival], taken: Iterable[bytes]) -> list[SessionRow]:
    """Give the row of each: of a key that has a current session by then, the one that goes beside it."""
    occupied, rows = set(taken), []
    for arrival in arrivals:
        row = arrival.row
        if row.key_idx in occupied:
            row = arrival.instead or row
        elif Status(row.status).is_current:
            occupied.add(row.key_idx)
        rows.append(row)
    return rows
