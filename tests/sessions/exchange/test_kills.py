"""kill -9 anywhere in a push or a pull: run again, and all is well."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessions.exchange.folder import FolderPlace
from sessions.manager import SessionManager
from tests.conftest import ManualClock
from tests.sessions.exchange.conftest import ANN, Machine, introduce
from tests.sessions.exchange.dying import KEY

ROOT = Path(__file__).parents[3]
STEPS = 400  # more than a push or a pull of the scene has


class Scene:
    """Two machines in a folder, to be copied for each kill."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ids = folder, list[str]()

    @property
    def place(self) -> Path:
        return self.folder / "place"

    def opened(self, name: str, clock: ManualClock) -> SessionManager:
        return SessionManager.open(db_path=self.folder / name / "palaver.db", encryption_key=KEY, clock=clock)

    def copied(self, folder: Path) -> Scene:
        shutil.copytree(self.folder, folder)
        made = Scene(folder)
        made.ids = self.ids
        return made


async def build(scene: Scene, clock: ManualClock) -> None:
    """Have everything at once: new, continued, branched and erased sessions, of which the laptop has to be told."""
    scene.place.mkdir(parents=True)
    async with scene.opened("desk", clock) as first, scene.opened("laptop", clock) as second:
        desk = Machine("desk", first, FolderPlace(scene.place), clock)
        laptop = Machine("laptop", second, FolderPlace(scene.place), clock)
        await introduce([desk, laptop])
        longer, branched, gone, quiet = [await desk.begins(name) for name in ("longer", "branched", "gone", "quiet")]
        await desk.push()
        await laptop.pull()
        await laptop.says(branched, "laptop")
        await desk.says(longer, "more")
        await desk.says(branched, "desk")
        await desk.sessions.update_session(quiet, title="Title")
        await desk.sessions.delete_session(gone)
        new = await desk.begins("new")
        scene.ids = [longer, branched, quiet, new]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    made = Scene(tmp_path_factory.mktemp("scene") / "homes")
    asyncio.run(build(made, ManualClock()))
    return made


@contextmanager
def dying() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.sessions.exchange.dying"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as program:
        yield program
        assert program.stdin is not None
        program.stdin.close()


def killed(program: subprocess.Popen[str], scene: Scene, name: str, verb: str, step: int) -> bool:
    """Have it done until that step; tell whether there was such a step."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(f"{scene.folder / name} {scene.place} {verb} {step}\n")
    program.stdin.flush()
    code = int(program.stdout.readline())
    assert code in (0, -signal.SIGKILL)
    return code != 0


async def check(scene: Scene) -> None:
    """Push and pull to the end, and compare with how it must be."""
    clock = ManualClock(2_000_000_000)
    async with scene.opened("desk", clock) as first, scene.opened("laptop", clock) as second:
        desk = Machine("desk", first, FolderPlace(scene.place), clock)
        laptop = Machine("laptop", second, FolderPlace(scene.place), clock)
        await desk.push()
        await laptop.pull()
        longer, branched, quiet, new = scene.ids
        assert sorted(one.id for one in await laptop.sessions.list_sessions(ANN)) == sorted(scene.ids)
        assert await laptop.reads(longer) == ["longer", "more"]
        assert await laptop.reads(branched) == ["branched", "laptop"]
        assert await laptop.branches(branched) == [["branched", "desk"]]
        assert (await laptop.session(quiet)).title == "Title"
        assert await laptop.reads(new) == ["new"]
        assert len((await laptop.sessions.transcript(branched)).stored) == 6
        for _ in range(2):
            for one in (laptop, desk):
                await one.push()
            for one in (desk, laptop):
                await one.pull()
        assert len((await desk.sessions.transcript(branched)).stored) == 6
        assert (await desk.push()).bundles == (await laptop.push()).bundles == 0
        for one in (desk, laptop):
            assert await one.sessions.verify() == []


def test_a_push_that_is_killed_at_any_step_is_made_good_by_the_next(scene: Scene, tmp_path: Path) -> None:
    """Before and after each write to the store, and where a bundle is written and not yet in its place."""
    kills = 0
    with dying() as program:
        for step in range(1, STEPS):
            copy = scene.copied(tmp_path / f"{step}")
            if not killed(program, copy, "desk", "push", step):
                break
            kills += 1
            asyncio.run(check(copy))
    assert 5 < kills < STEPS - 1


def test_a_pull_that_is_killed_at_any_step_is_made_good_by_the_next(scene: Scene, tmp_path: Path) -> None:
    """Nothing comes in twice, and nothing is left half."""
    kills = 0
    with dying() as program:
        pushed = scene.copied(tmp_path / "pushed")
        assert not killed(program, pushed, "desk", "push", STEPS)
        for step in range(1, STEPS):
            copy = pushed.copied(tmp_path / f"{step}")
            if not killed(program, copy, "laptop", "pull", step):
                break
            kills += 1
            asyncio.run(check(copy))
    assert 10 < kills < STEPS - 1
