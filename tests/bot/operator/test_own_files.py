"""No output takes the place of what Palaver lives on, nor of anything else unless that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.operator.conversations import ME, Quick, begin
from tests.bot.shell import Shell

OWN = ("palaver.key", "palaver.db", "palaver.db-wal", "palaver.db.lock", "control.sock", "palaver.toml")
WRITERS = (
    ("sessions", "search", "one", "--export"),
    ("sessions", "stats", "--png"),
    ("sessions", "export", "--all", "-o"),
    ("people", "export", f"console:{ME.user_id}", "-o"),
    ("db", "backup"),
)


@pytest.mark.parametrize("writer", WRITERS, ids=" ".join)
def test_own_files_are_never_replaced(shell: Shell, quick: Quick, tmp_path: Path, writer: tuple[str, ...]) -> None:
    """Not by their names, not through a link, not with --force; the store opens afterwards."""
    begin(shell, ME, "one")
    link = tmp_path / "link"
    link.symlink_to(shell.home / "palaver.key")
    for target in (*(shell.home / name for name in OWN), link):
        before = target.read_bytes() if target.exists() else None
        done = quick(*writer, str(target), "--force")
        assert done.code == 1, target
        assert "choose another name" in done.err
        assert (target.read_bytes() if target.exists() else None) == before
    assert quick("sessions", "list").code == 0


@pytest.mark.parametrize("writer", WRITERS, ids=" ".join)
def test_other_files_are_replaced_only_when_that_is_meant(
    shell: Shell, quick: Quick, tmp_path: Path, writer: tuple[str, ...]
) -> None:
    """Without --force what is there stays; with it it is replaced."""
    begin(shell, ME, "one")
    target = tmp_path / "precious"
    target.write_text("precious")
    done = quick(*writer, str(target))
    assert (done.code, target.read_text()) == (1, "precious")
    assert "--force" in done.err
    assert quick(*writer, str(target), "--force").code == 0
    assert target.read_bytes() != b"precious"
