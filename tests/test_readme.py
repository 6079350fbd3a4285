"""The README: what it shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from bot.commands.page import inserted

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def _between(mark: str) -> str:
    return README.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]


def _masked(text: str, home: Path) -> str:
    """Leave out what differs from one run to the next: ids, days, where the home folder is."""
    text = text.replace(str(home), "~/.local/share/palaver")
    found = re.search(r"session-([a-z2-7]{12})-", text)
    text = text.replace(found[1], "k3q7mz2xw5ta") if found else text
    return re.sub(r"\b20\d{6}\b", "20261121", text)


def test_the_command_page_is_that_of_the_table() -> None:
    """The commands in the README are those that the table declares; `make docs` writes them."""
    assert inserted(README) == README


def test_the_library_example_runs(tmp_path: Path) -> None:
    """The ten lines of Python run as they stand, and print what was stored."""
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example is not None
    script = tmp_path / "example.py"
    script.write_text(example[1])
    done = subprocess.run(  # the README's own lines
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The word is teal." in done.stdout
    assert (tmp_path / "sessions.db").stat().st_mode & 0o077 == 0


def test_the_recorded_conversation_is_what_happens(tmp_path: Path) -> None:
    """The conversation in the README gives, line by line, the answers that are printed there."""
    recorded = re.search(r"```console\n\$ (.*?)\n(.*?)```", _between("conversation"), re.DOTALL)
    assert recorded is not None
    command, wanted = recorded[1], recorded[2]
    palaver = tmp_path / "bin" / "palaver"
    palaver.parent.mkdir()
    palaver.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bot "$@"\n')
    palaver.chmod(0o755)
    home = tmp_path / "home"
    path = f"{palaver.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # the README's own line
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "PALAVER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert _masked(done.stdout, home) == wanted
