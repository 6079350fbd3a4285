"""The benchmark runs and counts correctly; how fast anything is, is not asked here."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import durable
from tests.benchmarks.bench import WORKER
from tests.benchmarks.goals import goals
from tests.benchmarks.job import Job
from tests.benchmarks.plan import GROUPS, PLATFORMS, Plan
from tests.benchmarks.report import report, table
from tests.benchmarks.samples import Sample, Samples, Source
from tests.benchmarks.shell import shell
from tests.benchmarks.stopwatch import Values
from tests.benchmarks.stores import OWN, PEER, RAW

PLAN, ROOT = Plan(), Path(__file__).parents[1]


def work(folder: Path, job: Job) -> dict[str, Values]:
    """Have a job done in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(WORKER), job.encode(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Values] = json.loads(done.stdout.splitlines()[-1])
    return figures


def sample(number: int, job: Job, floor: float = 1.0, **values: float) -> Sample:
    return Sample(number, job, values, {"turn_ms": floor, "commit_ms": floor})


@pytest.mark.parametrize("store", [OWN, RAW])
def test_a_store_is_filled_and_takes_turns(store: str, tmp_path: Path) -> None:
    """Palaver and the floor are driven by the same code, and no turn fails."""
    small = Job(measure="fill", store=store, sessions=128, messages=50)
    work(tmp_path, small)
    values = work(tmp_path, replace(small, measure="turns", clients=16, seconds=0.1))["values"]
    assert values["turns"] > 0
    assert values["failed"] == 0


def test_ways_back_are_timed(tmp_path: Path) -> None:
    """Checkpoint, restore, undo and fork end where they should, and each takes its time."""
    work(tmp_path, Job(measure="fill", store=OWN, sessions=1, messages=10))
    figures = work(tmp_path, Job(measure="timeline", store=OWN, sessions=1, messages=10))
    assert set(figures["values"]) == {"checkpoint_ms", "restore_ms", "undo_ms", "fork_ms"}
    assert figures["floor"]["commit_ms"] > 0


@pytest.mark.parametrize("platform", PLATFORMS)
def test_people_talk_to_a_bot_and_reset_during_a_reply(platform: str, tmp_path: Path) -> None:
    """A bot in one process answers people in another, and drops the reply that a reset overtakes."""
    few = Job(measure="talk", store=OWN, clients=3, seconds=0.1, platform=platform)
    values = work(tmp_path, few)["values"]
    assert values["updates_per_second"] > 0
    assert 0 < values["p50_ms"] <= values["p99_ms"]
    assert work(tmp_path, replace(few, measure="reset"))["values"]["p99_ms"] > 0


def test_the_cost_and_the_memory_of_a_bot_are_told(tmp_path: Path) -> None:
    """A bot goes on in the conversations of a store that was filled, and meets people it does not know."""
    filled = Job(measure="fill", store=OWN, sessions=20, messages=10)
    work(tmp_path, filled)
    figures = work(tmp_path, replace(filled, measure="cost"))
    assert 0 < figures["values"]["p50_ms"] <= figures["values"]["p99_ms"]
    assert figures["floor"]["commit_ms"] > 0
    assert work(tmp_path, Job(measure="known", store=OWN, clients=200))["values"]["now_mib"] > 0


def test_an_operators_commands_are_timed(tmp_path: Path) -> None:
    """Each command does its work on the store that was filled, and its figures are told."""
    filled = Job(measure="fill", store=OWN, sessions=20, messages=10)
    work(tmp_path, filled)
    values = shell(tmp_path, filled.content, ROOT, times=1)
    named = {goal.own.name for goal in goals(PLAN) if goal.group == "shell"}
    assert named <= values.keys()
    assert all(value > 0 for name, value in values.items() if name.endswith("_mib"))


def test_turns_on_a_server_are_timed(tmp_path: Path) -> None:
    """Palaver and the same by hand are driven by the same code, on a server of their own."""
    values = work(tmp_path, Job(measure="server", store=OWN, seconds=0.2))["values"]
    assert {goal.own.name for goal in goals(PLAN) if goal.group == "server"} <= values.keys()
    assert all(value > 0 for value in values.values())


def test_a_ratio_compares_figures_of_the_same_round() -> None:
    """A slow round slows both, so the median of the rounds' ratios is what counts."""
    samples = Samples()
    for number, slow in enumerate((1.0, 10.0, 1.0)):
        samples.taken.append(sample(number, PLAN.turns(OWN, 16), tps=900 / slow))
        samples.taken.append(sample(number, PLAN.turns(PEER, 16), tps=100 / slow))
    ours, theirs = (Source(PLAN.turns(store, 16), "tps") for store in (OWN, PEER))
    assert samples.ratio(ours, theirs) == 9
    assert samples.median(ours) == 900
    assert "| yes |" in next(line for line in report(samples, PLAN, GROUPS).splitlines() if line.startswith("| 16"))


@pytest.mark.parametrize(
    ("taken", "commit", "verdict"), [(0.4, 0.1, "yes"), (0.6, 0.1, "no"), (4.2, 4.0, "not here"), (None, 0.1, "?")]
)
def test_a_goal_is_met_or_not(taken: float | None, commit: float, verdict: str) -> None:
    """A figure within its limit meets the goal; where a bare commit is over the limit, nothing can be told."""
    goal = next(goal for goal in goals(PLAN) if goal.what.startswith("checkpoint, 10,000"))
    values = {} if taken is None else {"checkpoint_ms": taken}
    assert goal.met(Samples([sample(0, goal.own.job, commit, **values)])) == verdict


def test_a_job_that_failed_leaves_a_note_and_no_figure() -> None:
    """What went wrong is told below the tables; the tables stand all the same."""
    failed = Sample(0, PLAN.reading(OWN), {}, {}, "no space left")
    text = report(Samples([failed]), PLAN, GROUPS)
    assert "Went wrong: reading palaver 1 x 10,000: no space left" in text


def test_the_columns_of_a_table_line_up() -> None:
    """Every line of a table is as wide as the others."""
    lines = table(["a", "b"], [["long name", "1"], ["c", "12,345"]]).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_a_connection_that_was_made_less_durable_is_noticed(tmp_path: Path) -> None:
    """Whoever lowers WAL and FULL is found out when the connection closes; who leaves them is not."""
    durable.weakened.clear()
    for settings in ((), ("synchronous=NORMAL",)):
        connection = sqlite3.connect(tmp_path / "x.db", factory=durable.DurableConnection)
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")
        connection.close()
    assert durable.weakened == ["journal_mode=wal synchronous=1"]
    durable.weakened.clear()
