"""Sentences that several commands say."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from bot.commands.wording import policy_in_words
from sessions.reset_policy import ResetPolicy
from tests.bot.commands.person import Person

BOTH = ResetPolicy(daily_at=time(4), timezone="Europe/Berlin", idle=timedelta(minutes=30))


def test_policies_are_told_in_words() -> None:
    """Both halves, one, or none."""
    assert policy_in_words(BOTH) == "every day at 04:00 (Europe/Berlin) and after 30 min without a word from you"
    assert policy_in_words(ResetPolicy(idle=timedelta(hours=2))) == "after 2 h without a word from you"
    assert policy_in_words(ResetPolicy()) == "no automatic resets"


@pytest.mark.parametrize(
    ("idle", "later", "cause"),
    [
        ("30", 0, "idle"),
        ("600", 0, "daily"),
        ("600", 2 * 3600 + 55 * 60, "daily"),  # still talking at 03:55: the daily reset waits
        ("10", 2 * 3600 + 52 * 60, "daily"),  # both at 04:02: the daily one is named
        ("5", 2 * 3600 + 50 * 60, "idle"),
    ],
)
async def test_the_cause_of_the_next_reset_is_found(ann: Person, idle: str, later: int, cause: str) -> None:
    """Of a daily and an idle rule the one that strikes first, also right after a rule was set."""
    await ann.says("hello")
    await ann.types("/session reset-time 04:00 Europe/Berlin")
    await ann.types("/session idle-reset 600")
    if later:
        ann.clock.advance(later)
        await ann.says("still here")
    await ann.types(f"/session idle-reset {idle}")
    said = {"daily": "the daily one", "idle": "for silence"}[cause]
    assert f"Next reset: {said}" in (await ann.types("/session why")).text


async def test_without_a_reset_there_is_no_cause(ann: Person) -> None:
    """Where nothing is to come nothing causes it."""
    assert "Next reset: none" in (await ann.types("/session why")).text
