"""Bench: carries out a plan, job by job, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.console import console
from tests.benchmarks.imports import imports
from tests.benchmarks.job import Job
from tests.benchmarks.plan import ONCE, Plan
from tests.benchmarks.samples import Sample, Samples
from tests.benchmarks.shell import shell
from tests.benchmarks.stopwatch import Values
from tests.benchmarks.stores import STORES

WORKER = Path(__file__).with_name("worker.py")
PATIENCE = 600  # seconds for one job; only filling a large store takes more than a few


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are: the checkout, a folder to work in, and the interpreter that has the peers, if any."""

    root: Path
    work: Path
    peers: Path | None
    began: float

    def run(self, plan: Plan, groups: Iterable[str]) -> Samples:
        """Fill the stores, then measure round by round, so that every round sees the machine's every mood."""
        samples = Samples()
        jobs = {group: list(plan.jobs(group)) for group in groups}
        filled = self._fill({job for group in jobs.values() for job in group if job.sessions})
        samples.taken += [sample for sample in filled if sample.failed]
        for number in range(plan.rounds):
            for group, planned in jobs.items():
                if number == 0 or group not in ONCE:
                    samples.taken += [self._sample(number, job) for job in planned]
        return samples

    def _fill(self, jobs: set[Job]) -> list[Sample]:
        """Fill each store that is needed once, two side by side, the large ones first."""
        fills = {
            replace(job, measure="fill", store=STORES[job.store].filled_as or job.store, clients=0, seconds=0.0)
            for job in jobs
        }
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda job: self._sample(0, job), sorted(fills, key=lambda job: -job.content.total)))

    def _sample(self, number: int, job: Job) -> Sample:
        """Do a job; what goes wrong is a result as well."""
        try:
            figures = self._do(job)
            sample = Sample(number, job, figures["values"], figures.get("floor", {}))
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            sample = Sample(number, job, {}, {}, f"{error}"[:300])
        shown = sample.failed or "  ".join(f"{name} {value:,.4g}" for name, value in sample.values.items())
        print(f"[{time.monotonic() - self.began:4.0f} s] round {number + 1}: {job}: {shown}", file=sys.stderr)
        return sample

    def _do(self, job: Job) -> dict[str, Values]:
        python = self.peers if STORES[job.store].foreign else Path(sys.executable)
        if python is None:
            raise RuntimeError("its package is not installed")
        if job.measure == "import":
            return {"values": imports(python, STORES[job.store].imports, self.root)}
        if job.measure == "console":
            return {"values": console(self.work, self.root)}
        if job.measure == "shell":
            return {"values": shell(self.work, job.content, self.root)}
        command = [str(python), str(WORKER), job.encode(self.work)]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        figures: dict[str, Values] = json.loads(done.stdout.splitlines()[-1])
        return figures
