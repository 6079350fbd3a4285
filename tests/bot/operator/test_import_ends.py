"""Imports by a crew that end too early leave nothing, and nobody."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.operator.crew import CrewOptions
from sessions.export.archive import ArchiveText
from sessions.export.json_format import to_json
from tests.bot.operator.conversations import ME, begin, listed
from tests.bot.operator.crewed import PAIR
from tests.bot.operator.machines import (
    LARGE,
    Machines,
    aged,
    counted,
    id_of,
    rows,
)
from tests.bot.operator.test_crew import await_children, gone, start
from tests.sessions.export.builders import NOON, a_transcript


@pytest.fixture
def large(machines: Machines) -> Path:
    """Make an archive that takes some seconds."""
    one = to_json(aged(a_transcript(*["word " * 20] * 20), 0))
    text, path = ArchiveText(NOON), machines.folder / "large.json"
    between = text.between() or text.between()
    path.write_text(text.begin() + between.join(one.replace(id_of(0), id_of(n)) for n in range(LARGE)) + text.end())
    return path


@contextmanager
def under_way(machines: Machines, path: Path) -> Iterator[tuple[subprocess.Popen[bytes], set[int]]]:
    """Have a file imported into a store with one conversation, and go on as soon as some of it is stored."""
    shell = machines.shell("a")
    with start(shell, "import", str(path)) as process:
        members = await_children(process, 2)
        until = time.monotonic() + 20
        while not counted(shell)["erasure"]:
            assert process.poll() is None, process.communicate(timeout=5)
            assert time.monotonic() < until
            time.sleep(0.01)
        yield process, members


@pytest.fixture
def before(machines: Machines) -> Mapping[str, int]:
    """Have one conversation in the store; give how many rows there are."""
    begin(machines.shell("a"), ME, "hello")
    return counted(machines.shell("a"))


def test_a_member_that_is_killed_is_told_of(machines: Machines, large: Path, before: Mapping[str, int]) -> None:
    """Nothing has come in then, and the same import goes well after that."""
    shell = machines.shell("a")
    with under_way(machines, large) as (process, members):
        os.kill(min(members), signal.SIGKILL)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, gone(members)) == (4, b"", True)
    assert re.fullmatch(rb"palaver: a process that \w+ the store was killed \(SIGKILL\); try again\n", err)
    assert counted(shell) == before
    machines.sound(shell)
    assert machines.imports(shell, CrewOptions(members=2, pays=0), large).code == 0
    assert counted(shell)["session"] == before["session"] + LARGE
    assert counted(shell)["message"] == before["message"] + 20 * LARGE


def test_ctrl_c_leaves_nothing(machines: Machines, large: Path, before: Mapping[str, int]) -> None:
    """No row, no process and no word of Python's."""
    with under_way(machines, large) as (process, members):
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, b"Traceback" in err, gone(members)) == (130, b"", False, True)
    assert counted(machines.shell("a")) == before
    machines.sound(machines.shell("a"))


def test_ctrl_c_while_members_begin_leaves_nothing(machines: Machines, large: Path, before: Mapping[str, int]) -> None:
    """They have not even opened the store then."""
    with start(machines.shell("a"), "import", str(large)) as process:
        members = await_children(process, 2)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, b"Traceback" in err, gone(members)) == (130, b"", False, True)
    assert counted(machines.shell("a")) == before


def test_an_import_that_is_killed_leaves_noise_that_goes(
    machines: Machines, large: Path, before: Mapping[str, int]
) -> None:
    """Its members end; what was stored is no damage, and is gone with the next command."""
    shell, one = machines.shell("a"), machines.folder / "one.json"
    with under_way(machines, large) as (process, members):
        process.kill()
        process.communicate(timeout=20)
    assert gone(members)
    assert counted(shell)["message"] > before["message"]
    assert set(listed(shell)) == {id_ for (id_,) in rows(shell, "id FROM session")}
    assert "1 session and 1 stored message opened" in machines.sound(shell)
    one.write_text(to_json(aged(a_transcript("one", "two"), 0)))
    assert machines.imports(shell, PAIR, one).code == 0
    assert counted(shell) == {**before, "session": before["session"] + 1, "message": before["message"] + 2}
    machines.sound(shell)
