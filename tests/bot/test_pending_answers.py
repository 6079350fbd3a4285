"""What was erased is not brought to anybody afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from adapters.courier import Courier, NotNow, PartSent
from adapters.envelope import Envelope
from adapters.reply import Reply
from bot.forgetting import forget_person
from bot.operator.deletion import erase
from bot.pending_answers import take_back
from sessions import Address, SessionManager
from sessions.account import Account
from sessions.message import JsonValue
from sessions.parcel import Parcel

ANN = Address(platform="telegram", account="1", chat_id="42", user_id="42")
CHANNEL = "telegram:1"


def to(person: int | str, chat: int) -> Mapping[str, JsonValue]:
    """Name a private chat as the channels do: Telegram by text, Discord by number."""
    return {"lane": str(chat), "chat": chat, "person": person, "private_chat": True}


@pytest.fixture
async def sessions() -> AsyncIterator[SessionManager]:
    async with SessionManager.open(encryption_key=bytes(32)) as sessions:
        yield sessions


async def kept(sessions: SessionManager, channel: str = CHANNEL) -> list[str]:
    """Give the words that are still in the post."""
    return [Envelope.decode(parcel.content).reply.text for parcel in await sessions.mailbox.unsent(channel)]


async def put(sessions: SessionManager, person: int | str, text: str, channel: str = CHANNEL) -> None:
    """Put an answer into the post that nobody delivers."""
    envelope = Envelope(to(person, int(person)), Reply(text=text))
    await sessions.mailbox.post(sessions.mailbox.parcel(channel, envelope.encode()))


async def test_only_their_answers_are_taken_back(sessions: SessionManager) -> None:
    """Those of others stay, and those of the same number with another bot or on another platform."""
    await put(sessions, "42", "hers")
    await put(sessions, "43", "his")
    await put(sessions, "42", "with another bot", "telegram:2")
    await put(sessions, 42, "elsewhere", "discord:1")
    assert await take_back(sessions, [Account.of(ANN)]) == 1
    assert await kept(sessions) == ["his"]
    assert await kept(sessions, "telegram:2") == ["with another bot"]
    assert await kept(sessions, "discord:1") == ["elsewhere"]
    assert await take_back(sessions, [Account("discord", "1", "42")]) == 1
    assert await kept(sessions, "discord:1") == []
    assert await sessions.verify() == []


@pytest.mark.parametrize("how", ["forget", "delete"])
async def test_erasing_takes_back_what_is_not_out(sessions: SessionManager, how: str) -> None:
    """Whoever erases, the person or the operator."""
    session = await sessions.get_or_create_session(ANN)
    await sessions.add_message(session.id, role="user", content="secret")
    await put(sessions, "42", "You said: secret")
    if how == "forget":
        await forget_person(sessions, [ANN], approval=False)
    else:
        await erase(sessions, {"sessions": [session.id]})
    assert await kept(sessions) == []


async def test_a_courier_lets_go_of_them(sessions: SessionManager) -> None:
    """What it has in hand is tried no more, what is behind that is not begun, and the post is empty in the end."""
    brought: list[str] = []
    tried, refusing = asyncio.Event(), True

    async def deliver(parcel: Parcel, envelope: Envelope, part_sent: PartSent) -> None:
        tried.set()
        if refusing:
            raise NotNow(0.05)
        brought.append(envelope.reply.text)

    courier = Courier(sessions.mailbox, CHANNEL, deliver)
    for text in ("one", "two"):
        await courier.post(Envelope(to("42", 42), Reply(text=text)))
    await tried.wait()
    assert await take_back(sessions, [Account.of(ANN)]) == 2
    refusing = False
    await courier.drain(2)
    assert brought == []
    assert await kept(sessions) == []
    assert await sessions.verify() == []
