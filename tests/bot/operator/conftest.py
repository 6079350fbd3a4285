"""The command line within this process."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from bot.cli import main
from tests.bot.operator.conversations import Quick
from tests.bot.operator.machines import Machines
from tests.bot.shell import ROOT, Done, Shell


@pytest.fixture
def quick(shell: Shell, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Quick:
    """Run `palaver` within this process, which is ten times as fast as a process of its own."""
    monkeypatch.chdir(ROOT)

    def run(*arguments: str, **settings: str) -> Done:
        capfd.readouterr()
        with monkeypatch.context() as told:
            told.setattr("sys.argv", ["palaver", *arguments])
            told.setattr("sys.stdin", StringIO())
            for name, value in (shell.environ | settings).items():
                told.setenv(name, value)
            code = main()
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return run


@pytest.fixture
def here(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Have this process and its children work in the store of a shell."""
    for name, value in shell.environ.items():
        monkeypatch.setenv(name, value)
    return shell


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Machines:
    """Give places for the stores of an import."""
    return Machines(tmp_path, monkeypatch, capfd)
