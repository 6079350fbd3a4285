"""Tab in a shell: sub-commands, options and choices are offered, and nothing of what is stored."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bot.cli_page import page
from tests.bot.operator.conversations import ME, begin
from tests.bot.shell import ROOT, Shell

WAYS = {
    "bash": 'eval "$(_PALAVER_COMPLETE=bash_source palaver)"',
    "zsh": 'eval "$(_PALAVER_COMPLETE=zsh_source palaver)"',
    "fish": "_PALAVER_COMPLETE=fish_source palaver | source",
}


def offered(shell: Shell, line: str) -> list[str]:
    """Give what is offered at the end of a line, as bash asks for it."""
    words = line.split(" ")
    done = shell.run(COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), _PALAVER_COMPLETE="bash_complete")
    assert (done.code, done.err) == (0, "")
    return [one.partition(",")[2] for one in done.lines if one]


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("palaver ", {"sessions", "people", "keys", "db", "doctor", "audit", "resume", "chat", "run"}),
        ("palaver sess", {"sessions"}),
        ("palaver --", {"--version", "--help", "--resume", "--ephemeral"}),
        ("palaver --ephemeral --", {"--title", "--user"}),
        ("palaver sessions ", {"list", "show", "create", "delete", "clean", "fork", "search", "export", "import"}),
        ("palaver people ", {"list", "export", "erase", "links"}),
        ("palaver sessions delete --s", {"--status", "--shared"}),
        ("palaver sessions export --format ", {"markdown", "json", "html", "text"}),
    ],
)
def test_commands_options_and_choices_are_offered(shell: Shell, line: str, some: set[str]) -> None:
    """At each place what can stand there."""
    assert some <= set(offered(shell, line))


def test_nothing_that_is_stored_is_offered(shell: Shell) -> None:
    """Whoever presses Tab needs no key: no store is opened, no id and no title is shown."""
    begin(shell, ME, "a canary", title="canary")
    for line in ("palaver sessions show ", "palaver sessions rename ", "palaver people export ", "palaver resume "):
        assert offered(shell, line) == []
    empty = Shell(shell.home / "empty")
    offered(empty, "palaver sessions show ")
    assert not empty.home.exists()


@pytest.mark.parametrize("kind", WAYS)
def test_how_to_switch_it_on_is_said_and_true(shell: Shell, kind: str) -> None:
    """In the README and on the page of commands; what is evaluated then defines the completion."""
    for text in ((ROOT / "README.md").read_text(), (ROOT / "docs" / "shell.md").read_text(), page()):
        assert WAYS[kind] in text
    script = shell.run(_PALAVER_COMPLETE=f"{kind}_source")
    assert script.code == 0
    assert "palaver" in script.out


def test_bash_takes_what_is_evaluated(shell: Shell, tmp_path: Path) -> None:
    """A shell in which it is switched on completes the command."""
    script = tmp_path / "completion.bash"
    script.write_text(shell.run(_PALAVER_COMPLETE="bash_source").out)
    done = subprocess.run(
        ["bash", "--norc", "-c", f"source {script}; complete -p palaver"], capture_output=True, text=True, check=True
    )
    assert "palaver" in done.stdout
