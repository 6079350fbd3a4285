"""Process: how much memory one takes."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Resident memory in MiB: now, and the most there was."""

    now: float
    peak: float


def memory_mib(pid: int | str = "self") -> Memory:
    """Read a process's memory. Only Linux tells it of other processes, and the peak apart from the parent's."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        if pid != "self":
            raise OSError("the memory of another process can only be read on Linux")
        unit = 1024**2 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        return Memory(peak, peak)
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return Memory(*(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")))
