"""The one table of commands, and the limits of the platforms that will show it."""

from __future__ import annotations

import re
from keyword import iskeyword

import pytest

from bot.commands.binding import bind
from bot.commands.command import Command, Kind, Topic
from bot.commands.lookup import find_command
from bot.commands.table import COMMANDS

NATIVE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
IDS = [" ".join(command.path) for command in COMMANDS]


@pytest.mark.parametrize(
    "line",
    [
        "/new", "/new Rome", "/reset", "/stop", "/help", "/help undo", "/session", "/session list", "/session switch 2",
        "/session title Rome", "/session why", "/session delete 2", "/session tag a b", "/session untag a",
        "/session scope main", "/session scope peer", "/session scope channel", "/session scope channel-peer",
        "/session scope per-channel-peer", "/session reset-time 04:00", "/session reset-time 04:00 Europe/Berlin",
        "/session reset-time off", "/session keep", "/session snooze", "/session snooze 1440", "/session never-reset",
        "/session idle-reset 30", "/session idle-reset off", "/checkpoint save",
        '/checkpoint save "a b"', '/checkpoint save "a b" some words', "/checkpoint list", "/checkpoint",
        "/checkpoint restore 1", "/checkpoint delete 1", "/history", "/history 20", "/history export",
        "/history export markdown", "/history export json", "/history export html", "/history export text",
        "/history clear", "/history search two words", "/undo", "/undo 2", "/redo", "/retry", "/fork", "/fork Rome",
        "/resume", "/resume 2", "/context", "/compact", "/compact keep figures", "/usage", "/model", "/model echo",
        "/incognito on", "/incognito off", "/mydata", "/forgetme", "/whoami", "/pair", "/pair list",
        "/pair approve ABCD2345", "/pair refuse ABCD2345", "/pair revoke telegram:42",
    ],
)  # fmt: skip
def test_every_promised_command_is_understood(line: str) -> None:
    """Each line of the documented command list finds its command and its parameters."""
    command, rest = find_command(COMMANDS, line)
    bind(command, rest)


@pytest.mark.parametrize("command", COMMANDS, ids=IDS)
def test_examples_work(command: Command) -> None:
    """The example of a command is understood, and as that command."""
    found, rest = find_command(COMMANDS, command.example)
    bind(found, rest)
    assert found is command


def test_no_command_is_declared_twice() -> None:
    """Every path is there once, and a group has one default at most."""
    assert len({command.path for command in COMMANDS}) == len(COMMANDS)
    defaults = [command.path[0] for command in COMMANDS if command.default]
    assert len(set(defaults)) == len(defaults)


def test_a_word_is_a_command_or_a_group() -> None:
    """Native trees have no command that is a group as well."""
    single = {command.path[0] for command in COMMANDS if len(command.path) == 1}
    groups = {command.path[0] for command in COMMANDS if len(command.path) == 2}
    assert not single & groups
    assert single | groups == {command.path[0] for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=IDS)
def test_commands_fit_native_trees(command: Command) -> None:
    """Names, descriptions and order of parameters are what Telegram and Discord allow."""
    assert all(NATIVE_NAME.fullmatch(word) for word in command.path)
    assert "-" not in command.path[0]
    assert 1 <= len(command.summary) <= 100
    assert not command.summary.endswith(".")
    names = [parameter.name for parameter in command.parameters]
    assert len(set(names)) == len(names) <= 25
    assert all(NATIVE_NAME.fullmatch(name) and not iskeyword(name) for name in names)
    assert all(1 <= len(parameter.summary) <= 100 for parameter in command.parameters)
    required = [parameter.required for parameter in command.parameters]
    assert required == sorted(required, reverse=True)


@pytest.mark.parametrize("command", COMMANDS, ids=IDS)
def test_only_the_last_parameter_takes_the_rest(command: Command) -> None:
    """What reads to the end of the line leaves nothing for another parameter."""
    greedy = [p.kind.takes_the_rest or p.kind is Kind.TAGS for p in command.parameters]
    assert not any(greedy[:-1])
    assert all(p.choices for p in command.parameters if p.kind is Kind.CHOICE)


def test_every_topic_has_commands() -> None:
    """No heading of the help stands alone."""
    assert {command.topic for command in COMMANDS} == set(Topic)


def test_answers_that_show_content_are_private() -> None:
    """Whatever shows words, names, titles or ids of somebody is declared private."""
    private = {" ".join(command.path) for command in COMMANDS if command.private}
    showing = {
        "session show", "session list", "session switch", "session why", "session delete", "resume", "checkpoint list",
        "checkpoint restore", "checkpoint delete", "history show", "history search", "history export", "compact",
        "mydata", "forgetme", "whoami", "usage", "pair list", "pair approve", "pair refuse", "pair revoke",
    }  # fmt: skip
    assert showing <= private
