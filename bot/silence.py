"""Silence: the answer that consists in saying nothing."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Silence(Enum):
    """Neither an answer nor leave to go on."""

    SILENT = "silent"


SILENT: Final = Silence.SILENT
