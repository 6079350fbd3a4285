"""Main: the command line of the load generator."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from tests.benchmarks.load.page import SCALE, write_page, write_plots
from tests.benchmarks.load.plan import QUICK, Plan
from tests.benchmarks.load.rehearsal import rehearse
from tests.benchmarks.load.summary import summary

RESULTS = SCALE / "results.json"


def main() -> None:
    """Measure, or draw anew what was measured before."""
    options = _parser().parse_args()
    if not options.draw:
        results = asyncio.run(rehearse(QUICK if options.quick else Plan()))
        text = json.dumps(results, indent=1) + "\n"
        if options.json:
            options.json.write_text(text)
        if options.write:
            RESULTS.write_text(text)
        print(summary(results))
    if options.write or options.draw:
        results = json.loads(RESULTS.read_text())
        write_plots(results)
        write_page(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Play many people over many chats against workers on one PostgreSQL.")
    parser.add_argument("--quick", action="store_true", help="everything for a few seconds: to see that it works")
    parser.add_argument("--write", action="store_true", help="keep the results in docs/scale, and write the page anew")
    parser.add_argument(
        "--draw", action="store_true", help="measure nothing; write the page from the results there are"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to this file as well")
    return parser
