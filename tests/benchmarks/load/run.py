"""Play many people over many chats against workers on one database, and tell what that took.

`make load`, or `python tests/benchmarks/load/run.py --help`.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # As a script, this file's own folder stands first: the checkout belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    from tests.benchmarks.load.main import main

    main()
