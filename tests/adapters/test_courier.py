"""The courier: each chat in its order, and no chat for the sake of one answer that is refused for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.courier import MOST_MISTAKES, MOST_REFUSALS, Courier, NotNow, PartSent, Undeliverable
from adapters.envelope import Envelope
from adapters.pauses import Pauses
from adapters.reply import Reply
from sessions import SessionManager
from sessions.parcel import Parcel

GROUP: dict[str, Any] = {"lane": "-5", "chat": -5, "person": "42"}
DIRECT: dict[str, Any] = {"lane": "42", "chat": 42, "person": "42", "private_chat": True}


class Platform:
    """What takes the answers; those with these words it refuses."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refused: dict[str, Exception] = {}
        self.tries = 0

    async def deliver(self, parcel: Parcel, envelope: Envelope, part_sent: PartSent) -> None:
        """Take an answer, or refuse it."""
        refusal = self.refused.get(envelope.reply.text)
        if refusal is not None:
            self.tries += 1
            raise refusal
        self.taken.append(envelope.reply.text)

    async def until(self, *texts: str) -> None:
        """Wait until it has all of these."""
        async with asyncio.timeout(5):
            while not set(texts) <= set(self.taken):  # noqa: ASYNC110 - nothing else tells when
                await asyncio.sleep(0.005)


@pytest.fixture
async def sessions() -> AsyncIterator[SessionManager]:
    async with SessionManager.open(encryption_key=bytes(32)) as sessions:
        yield sessions


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
async def courier(sessions: SessionManager, platform: Platform) -> AsyncIterator[Courier]:
    courier = Courier(sessions.mailbox, "x", platform.deliver, pauses=lambda: Pauses(0.001, 0.01))
    yield courier
    await courier.drain(0)


async def test_a_private_answer_that_is_refused_keeps_no_group_waiting(courier: Courier, platform: Platform) -> None:
    """It waits in a lane of its own, and the others in the group are answered."""
    platform.refused["secret"] = NotNow(60)
    await courier.post(Envelope(GROUP, Reply(text="secret", private=True)))
    await courier.post(Envelope({**GROUP, "person": "43"}, Reply(text="hers", private=True)))
    await courier.post(Envelope(GROUP, Reply(text="hello all")))
    await platform.until("hers", "hello all")


async def test_what_a_chat_gets_it_gets_in_order(courier: Courier, platform: Platform) -> None:
    """An answer that is refused for a while is waited for by those behind it, and by nobody else."""
    platform.refused["one"] = NotNow()
    for text in ("one", "two", "three"):
        await courier.post(Envelope(DIRECT, Reply(text=text, private=text == "two")))
    await courier.post(Envelope(GROUP, Reply(text="elsewhere")))
    await platform.until("elsewhere")
    del platform.refused["one"]
    await platform.until("three")
    assert platform.taken == ["elsewhere", "one", "two", "three"]


async def test_an_answer_that_is_always_refused_is_given_up_while_others_get_through(
    sessions: SessionManager, courier: Courier, platform: Platform
) -> None:
    """Its chat goes on, and is told where the answer is; it is not in the post any more."""
    platform.refused["poison"] = NotNow()
    for text in ("poison", "behind it"):
        await courier.post(Envelope(DIRECT, Reply(text=text)))
    for number in range(2):
        await courier.post(Envelope(GROUP, Reply(text=f"other {number}")))
    await platform.until("behind it")
    assert platform.tries >= MOST_REFUSALS
    assert "/history" in platform.taken[-2]
    await courier.drain(1)
    assert await sessions.mailbox.unsent("x") == []


async def test_while_nothing_gets_through_nothing_is_given_up(
    sessions: SessionManager, courier: Courier, platform: Platform
) -> None:
    """A platform that is away for long costs no answer."""
    platform.refused = {"one": NotNow(), "two": NotNow()}
    await courier.post(Envelope(DIRECT, Reply(text="one")))
    await courier.post(Envelope(GROUP, Reply(text="two")))
    async with asyncio.timeout(5):
        while platform.tries < 5 * MOST_REFUSALS:  # noqa: ASYNC110 - nothing else tells when
            await asyncio.sleep(0.005)
    assert len(await sessions.mailbox.unsent("x")) == 2
    platform.refused.clear()
    await platform.until("one", "two")
    assert len(platform.taken) == 2


async def test_a_mistake_in_an_answer_does_not_block_its_chat(courier: Courier, platform: Platform) -> None:
    """After some attempts it is given up, and said."""
    platform.refused["odd"] = ValueError("nobody foresaw this")
    for text in ("odd", "behind it"):
        await courier.post(Envelope(DIRECT, Reply(text=text)))
    await platform.until("behind it")
    assert platform.tries == MOST_MISTAKES
    assert "/history" in platform.taken[0]


async def test_a_chat_that_is_gone_is_told_nothing(courier: Courier, platform: Platform) -> None:
    """Nobody can be told there, and what is behind it is tried all the same."""
    platform.refused["gone"] = Undeliverable()
    for text in ("gone", "behind it"):
        await courier.post(Envelope(DIRECT, Reply(text=text)))
    await platform.until("behind it")
    assert platform.taken == ["behind it"]
