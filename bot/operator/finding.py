"""Finding: one thing that `palaver doctor` has looked at."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """What was looked at, how it stands, and how to mend it. Holds no secret."""

    what: str
    verdict: Verdict
    found: str
    mend: str = ""


def ok(what: str, found: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(what, Verdict.OK, found)


def warning(what: str, found: str, mend: str) -> Finding:
    """Say that something works and could be better."""
    return Finding(what, Verdict.WARNING, found, mend)


def problem(what: str, found: str, mend: str) -> Finding:
    """Say that something is wrong."""
    return Finding(what, Verdict.PROBLEM, found, mend)
