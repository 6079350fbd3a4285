"""Main: the command line of the benchmark."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.environment import prepare, versions
from tests.benchmarks.plan import GROUPS, QUICK, Plan
from tests.benchmarks.report import report
from tests.benchmarks.samples import Samples

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".bench-venv"


def main() -> None:
    """Measure what was asked for and print it."""
    options = _parser().parse_args()
    plan = QUICK if options.quick else Plan()
    plan = replace(plan, rounds=options.rounds or plan.rounds)
    peers = prepare(ENVIRONMENT, Path(__file__).with_name("requirements.txt"))
    # Beside the checkout and not in a temporary directory, which may be no disk at all.
    work = Path(tempfile.mkdtemp(dir=options.work or ENVIRONMENT, prefix="work-"))
    try:
        samples = Bench(root=ROOT, work=work, peers=peers, began=time.monotonic()).run(plan, options.only)
    finally:
        shutil.rmtree(work)
    used = versions(peers)
    if options.json:
        options.json.write_text(_as_json(samples, plan, used))
    print(report(samples, plan, options.only))
    print("With", ", ".join(f"{name} {version}" for name, version in used.items()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure Palaver beside raw SQLite and the fastest stores of others.")
    parser.add_argument("--quick", action="store_true", help="about two minutes: one round, shorter, up to 10,000")
    parser.add_argument(
        "--only", type=_groups, default=GROUPS, metavar="GROUP,...", help=f"some of {', '.join(GROUPS)}"
    )
    parser.add_argument("--rounds", type=_positive, metavar="N", help="rounds; every round visits every store")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to this file as well")
    parser.add_argument("--work", type=Path, metavar="DIR", help="work on the disk of this folder")
    return parser


def _groups(text: str) -> Sequence[str]:
    wanted = text.split(",")
    if unknown := set(wanted) - set(GROUPS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(GROUPS)}")
    return [group for group in GROUPS if group in wanted]


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def _as_json(samples: Samples, plan: Plan, used: dict[str, str]) -> str:
    taken = [{**sample._asdict(), "job": asdict(sample.job)} for sample in samples.taken]
    return json.dumps({"versions": used, "plan": asdict(plan), "samples": taken}, indent=1) + "\n"
