"""The time of the database, as a worker has it."""

from __future__ import annotations

from sessions.clock import StoreClock


def test_it_is_this_machines_until_the_database_has_said_it_and_counts_on_from_there() -> None:
    """Whatever becomes of this machine's clock by then, also between two answers of the database."""
    own, passed = [1_000.0], [50.0]
    clock = StoreClock(lambda: own[0], monotonic=lambda: passed[0])
    assert clock() == 1_000.0
    own[0] = 1_001.0
    assert clock() == 1_001.0
    clock.correct(7_000_000)
    assert clock() == 7_000.0
    for jump in (3_600.0, -7_200.0):
        own[0] += jump
        passed[0] += 1.5
        clock_now = clock()
        assert clock_now == 7_000.0 + passed[0] - 50.0
    clock.correct(7_001_000)
    assert clock() == 7_001.0
