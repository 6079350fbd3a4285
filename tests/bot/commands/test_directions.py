"""Private answers to what was asked in a group: where the commands are to be sent that they name."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from adapters.inbound import Call
from adapters.reply import Reply
from bot.commands.registry import run_call, run_command
from sessions.address import ChatKind
from tests.bot.commands.person import ANN, Person

NAMED = re.compile(r"`/[a-z][^`]*`")
GROUP = replace(ANN, platform="telegram", account="1", chat_id="-100", user_id="42", chat_kind=ChatKind.GROUP)
WHERE = "Send these commands in the group: in another chat they are about the conversation of that chat."


@pytest.fixture
async def member(ann: Person) -> Person:
    """Have somebody in a group, with three conversations and a checkpoint."""
    member = Person(ann.sessions, ann.clock, address=GROUP)
    for title in ("One", "Two", "Three"):
        await member.types(f"/new {title}")
        await member.says("hello")
    await member.types("/checkpoint save here")
    return member


@pytest.mark.parametrize(
    "line",
    ["/session", "/session list", "/session why", "/resume", "/resume 2", "/history", "/checkpoint list", "/model",
     "/undo", "/fork", "/context", "/usage", "/history search hello"],
)  # fmt: skip
async def test_an_answer_read_elsewhere_says_where_its_commands_go(member: Person, line: str) -> None:
    """Each that goes to one alone and names a command about the conversation of the group says so, at its end."""
    reply = await member.types(line)
    assert reply.text.endswith(WHERE) == (reply.private and bool(NAMED.search(reply.text.replace(WHERE, ""))))


async def test_some_answers_need_it(member: Person) -> None:
    """The twin: there are answers that name such commands."""
    assert (await member.types("/resume 2")).text.endswith(WHERE)
    assert (await member.types("/fork")).text.endswith(WHERE)


async def test_what_counts_everywhere_needs_no_place(member: Person) -> None:
    """Nor does what is read where it was asked: a direct chat, and a native command, whose answer stands there."""
    assert WHERE not in (await member.types("/forgetme")).text
    assert WHERE not in (await member.types("/whoami")).text
    direct = Person(member.sessions, member.clock, address=replace(GROUP, chat_id="42", chat_kind=ChatKind.PRIVATE))
    await direct.types("/new One")
    await direct.types("/new Two")
    assert WHERE not in (await direct.types("/resume")).text
    native = await run_call(Call(path=("resume",), options={}), member.context, member.pending)
    assert isinstance(native, Reply)
    assert NAMED.search(native.text)
    assert WHERE not in native.text


async def test_the_place_is_called_as_people_call_it(member: Person) -> None:
    """A topic of Telegram, a channel of Discord."""
    for place, name in (
        (replace(GROUP, thread_id="7", chat_kind=ChatKind.THREAD), "the topic"),
        (replace(GROUP, platform="discord"), "the channel"),
    ):
        person = Person(member.sessions, member.clock, address=place)
        result = await run_command("/session", person.context, person.pending)
        assert isinstance(result, Reply)
        assert f"Send these commands in {name}:" in result.text
