"""The table as platforms offer it."""

from __future__ import annotations

import re

from adapters.inbound import Call
from adapters.menu import OptionKind
from adapters.reply import Reply
from bot.commands.menu import menu
from bot.commands.registry import COMMANDS, run_call
from tests.bot.commands.person import Person


def test_every_command_is_offered_within_the_limits_of_both_platforms() -> None:
    """Small letters, summaries of up to 100 characters, required options first, no group that is a command itself."""
    offered = menu()
    assert [command.path for command in offered] == [command.path for command in COMMANDS]
    for command in offered:
        assert all(re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", word) for word in command.path)
        assert 1 <= len(command.summary) <= 100
        required = [option.required for option in command.options]
        assert required == sorted(required, reverse=True)
        for option in command.options:
            assert re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", option.name)
            assert 1 <= len(option.summary) <= 100
            assert bool(option.choices) is (option.kind is OptionKind.CHOICE)
    groups = {command.path[0] for command in offered if len(command.path) > 1}
    assert not groups & {command.path[0] for command in offered if len(command.path) == 1}


async def _calls(ann: Person, *path: str, **options: str | int) -> Reply:
    result = await run_call(Call(path=path, options=options), ann.context, ann.pending)
    assert isinstance(result, Reply)
    return result


async def test_a_native_command_does_what_the_typed_one_does(ann: Person) -> None:
    """Options go by their names; what is left out is left out."""
    await ann.says("hello")
    saved = await _calls(ann, "checkpoint", "save", name="before the change", description="all tests pass")
    assert "`before the change`" in saved.text
    assert "before the change" in (await _calls(ann, "checkpoint", "list")).text
    assert "hello" in (await _calls(ann, "history", "show", n=2)).text
    assert "04:00" in (await _calls(ann, "session", "reset-time", time="4:00")).text


async def test_a_native_command_is_checked_like_a_typed_one(ann: Person) -> None:
    """Missing, wrong and foreign options, and commands that are gone, get an answer that says what to do."""
    missing = await _calls(ann, "session", "title")
    assert (missing.error, "Usage:" in missing.text) == (True, True)
    assert "whole number" in (await _calls(ann, "history", "show", n=1000)).text
    assert "one of" in (await _calls(ann, "history", "export", format="pdf")).text
    assert (await _calls(ann, "sesion", "show")).error
    assert "not found" not in (await _calls(ann, "session", "swich", which="1")).text


async def test_a_native_command_asks_for_the_same_rights(ann: Person) -> None:
    """What operators alone may do is not there for others."""
    refused = await _calls(ann, "pair", "approve", code="ABCD2345")
    assert (refused.error, "pair" in refused.text) == (True, True)
