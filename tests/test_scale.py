"""The load generator runs and counts correctly, and its page says what was measured."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.load.chart import Chart
from tests.benchmarks.load.crew import Seen
from tests.benchmarks.load.habits import DAY, PEAK, day, sayings
from tests.benchmarks.load.ledger import Ledger, spread
from tests.benchmarks.load.million import million
from tests.benchmarks.load.page import DOCS, SCALE, page
from tests.benchmarks.load.plan import QUICK
from tests.benchmarks.load.plots import plots
from tests.benchmarks.load.rehearsal import SETTINGS
from tests.benchmarks.load.scene import scene
from tests.postgres_server import postgres_server

RESULTS: Seen = json.loads((SCALE / "results.json").read_text(encoding="utf-8"))


def test_the_page_is_that_of_the_results() -> None:
    """`make load ARGS="--draw"` writes it anew; no number on it is of another run."""
    assert (DOCS / "scale.md").read_text(encoding="utf-8") == page(RESULTS)


def test_the_plots_are_those_of_the_results() -> None:
    """Each that the page shows is there, is well formed, and is drawn from the same numbers."""
    drawn = plots(RESULTS)
    shown = set(re.findall(r"\]\(scale/([a-z]+\.svg)\)", page(RESULTS)))
    assert shown == set(drawn)
    for name, drawing in drawn.items():
        ET.fromstring(drawing)  # noqa: S314  # drawn here
        assert (SCALE / name).read_text(encoding="utf-8") == drawing


def test_nothing_was_lost_in_the_runs_on_the_page() -> None:
    """All that was said is stored and answered once in each of them."""
    runs = [RESULTS["alone"], *RESULTS["by_workers"].values(), RESULTS["day"], RESULTS["streaming"], RESULTS["killed"]]
    for run in runs:
        checked = run["checked"]
        assert checked["messages"] == 2 * checked["said"] > 0
        assert checked["stored_wrongly"] == checked["unfinished"] == checked["damaged"] == 0
    assert RESULTS["killed"]["unanswered"] == 0


def test_what_is_worked_out_follows_from_what_was_measured() -> None:
    """Twice the cost needs twice the processors of the database, and half the changes let twice as much through."""
    before = million(RESULTS)
    other = json.loads(json.dumps(RESULTS))
    for run in other["by_workers"].values():
        run["saturated"]["database_ms"] *= 2
        run["saturated"]["census_each"] /= 2
    after = million(other)
    assert after.database_cores == pytest.approx(2 * before.database_cores)
    assert after.census_limit == pytest.approx(2 * before.census_limit)


def test_people_speak_as_often_as_is_asked_for() -> None:
    """In the mean, with pauses that differ widely, and several messages in a row."""
    said = list(sayings(500, 100.0, 60.0))
    assert len(said) / 60 == pytest.approx(100, rel=0.1)
    assert [one.at for one in said] == sorted(one.at for one in said)
    moments: dict[int, list[float]] = {}
    for one in said:
        moments.setdefault(one.person, []).append(one.at)
    pauses = [after - before for each in moments.values() for before, after in pairwise(each)]
    assert median(pauses) < mean(pauses)
    assert sum(pause < 0.7 for pause in pauses) > len(pauses) / 20


def test_a_day_has_its_busy_hours() -> None:
    """The evening is several times as busy as the night, and a day is as busy as its hours are in the mean."""
    assert mean(DAY) == pytest.approx(1, abs=0.01)
    said = list(sayings(2_000, 400.0, 48.0, clock=day(48.0)))
    hours = [sum(int(one.at / 2) == hour for one in said) for hour in range(24)]
    assert max(hours) > 4 * min(hours)
    assert 0.7 * PEAK < max(hours) / mean(hours) < 1.3 * PEAK


def test_an_answer_counts_once_and_in_its_order() -> None:
    """What shows a second time is none, and one that comes after the next one's is out of order."""
    ledger = Ledger.of(1)
    for moment in (1.0, 2.0, 3.0):
        ledger.say(0, moment)
    assert ledger.answer(0, 0, 1.5)
    assert not ledger.answer(0, 0, 1.6)
    assert ledger.answer(0, 2, 3.5)
    assert ledger.answer(0, 1, 3.6)
    assert (ledger.open, ledger.disordered) == (0, 1)
    assert [entry.seconds for entry in ledger.since(2.0)] == pytest.approx([1.6, 0.5])
    assert spread([0.1] * 99 + [0.9])["p99_ms"] == pytest.approx(900)


def test_a_plot_shows_every_number() -> None:
    """Lines have their points, bars their heights, and nothing lies outside."""
    line = Chart("a", "b", "c").lines({"x": [(1.0, 2.0), (2.0, 4.0)], "y": [(1.0, 0.0), (2.0, 1.0)]})
    assert line.count("<polyline") == 2
    bars = Chart("a", "b", "c").bars({"x": [1.0, 2.0], "y": [3.0, 0.0]}, ["one", "two"], stacked=True)
    heights = [float(height) for height in re.findall(r'<rect x=.*? height="([\d.-]+)" fill="#(?:1f|d1)', bars)[2:]]
    assert heights == pytest.approx([heights[0], 3 * heights[0], 2 * heights[0], 0], abs=0.2)


async def test_people_are_answered_by_two_workers_and_every_cost_is_told(tmp_path: Path) -> None:
    """A town, two workers and a database play together for a moment; everything is stored once, and has its price."""
    plan = replace(QUICK, people=20)
    with postgres_server(*SETTINGS) as server:
        async with scene(server, tmp_path, plan.people, workers=2, lease=3) as stage:
            together = await stage.measure(talkers=plan.people, seconds=0.5)
            paced = await stage.measure(rate=10.0, seconds=1.0)
            checked = await asyncio.wait_for(stage.check(), 30)
    assert checked["said"] == together["answered"] + paced["answered"] > 0
    assert checked["messages"] == 2 * checked["said"]
    assert checked["stored_wrongly"] == checked["unfinished"] == checked["damaged"] == 0
    for name in ("per_second", "p50_ms", "worker_ms", "town_ms", "database_ms", "census_each", "wal_bytes_each"):
        assert together[name] > 0, name
