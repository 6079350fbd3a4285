"""JSON documents as the platform sends and takes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

# The platform's documents nest freely; whatever reads one checks what it takes out of it.
Document = dict[str, Any]


def timestamp(seconds: float) -> str:
    """Write a moment as the platform does."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def integer(value: object) -> int:
    """Read a snowflake or a number, 0 for anything else."""
    try:
        return int(str(value))
    except ValueError:
        return 0
