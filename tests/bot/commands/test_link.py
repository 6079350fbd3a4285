"""/link: two accounts of one person, after both have said so."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from bot.linking import LIFETIME
from sessions import Address
from tests.bot.commands.person import ANN, Person
from tests.conftest import ManualClock

THERE = Address(platform="discord", account="bot-2", chat_id="77", user_id="9000")
EVE = Address(platform="discord", account="bot-2", chat_id="78", user_id="666")


def elsewhere(ann: Person, address: Address) -> Person:
    """Give the same bot as somebody writes to it from another account."""
    return Person(ann.sessions, ann.clock, address, application=ann.application)


async def code_of(person: Person) -> str:
    """Ask for a code."""
    found = re.search(r"`/link ([A-Z2-9]{8})`", (await person.types("/link")).text)
    assert found is not None
    return found[1]


async def test_two_accounts_are_linked_when_both_have_agreed(ann: Person) -> None:
    """The second account sends the code and says yes, the first one is asked and says yes, then both are told."""
    there = elsewhere(ann, THERE)
    await there.types("/session scope peer")
    await there.says("planned in Rome")
    await there.types("/session title Rome")
    code = await code_of(ann)
    asked = await there.types(f"/link {code.lower()}")
    assert "1 conversation would join: `Rome`" in asked.text
    assert ann.application.told == []
    await there.answers("yes")
    ((address, question),) = ann.application.told
    assert (address, question.private, question.choices[0].text) == (ANN, True, f"/link {code}")
    assert len(await ann.sessions.linked_accounts(ANN)) == 1
    assert "1 conversation joined" in (await ann.types(question.choices[0].text)).text
    assert {account.user_id for account in await ann.sessions.linked_accounts(THERE)} == {"ann", "9000"}
    assert ann.application.told[-1][0] == THERE
    await ann.types("/session scope peer")
    assert "Rome" in (await ann.types("/session list")).text


async def test_nobody_is_linked_by_one_side_alone(ann: Person) -> None:
    """Neither the code nor the yes of its sender is enough, and a no ends it."""
    there = elsewhere(ann, THERE)
    code = await code_of(ann)
    await there.types(f"/link {code}")
    await there.answers("no")
    assert "not open" not in (await there.types(f"/link {code}")).text
    await there.answers("yes")
    assert len(await ann.sessions.linked_accounts(ANN)) == 1


async def test_nobody_takes_the_place_of_the_account_that_was_shown(ann: Person) -> None:
    """Somebody who saw the code and says yes as well is refused: what is pressed links whom the question named."""
    there, eve = elsewhere(ann, THERE), elsewhere(ann, EVE)
    code = await code_of(ann)
    await there.types(f"/link {code}")
    await eve.types(f"/link {code}")  # asked before anybody has agreed
    await there.answers("yes")
    (_, question) = ann.application.told[-1]
    assert "9000" in question.text
    assert (await eve.answers("yes")).error
    assert (await eve.types(f"/link {code}")).error
    assert len(ann.application.told) == 1
    await ann.types(question.choices[0].text)
    assert {account.user_id for account in await ann.sessions.linked_accounts(ANN)} == {"ann", "9000"}
    assert len(await ann.sessions.linked_accounts(EVE)) == 1


async def test_of_two_who_agree_at_the_same_moment_one_is_taken(ann: Person) -> None:
    """The one the question names; the other is refused, and the question comes once."""
    there, eve = elsewhere(ann, THERE), elsewhere(ann, EVE)
    code = await code_of(ann)
    for person in (there, eve):
        await person.types(f"/link {code}")
    answers = await asyncio.gather(there.answers("yes"), eve.answers("yes"))
    assert sorted(answer.error for answer in answers) == [False, True]
    ((_, question),) = ann.application.told
    await ann.types(question.choices[0].text)
    linked = {account.user_id for account in await ann.sessions.linked_accounts(ANN)}
    assert linked == {"ann", "9000" if "9000" in question.text else "666"}


async def test_a_code_is_for_another_account(ann: Person) -> None:
    """Sending it from where it came from, also from another chat, is refused with what to do."""
    code = await code_of(ann)
    group = elsewhere(ann, replace(ANN, chat_id="group"))
    await group.types(f"/link {code}")
    reply = await group.answers("yes")
    assert reply.error
    assert "other account" in reply.text


async def test_a_code_is_void_after_its_time_and_after_its_use(ann: Person, clock: ManualClock) -> None:
    """Old, wrong and used codes get one answer."""
    there = elsewhere(ann, THERE)
    old = await code_of(ann)
    clock.advance(LIFETIME + 1)
    used = await code_of(ann)
    await there.types(f"/link {used}")
    await there.answers("yes")
    await ann.types(f"/link {used}")
    answers = {(await there.types(f"/link {code}")).text.replace(code, "...") for code in (old, used, "ABCD2345")}
    assert len(answers) == 1
    assert "`/link` in your other account" in answers.pop()


async def test_a_link_is_taken_back(ann: Person) -> None:
    """/link off lets this account stand alone; without a link it says what to do."""
    there = elsewhere(ann, THERE)
    assert (await ann.types("/link off")).error
    code = await code_of(ann)
    await there.types(f"/link {code}")
    await there.answers("yes")
    await ann.types(f"/link {code}")
    assert "Linked by now: console `ann`, discord `9000`" in (await ann.types("/link")).text
    assert "stands alone" in (await there.types("/link off")).text
    assert len(await ann.sessions.linked_accounts(ANN)) == 1


async def test_incognito_there_is_nothing_to_link(ann: Person) -> None:
    """What is kept in memory only is not shared with another account."""
    ann.application.incognito.add(ANN)
    reply = await ann.types("/link")
    assert (reply.error, "/incognito off" in reply.text) == (True, True)
