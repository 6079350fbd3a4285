"""Two programs on one store: what each notes of people stays, and what one has decided holds for the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from adapters.discord.catch_up import NOTE as SEEN
from adapters.discord.catch_up import CatchUp
from bot.access import Verdict
from bot.forgetting import forget_person
from bot.former_codes import FormerCode, FormerCodes
from bot.linking import Linking
from config.settings import AccessSettings
from sessions import Address, SessionManager, Usage
from sessions.errors import InvalidValue, NotFound
from sessions.postgres.store import PostgresStore
from tests.bot.doorway import BOSS, Doorway, private
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY

ROUNDS = 5


@pytest.fixture
async def both(database: str, clock: ManualClock) -> AsyncIterator[list[SessionManager]]:
    """Open one store as two programs."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                SessionManager.open(store=PostgresStore(database, many=True), encryption_key=KEY, clock=clock)
            )
            for _ in range(2)
        ]


@pytest.fixture
def doorways(both: list[SessionManager], clock: ManualClock) -> list[Doorway]:
    """Give the door of each program."""
    settings = AccessSettings(operators=("telegram:1", "telegram:2"), daily_tokens=1_000)
    return [Doorway(sessions, clock, settings) for sessions in both]


async def test_whoever_asks_at_once_gets_a_code_each(doorways: list[Doorway]) -> None:
    """Of people who ask two programs at the same moment all are noted, and each gets the same code from both."""
    users = [f"{user}" for user in range(10, 20)]
    asked = await asyncio.gather(*(door.pairing.request(private(user), "x") for user in users for door in doorways))
    codes = {one.person: one.code for one in asked if one is not None}
    assert len(codes) == len(users)
    assert {one.person: one.code for one in await doorways[0].pairing.waiting()} == codes
    assert len([one for one in asked if one is not None]) == len(users), "told once"


async def test_of_two_who_let_somebody_in_one_does(doorways: list[Doorway]) -> None:
    """The other is told that it was done already; the person is welcomed once and in for both programs."""
    for user in range(10, 10 + ROUNDS):
        request = await doorways[0].knocks(private(f"{user}"))
        results = await asyncio.gather(
            *(door.pairing.approve(request.code, BOSS) for door in doorways), return_exceptions=True
        )
        assert sorted(isinstance(result, InvalidValue) for result in results) == [False, True]
        for door in doorways:
            assert await door.access.admits(private(f"{user}")) is Verdict.ADMITTED
    welcomes = [reply for door in doorways for _, reply in door.told if "let in" in reply.text]
    assert len(welcomes) == ROUNDS
    await doorways[1].pairing.revoke("telegram:10")
    assert await doorways[0].access.admits(private("10")) is Verdict.STRANGER


async def test_different_codes_are_used_at_once(doorways: list[Doorway]) -> None:
    """Two programs that let in or refuse different people lose nothing that the other noted."""
    requests = [await doorways[0].knocks(private(f"{user}")) for user in range(10, 20)]
    await asyncio.gather(
        *(doorways[at % 2].pairing.approve(one.code, BOSS) for at, one in enumerate(requests[:6])),
        *(doorways[at % 2].pairing.refuse(one.code) for at, one in enumerate(requests[6:8])),
        *(doorways[user % 2].knocks(private(f"{user}")) for user in range(20, 24)),
    )
    waiting = {one.person for one in await doorways[1].pairing.waiting()}
    assert waiting == {f"telegram:{user}" for user in (18, 19, 20, 21, 22, 23)}
    for request in requests[:6]:
        with pytest.raises(InvalidValue, match="let in already"):
            await doorways[0].pairing.approve(request.code, BOSS)


async def test_what_two_programs_spend_is_added(doorways: list[Doorway]) -> None:
    """Each token is counted, and the warning comes once."""
    spending = (doorways[at % 2].limits.spent(private(), Usage(40, 2), doorways[0].clock()) for at in range(20))
    warnings = [reply for reply in await asyncio.gather(*spending) if reply is not None]
    assert (await doorways[0].sessions.note("spent/telegram:42"))["tokens"] == 20 * 42
    assert len(warnings) == 1
    await doorways[0].limits.spent(private(), Usage(200, 0), doorways[0].clock())
    assert await doorways[1].limits.allow(private(), doorways[1].clock()) is not None


async def test_all_former_codes_and_operators_are_remembered(
    both: list[SessionManager], doorways: list[Doorway]
) -> None:
    """What both note at the same moment is there afterwards."""
    codes = [FormerCode(code=f"C{at}", person=f"telegram:{at}", since=0, used=True) for at in range(12)]
    adding = (FormerCodes(both[at % 2]).add([code], 1) for at, code in enumerate(codes))
    learning = (door.operators.learn(private(user)) for door in doorways for user in ("1", "2"))
    await asyncio.gather(*adding, *learning)
    assert [await FormerCodes(both[0]).find(code.code, 1) for code in codes] == codes
    assert {address.user_id for address in await doorways[0].operators.addresses()} == {"1", "2"}


async def test_the_first_that_agrees_to_a_link_is_the_one(both: list[SessionManager], clock: ManualClock) -> None:
    """Of two accounts that send the same code to two programs at once one is asked about, and no other."""
    linkings = [Linking(sessions, clock=clock) for sessions in both]
    others = [Address(platform="discord", account="b", chat_id=user, user_id=user) for user in ("7", "8")]
    for _ in range(ROUNDS):
        code = await linkings[0].offer(private())
        results = await asyncio.gather(
            *(linking.accept(code, other) for linking, other in zip(linkings, others, strict=True)),
            return_exceptions=True,
        )
        (offer,) = [result for result in results if not isinstance(result, BaseException)]
        assert sum(isinstance(result, NotFound) for result in results) == 1
        assert (await linkings[0].find(code)).other == (await linkings[1].find(code)).other == offer.other


async def test_who_is_forgotten_takes_nobody_along(both: list[SessionManager], doorways: list[Doorway]) -> None:
    """While one program forgets a person, whom the other notes in the same lists stays."""
    for door in doorways:
        await door.knocks(private("42" if door is doorways[0] else "43"))
    await asyncio.gather(
        forget_person(both[0], [private("42")], approval=True),
        *(doorways[1].knocks(private(f"{user}")) for user in range(50, 56)),
    )
    waiting = {one.person for one in await doorways[0].pairing.waiting()}
    assert waiting == {"telegram:43", *(f"telegram:{user}" for user in range(50, 56))}


async def test_of_each_channel_the_newest_mark_counts(both: list[SessionManager], clock: ManualClock) -> None:
    """What two programs have read of Discord's channels is noted together, also when one ends long after it read."""

    async def hear(_: object) -> None:
        raise AssertionError("nothing was missed")

    first, second = (CatchUp(sessions, "bot-1", hear, clock) for sessions in both)
    for one in (first, second):
        await one.start()
    first.handled(1, 9, 100)
    first.handled(2, 9, 500)
    clock.advance(60)
    second.handled(1, 9, 300)
    second.handled(3, 9, 50)
    await asyncio.gather(first.stop(), second.stop())
    channels = (await both[0].note(SEEN))["channels"]
    assert isinstance(channels, dict)
    assert {channel: mark[0] for channel, mark in channels.items() if isinstance(mark, list)} == {
        "1": "300",
        "2": "500",
        "3": "50",
    }
    stranger = CatchUp(both[1], "bot-2", hear, clock)
    await stranger.start()
    assert not stranger.knows(1)
    stranger.handled(8, None, 1)
    await stranger.stop()
    assert await both[0].note(SEEN) == {"account": "bot-2", "channels": {"8": ["1", "0", round(clock())]}}
