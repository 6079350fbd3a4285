"""The command page of the README."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.commands.page import BEGIN, END, inserted, main, page
from bot.commands.table import COMMANDS


def test_every_command_is_on_the_page() -> None:
    """Usage, summary and example of each command stand in a row."""
    rows = [row for row in page().splitlines() if row.startswith("| `/")]
    assert len(rows) == len(COMMANDS)
    for command in COMMANDS:
        assert any(command.usage.replace("|", "\\|") in row and command.summary in row for row in rows)


def test_rows_have_three_cells() -> None:
    """A pipe inside a usage line does not end its cell."""
    rows = [row.replace("\\|", "") for row in page().splitlines() if row.startswith("|")]
    assert {row.count("|") for row in rows} == {4}


def test_the_page_is_written_between_the_markers(tmp_path: Path) -> None:
    """Writing changes only what is between the markers, and is stable."""
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n{BEGIN}\nout of date\n{END}\nAfter\n")
    assert main([str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith("# Title\n")
    assert text.endswith("\nAfter\n")
    assert page() in text
    assert "out of date" not in text
    assert inserted(text) == text


def test_check_tells_a_stale_page_and_leaves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Checking exits 1 for a stale page without touching it, and 0 for a fresh one."""
    readme = tmp_path / "README.md"
    stale = f"{BEGIN}\n{END}\n"
    readme.write_text(stale)
    assert main([str(readme), "--check"]) == 1
    assert readme.read_text() == stale
    assert "python -m bot.commands.page" in capsys.readouterr().err
    main([str(readme)])
    assert main(["--check", str(readme)]) == 0


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{END}", f"{BEGIN}{BEGIN}{END}"])
def test_missing_markers_are_an_error(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without both markers once each nothing is written and the exit code is 2."""
    readme = tmp_path / "README.md"
    readme.write_text(text)
    assert main([str(readme)]) == 2
    assert readme.read_text() == text
    assert BEGIN in capsys.readouterr().err


def test_wrong_arguments_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file, two files or a file that is not there: exit code 2 and a reason."""
    assert main([]) == 2
    assert main(["a", "b"]) == 2
    assert main([str(tmp_path / "missing.md")]) == 2
    assert "usage" in capsys.readouterr().err
