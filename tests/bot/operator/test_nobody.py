"""An empty --person, as a script with an unset variable gives it, means nobody and never everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.operator.conversations import ME, Quick, begin, telegram
from tests.bot.shell import Shell

COMMANDS = (
    ("sessions", "list"),
    ("sessions", "search", "secret"),
    ("sessions", "export", "--all", "-o", "{file}"),
    ("sessions", "import", "{exported}", "--new-id"),
    ("sessions", "delete", "--yes"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_empty_person_is_refused(shell: Shell, quick: Quick, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Nothing is shown, written, taken in or erased."""
    begin(shell, ME, "secret of mine")
    begin(shell, telegram("7"), "secret of theirs")
    exported, file = tmp_path / "exported.json", tmp_path / "file.json"
    assert quick("sessions", "export", "--all", "-o", str(exported)).code == 0
    done = quick(*(word.format(file=file, exported=exported) for word in command), "--person", "")
    assert (done.code, done.out) == (1, "")
    assert "no person" in done.err
    assert not file.exists()
    assert len(quick("sessions", "list").out.splitlines()) == 3  # the heading and the two
