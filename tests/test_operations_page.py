"""The page for whoever runs a bot: what it names is there."""

from __future__ import annotations

import re

import click

from bot.cli import palaver
from bot.commands.lookup import find_command
from bot.commands.table import COMMANDS
from bot.prometheus_meter import PrometheusMeter
from bot.readiness import PATIENCE
from bot.run import DRAIN
from config.settings import fields_by_name
from sessions.lanes import MAX_TURNS, MAX_TURNS_PER_PERSON
from tests.bot.shell import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
_PATHS = ("/healthz", "/readyz", "/metrics")


def code() -> list[str]:
    """Give what stands between backticks or in blocks, one a line."""
    blocks = re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL)
    inline = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
    return [" ".join(one.split()) for one in [*inline, *"\n".join(blocks).splitlines()]]


def test_every_command_on_it_exists() -> None:
    """With the options that it is given."""
    lines = [re.sub(r"^.*\s(?=palaver )", "", line).split() for line in code() if re.search(r"(^|\s)palaver ", line)]
    assert len(lines) > 25
    for words in lines:
        rest = words[1:]
        command: click.Command = palaver
        while isinstance(command, click.Group):
            command = command.commands[rest.pop(0)]
        options = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        assert {word for word in rest if word.startswith("-")} <= options, words


def test_every_setting_on_it_exists() -> None:
    """Under its dotted name and as a variable."""
    written = "\n".join(code())
    groups = {name.partition(".")[0] for name in fields_by_name() if "." in name}
    named = set(re.findall(rf"(?<![\w./])(?:{'|'.join(groups)})\.[a-z_]+\b", written))
    named -= {one for one in named if one.endswith((".db", ".py"))}
    named |= {name.lower().replace("__", ".") for name in re.findall(r"\bPALAVER_([A-Z_]*[A-Z])\b", written)}
    named |= {one for one in code() if one in ("key_file", "old_key_files")}
    assert {"operations.listen", "logs.format", "logs.level", "home", "key_file"} <= named
    assert named <= set(fields_by_name())


def test_every_slash_command_on_it_exists() -> None:
    """Those that people can use themselves."""
    lines = [line for line in code() if re.fullmatch(r"/[a-z]+", line) and line not in _PATHS]
    assert lines
    for line in lines:
        find_command(COMMANDS, line)


def test_every_number_of_ours_is_explained() -> None:
    """Each metric has its line, and no line is about one that is not there."""
    page = PrometheusMeter(["telegram"], "echo", "1").page("")[0].decode()
    given = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"^([a-z_]+)[{ ]", page, re.MULTILINE)}
    lines = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    named = {name for name in lines if name.startswith(("palaver_", "process_"))}
    assert named <= given
    assert {name for name in given if name.startswith("palaver_") and not name.endswith("_created")} <= named


def test_its_figures_are_those_of_the_program() -> None:
    """Turns at once, the time to end, and what counts as slow."""
    assert f"{MAX_TURNS} turns at once, {MAX_TURNS_PER_PERSON} for each person" in PAGE
    assert f"{DRAIN:g} seconds" in PAGE
    assert f"more than {PATIENCE:g} seconds" in PAGE


def test_what_it_links_to_is_there() -> None:
    """Every file, from where the page lies."""
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_each_word_of_readiness_is_explained() -> None:
    """Whatever a part can say is in the table."""
    said = set()
    channels = ("telegram/channel.py", "telegram/poller.py", "discord/channel.py")
    for name in ("bot/readiness.py", *(f"adapters/{one}" for one in channels)):
        text = (ROOT / name).read_text(encoding="utf-8")
        said |= set(re.findall(r'(?:trouble(?:: [a-z| ]+(?:None)?)? = |return |else )"([a-z]+)"', text, re.IGNORECASE))
    said |= {"ending"}
    assert {"full", "readonly", "slow", "failing", "starting", "unreachable", "conflict", "flooded"} <= said
    table = set(re.findall(r"`([a-z]+)`", PAGE))
    assert said <= table
