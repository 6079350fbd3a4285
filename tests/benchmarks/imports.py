"""Imports: how long a program waits for a package before it can use it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from statistics import median

from tests.benchmarks.stopwatch import Values

TIMES = 5
_PROGRAM = """
import time
began = time.perf_counter()
{statement}
print((time.perf_counter() - began) * 1000)
"""


def imports(python: Path, statement: str, root: Path) -> Values:
    """Time an import in fresh interpreters, all that it brings along included, from a warm disk cache."""
    _once(python, statement, root)
    return {"import_ms": median(_once(python, statement, root) for _ in range(TIMES))}


def _once(python: Path, statement: str, root: Path) -> float:
    command = [str(python), "-c", _PROGRAM.format(statement=statement)]
    # With the compiled files that every installation has, also where the caller's Python writes none.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, cwd=root, env=kept, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["the import failed"])[-1])
    return float(done.stdout)
