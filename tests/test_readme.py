"""The README: what it shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

from bot.cli import palaver
from bot.cli_answers import LEAVING
from bot.commands.binding import bind
from bot.commands.lookup import find_command
from bot.commands.page import inserted
from bot.commands.table import COMMANDS
from config.settings import fields_by_name

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


def _written_as_code() -> list[str]:
    """Give what stands between backticks or in blocks, one a line, without the command page."""
    text = README.replace(_between("commands"), "")
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [" ".join(code.split()) for code in [*inline, *"\n".join(blocks).splitlines()]]


def test_the_settings_that_are_named_exist() -> None:
    """Whoever copies a name from the README, as a setting or as a variable, sets something."""
    written = "\n".join(_written_as_code())
    names = re.findall(r"(?<![\w./])(?:store|model|telegram|discord|access)\.[a-z_]+\b", written)
    names += [name.lower().replace("__", ".") for name in re.findall(r"\bPALAVER_([A-Z_]*[A-Z])\b", written)]
    assert len(names) > 10
    assert set(names) <= set(fields_by_name())


def test_the_slash_commands_that_are_named_exist() -> None:
    """Every command in the text is understood as it stands."""
    lines = [code for code in _written_as_code() if re.match(r"/[a-z-]+( |$)", code)]
    assert len(lines) > 10
    for line in lines:
        if line not in (*LEAVING, "/newbot"):  # which BotFather understands
            bind(*find_command(COMMANDS, line))


def test_the_programs_that_are_named_exist() -> None:
    """Every `palaver ...` is a command of the command line, and every `make ...` a target of the Makefile."""
    lines = [re.sub(r"^([A-Z_]+=\S+ )+|\s*[#|].*", "", code).split() for code in _written_as_code()]
    palavers = [words[1:] for words in lines if words[:1] == ["palaver"] and words[1:]]
    targets = {words[1] for words in lines if words[:1] == ["make"] and words[1:]}
    assert targets
    assert targets <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert len(palavers) > 5
    for words in palavers:
        command: click.Command = palaver
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        assert {word for word in words if word.startswith("-")} <= options
