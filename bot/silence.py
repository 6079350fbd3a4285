"""Silence: the answer that consists in saying nothing."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Silence(Enum):
    """No answer. `HUSHED` goes on all the same, and is answered only if it has an effect."""

    SILENT = "silent"
    HUSHED = "hushed"


SILENT: Final = Silence.SILENT
HUSHED: Final = Silence.HUSHED
