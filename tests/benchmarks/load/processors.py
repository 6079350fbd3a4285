"""Processors: the time that processes have taken of them, as the system counts it. Linux only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _OWN, _GONE = 1, slice(11, 13), slice(13, 15)  # fields behind the name: of itself, and of children that ended


class _Stat(NamedTuple):
    parent: int
    own: float
    gone: float


def seconds_of(pid: int) -> float:
    """Give the processor time of one process, in seconds."""
    stat = _stat(pid)
    return 0.0 if stat is None else stat.own


def seconds_of_family(pid: int, *, without: int = 0) -> float:
    """Give that of a process and its children, also those that have ended; one of them may be left out."""
    head = _stat(pid)
    if head is None:
        return 0.0
    stats = {int(path.name): _stat(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    children = [stat.own for child, stat in stats.items() if stat and stat.parent == pid and child != without]
    return head.own + head.gone + sum(children)


def parent_of(pid: int) -> int:
    """Give the process that started one."""
    stat = _stat(pid)
    if stat is None:
        raise OSError(f"there is no process {pid}")
    return stat.parent


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    own, gone = (sum(map(int, fields[part])) / TICKS for part in (_OWN, _GONE))
    return _Stat(int(fields[_PARENT]), own, gone)


def model() -> str:
    """Name the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
