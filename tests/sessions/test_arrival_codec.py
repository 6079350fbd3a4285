"""Arrivals that wait: whatever a row holds comes back, and what was damaged is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.arrival_codec import WaitingArrival, waiting
from sessions.errors import Tampered
from sessions.records import Arrival, SessionRow

number = st.integers(0, (1 << 63) - 1)
blob = st.binary(max_size=40)
rows = st.builds(
    SessionRow,
    number=number,
    id=st.text(max_size=12),
    key_idx=blob,
    owner_idx=blob,
    status=st.sampled_from(["active", "paused", "completed", "error", "expired"]),
    created_at=number,
    last_activity_at=number,
    updated_at=number,
    next_reset_at=st.none() | number,
    head=number,
    stored=number,
    entries=number,
    message_count=number,
    input_tokens=number,
    output_tokens=number,
    cached_tokens=number,
    version=number,
    profile_version=number,
    profile=blob,
    wrapped=blob,
    commitment=blob,
    mac=blob,
)
ONE = SessionRow(
    7, "a" * 12, b"key", b"own", "active", 1, 2, 3, None, 3, 3, 1, 3, 9, 9, 0, 4, 2, b"pro", b"wra", b"com", b"mac"
)


@given(rows, st.none() | rows, st.lists(number, max_size=3))
def test_an_arrival_comes_back_as_it_was(row: SessionRow, instead: SessionRow | None, sources: list[int]) -> None:
    """Its row, the other one, whether they are alike or not, and the sources; number and id stand beside."""
    packed = waiting(Arrival(row, instead, tuple(sources)))
    found = WaitingArrival(packed.body)
    assert (packed.number, packed.id) == (row.number, row.id)
    assert (found.row, found.instead, found.sources) == (row, instead, tuple(sources))


@pytest.mark.parametrize("field", ["status", "next_reset_at", "profile", "mac", "id"])
def test_the_other_row_may_differ_in_one_field(field: str) -> None:
    """Also where it has nothing there."""
    for value in ("", "other") if field in ("status", "id") else (None, 5) if field == "next_reset_at" else (b"", b"o"):
        other = replace(ONE, **{field: value})  # type: ignore[arg-type]  # fields of a row
        assert WaitingArrival(waiting(Arrival(ONE, other)).body).instead == other


def test_the_other_row_costs_little() -> None:
    """Of what is the same nothing is stored twice."""
    other = replace(ONE, status="paused", mac=b"cam")
    alone, both = (waiting(Arrival(replace(ONE, profile=bytes(5_000)), one)).body for one in (None, other))
    assert len(both) < len(waiting(Arrival(ONE, None)).body) * 3 + 5_000
    assert len(both) - len(alone) < 200


def test_one_that_ends_too_early_is_damaged() -> None:
    """Wherever it ends."""
    body = waiting(Arrival(ONE, replace(ONE, status="paused"), (3, 4))).body
    for end in range(len(body)):
        with pytest.raises(Tampered):
            _ = WaitingArrival(body[:end]).instead
