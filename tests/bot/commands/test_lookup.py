"""Which command a line means, and what is said when it means none."""

from __future__ import annotations

import pytest

from bot.commands.lookup import UnknownCommand, find_command
from bot.commands.table import COMMANDS


@pytest.mark.parametrize(
    ("line", "path", "rest"),
    [
        ("/new Trip", ("new",), "Trip"),
        ("/SESSION@bot LIST", ("session", "list"), ""),
        ("/session\u00a0title A b", ("session", "title"), "A b"),
        ("/session show", ("session", "show"), ""),
        ("/history 5", ("history", "show"), "5"),
        ("/history show 5", ("history", "show"), "5"),
        ("/checkpoint", ("checkpoint", "list"), ""),
    ],
)
def test_commands_are_found(line: str, path: tuple[str, ...], rest: str) -> None:
    """Case, bot name and odd spaces do not matter; the first word alone stands for its default."""
    command, left = find_command(COMMANDS, line)
    assert (command.path, left) == (path, rest)


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("/sesion", "`/session`"),
        ("/sessions", "`/session`"),
        ("/hsitory 5", "`/history`"),
        ("/export", "`/history export`"),
        ("/checkpoint sav x", "`/checkpoint save`"),
        ("/session lst", "`/session list`"),
        ("/history exprt", "`/history export`"),
    ],
)
def test_the_nearest_command_is_suggested(line: str, suggestion: str) -> None:
    """A slip of the fingers is answered with what was probably meant."""
    with pytest.raises(UnknownCommand) as caught:
        find_command(COMMANDS, line)
    assert f"Did you mean {suggestion}?" in str(caught.value)


@pytest.mark.parametrize("line", ["/", "/ ", "/qqqqq", "/@bot", "//", "/`*_"])
def test_nothing_near_points_to_the_help(line: str) -> None:
    """Where nothing is near, the help is named and no guess is made."""
    with pytest.raises(UnknownCommand) as caught:
        find_command(COMMANDS, line)
    assert "`/help` lists them all" in str(caught.value)
    assert "Did you mean" not in str(caught.value)


def test_an_unknown_sub_command_lists_the_known_ones() -> None:
    """The answer names every sub-command there is."""
    with pytest.raises(UnknownCommand, match="`save`, `list`, `restore`, `delete`"):
        find_command(COMMANDS, "/checkpoint qqq")
    with pytest.raises(UnknownCommand, match="`/session` has no `7`"):
        find_command(COMMANDS, "/session 7")


def test_an_unknown_command_can_not_bring_markup_in() -> None:
    """What was typed is shown as code, on one line, cut short."""
    with pytest.raises(UnknownCommand) as caught:
        find_command(COMMANDS, "/" + "**x**`\x1b[31m" + "y" * 500)
    assert "`` /**x**`" in str(caught.value) or "``/**x**`" in str(caught.value)
    assert len(str(caught.value)) < 200
