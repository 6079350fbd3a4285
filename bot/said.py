"""Said: what the model has said in a turn, and how that ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from adapters.reply import Reply
from bot.meter import Outcome
from bot.models.backend import Finished


@dataclass(slots=True)
class Said:
    """What the model has said by now, and how it ended."""

    pieces: list[str] = field(default_factory=list)
    ending: Literal["open", "complete", "stopped", "failed"] = "open"
    finished: Finished = field(default_factory=Finished)
    excuse: Reply | None = None
    shown: bool = False
    muted: bool = False

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)

    @property
    def partial(self) -> bool:
        """Tell whether there should have been more."""
        return self.ending != "complete" or self.finished.stop_reason == "length"

    @property
    def outcome(self) -> Outcome:
        """How it ended, in the words of the meter."""
        if self.ending == "complete":
            return "partial" if self.partial else "completed"
        return "stopped" if self.ending == "stopped" else "failed"
