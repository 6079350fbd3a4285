"""/help."""

from __future__ import annotations

from dataclasses import replace

from bot.commands.table import COMMANDS
from sessions.address import ChatKind
from tests.bot.commands.person import ANN, Person


async def test_help_lists_every_command(ann: Person) -> None:
    """Usage and summary of each command are there, for an operator; others are not shown what they may not use."""
    assert "/pair" not in (await ann.types("/help")).text
    ann.operator = True
    text = (await ann.types("/help")).text
    for command in COMMANDS:
        assert f"`{command.usage}`: {command.summary}" in text


async def test_help_in_a_group_is_short(ann: Person) -> None:
    """Between the words of others it lists what is needed most, and says where the rest stands."""
    for kind in (ChatKind.GROUP, ChatKind.THREAD, ChatKind.CHANNEL):
        group = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="g", chat_kind=kind))
        lines = (await group.types("/help")).text.splitlines()
        assert 6 <= len(lines) <= 8
        assert any("`/new [title]`" in line for line in lines)
        assert "`/help` to me in private" in lines[-1]
        assert "/checkpoint delete" in (await group.types("/help checkpoint")).text


async def test_help_explains_a_command(ann: Person) -> None:
    """Asked about a command, with or without slash, it tells parameters, an example and who sees the answer."""
    for line in ("/help history search", "/help /HISTORY search"):
        text = (await ann.types(line)).text
        assert "/history search <words>" in text
        assert "`words`: the words to look for" in text
        assert "/history search portfolio value" in text
        assert "only you see the answer" in text


async def test_help_lists_a_group(ann: Person) -> None:
    """Asked about the first word of a group, it lists the group."""
    text = (await ann.types("/help checkpoint")).text
    assert "/checkpoint save" in text
    assert "/checkpoint delete" in text
    assert "/history" not in text


async def test_help_about_nothing_suggests(ann: Person) -> None:
    """Asked about what is not there, it suggests the nearest."""
    reply = await ann.types("/help fork me")
    assert not reply.error
    reply = await ann.types("/help frk")
    assert reply.error
    assert "Did you mean `/fork`?" in reply.text
