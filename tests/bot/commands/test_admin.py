"""/admin: what operators see of the conversations of others, and that nobody else sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sessions import SessionManager
from tests.bot.commands.person import ANN, Person, manager
from tests.conftest import ManualClock

BEN = replace(ANN, platform="telegram", account="1", chat_id="9", user_id="ben")


@pytest.fixture
async def sessions(clock: ManualClock) -> AsyncIterator[SessionManager]:
    async with manager(clock) as sessions:
        yield sessions


@pytest.fixture
async def ben(sessions: SessionManager, clock: ManualClock) -> Person:
    """Give somebody who has said something."""
    ben = Person(sessions, clock, address=BEN)
    await ben.says("my secret", reply="your secret is safe")
    await ben.types("/session title Ben and the sea")
    return ben


@pytest.fixture
def operator(sessions: SessionManager, clock: ManualClock) -> Person:
    return Person(sessions, clock, operator=True)


async def test_the_list_names_conversations_and_people(operator: Person, ben: Person) -> None:
    """Ids, titles, whose they are, how long; no words of theirs."""
    reply = await operator.types("/admin sessions")
    assert reply.private
    for part in ((await ben.session()).id, "Ben and the sea", "telegram:ben", "2 messages", "active"):
        assert part in reply.text
    assert "secret" not in reply.text
    assert (await operator.types("/admin")).text == reply.text


async def test_showing_is_told_of_in_the_audit_before_it_happens(operator: Person, ben: Person) -> None:
    """The words are quoted, the audit names the conversation."""
    id_ = (await ben.session()).id
    reply = await operator.types(f"/admin show {id_[:6]} 1")
    assert reply.private
    assert "> your secret is safe" in reply.text
    assert "my secret" not in reply.text
    entry = (await operator.sessions.audit.newest(1))[0]
    assert (entry.kind, entry.about) == ("read", {"session": id_})
    told = (await operator.types("/admin audit")).text
    assert "read by" in told
    assert id_ in told


async def test_an_export_comes_as_a_file(operator: Person, ben: Person) -> None:
    """In the format that was asked for, and the audit tells of it."""
    id_ = (await ben.session()).id
    for form, part in (("", b"my secret"), (" json", b'"content": "my secret"')):
        reply = await operator.types(f"/admin export {id_}{form}")
        assert reply.private
        assert reply.document is not None
        assert part in reply.document.content
        assert id_.encode() in reply.document.content
    assert [entry.kind for entry in await operator.sessions.audit.newest()].count("export") == 2


async def test_the_statistics_count_everybody(operator: Person, ben: Person) -> None:
    """People, conversations, messages, tokens."""
    await operator.says("hello")
    assert (await operator.types("/admin stats")).text == "2 people, 2 conversations, 4 messages, 30 tokens."


async def test_an_operator_who_is_incognito_still_sees_the_store(
    operator: Person, ben: Person, clock: ManualClock
) -> None:
    """Their own conversation is in memory then; those of others are not."""
    async with SessionManager.open(encryption_key=bytes(32), clock=clock) as memory:
        incognito = Person(memory, clock, operator=True)
        incognito.application.sessions = operator.sessions
        assert "telegram:ben" in (await incognito.types("/admin sessions")).text


@pytest.mark.parametrize("command", ["sessions", "show {id}", "export {id}", "stats", "audit"])
async def test_nobody_else_sees_anything(ben: Person, operator: Person, command: str) -> None:
    """Not even that there is such a command, and not one's own by this door."""
    line = f"/admin {command.format(id=(await ben.session()).id)}"
    reply = await ben.types(line)
    assert reply.error
    assert "/help" in reply.text
    assert "secret" not in reply.text
    assert reply.document is None
    assert reply == await ben.types(line.replace("/admin", "/admix")) or "admi" in reply.text
    assert await operator.sessions.audit.newest() == []


@pytest.mark.parametrize("command", ["show", "export"])
async def test_what_is_not_there_is_said(operator: Person, ben: Person, command: str) -> None:
    """An id that nobody has, and none at all."""
    assert "no conversation" in (await operator.types(f"/admin {command} zzzzzzzzzzzz")).text
    assert f"/admin {command} <id>" in (await operator.types(f"/admin {command}")).text
