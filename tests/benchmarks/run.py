"""Measure Palaver beside raw SQLite and the fastest stores of others, and print what was reached.

`make bench`, or `python tests/benchmarks/run.py --help`. It measures and never judges: the exit code is 0.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # As a script, this file's own folder stands first: the checkout belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from tests.benchmarks.main import main

    main()
