"""What a person reads when a model fails."""

from __future__ import annotations

import pytest

from bot.models.errors import (
    ContextTooLong,
    ModelBroken,
    ModelEmpty,
    ModelError,
    ModelRateLimited,
    ModelStalled,
    ModelUnavailable,
    spoken,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 second"), (0.2, "1 second"), (45, "45 seconds"), (60, "60 seconds"), (61, "2 minutes"), (7200, "2 hours")],
)
def test_times_are_said_as_people_do(seconds: float, words: str) -> None:
    """Rounded up, so that nobody comes back too early."""
    assert spoken(seconds) == words


@pytest.mark.parametrize(
    "error",
    [
        ModelUnavailable(detail="x"),
        ModelRateLimited(detail="x"),
        ModelBroken(detail="x"),
        ModelStalled("Late.", detail="x"),
        ModelEmpty(detail="x"),
        ContextTooLong(detail="x"),
    ],
)
def test_every_error_says_what_to_do_next(error: ModelError) -> None:
    """The advice names a command, and leaves the operator's detail to the log."""
    assert "/" in error.advice
    assert "(x)" in str(error)
    assert "(x)" not in error.advice
