"""Job: one thing to do in a process of its own, and how it is told."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.filled import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to measure, of which store, with how much in it."""

    measure: str  # "fill" or the name of a measure
    store: str
    sessions: int = 0
    messages: int = 0
    clients: int = 0
    seconds: float = 0.0
    platform: str = ""

    @property
    def content(self) -> Content:
        """What the store is filled with."""
        return Content(self.sessions, self.messages)

    def encode(self, work: Path) -> str:
        """Write it as one argument of a command line."""
        return json.dumps({"work": str(work), **asdict(self)})

    @classmethod
    def decode(cls, text: str) -> tuple[Path, Job]:
        """Read it back, with the folder to work in."""
        fields = json.loads(text)
        return Path(fields.pop("work")), cls(**fields)

    def __str__(self) -> str:
        size = f" {self.sessions:,} x {self.messages:,}" if self.sessions else ""
        clients = f" c{self.clients}" if self.clients else ""
        return f"{self.measure} {self.platform or self.store}{size}{clients}"
