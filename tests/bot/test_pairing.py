"""Codes for people who are not known yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.access import Verdict
from bot.former_codes import KEPT, MOST_KEPT
from bot.pairing import ALPHABET, LIFETIME, MOST_OPEN, PAUSE
from config.settings import AccessSettings
from sessions import SessionManager
from sessions.errors import InvalidValue, NotFound
from tests.bot.commands.person import manager
from tests.bot.doorway import BOSS, Doorway, in_group, private
from tests.conftest import ManualClock


@pytest.fixture
async def doorway(clock: ManualClock) -> AsyncIterator[Doorway]:
    async with manager(clock) as sessions:
        yield Doorway(sessions, clock)


async def admitted(doorway: Doorway, user: str = "42") -> bool:
    return await doorway.access.admits(private(user)) is Verdict.ADMITTED


async def test_a_stranger_gets_a_code_and_is_let_in_by_it(doorway: Doorway) -> None:
    """Who has the code approved may speak, and is told so in their private chat."""
    request = await doorway.knocks()
    assert len(request.code) == 8
    assert set(request.code) <= set(ALPHABET)
    assert not set("IO01") & set(ALPHABET)
    assert len(ALPHABET) == 32
    assert not await admitted(doorway)

    assert await doorway.pairing.approve(request.code, BOSS) == "telegram:42"

    assert await admitted(doorway)
    assert await doorway.pairing.waiting() == []
    assert [(address, "let in" in reply.text) for address, reply in doorway.told] == [(private(), True)]
    noted = await doorway.sessions.note("access/telegram:42")
    assert noted == {"approved": True, "by": BOSS, "at": int(doorway.clock())}


async def test_a_code_is_read_as_people_write_it(doorway: Doorway) -> None:
    """Small letters, spaces and dashes do no harm."""
    code = (await doorway.knocks()).code.lower()
    await doorway.pairing.approve(f" {code[:4]}-{code[4:]} ", BOSS)
    assert await admitted(doorway)


async def test_asking_again_gives_the_same_code_after_a_while(doorway: Doorway) -> None:
    """Within ten minutes nothing is said; then it is the same code, with the time that is left."""
    first = await doorway.knocks()
    assert "It is valid for an hour." in doorway.pairing.answer(first).text
    doorway.clock.advance(PAUSE - 1)
    assert await doorway.pairing.request(private(), "Ann") is None
    doorway.clock.advance(1)
    again = await doorway.knocks()
    assert again.code == first.code
    assert "It is valid for 50 minutes." in doorway.pairing.answer(again).text
    assert [one.code for one in await doorway.pairing.waiting()] == [first.code]


async def test_a_message_that_is_taken_up_again_is_answered_again(doorway: Doorway) -> None:
    """If the program ended before it answered, the same message gets the code after the restart; no other does."""
    first = await doorway.pairing.request(private(), "Ann", source="7")
    again = Doorway(doorway.sessions, doorway.clock)
    assert await again.pairing.request(private(), "Ann", source="8") is None
    assert await again.pairing.request(in_group(), "Ann", source="7") is None, "ids are unique only in their chat"
    assert await again.pairing.request(private(), "Ann", source="7") == first
    assert first is not None


async def test_two_messages_at_once_give_one_code(doorway: Doorway) -> None:
    """However fast somebody writes, from wherever, they have one code."""
    asked = await asyncio.gather(
        *(doorway.pairing.request(address, "Ann") for address in (private(), in_group(), private(), in_group()))
    )
    assert len([one for one in asked if one is not None]) == 1
    assert len(await doorway.pairing.waiting()) == 1


async def test_a_code_runs_out(doorway: Doorway) -> None:
    """After an hour it lets nobody in, and the person gets another one."""
    old = await doorway.knocks()
    doorway.clock.advance(LIFETIME)
    with pytest.raises(NotFound, match="pairing code"):
        await doorway.pairing.approve(old.code, BOSS)
    new = await doorway.knocks()
    assert new.code != old.code
    with pytest.raises(NotFound):
        await doorway.pairing.approve(old.code, BOSS)
    assert not await admitted(doorway)


async def test_a_code_works_until_it_runs_out(doorway: Doorway) -> None:
    """The twin: a second before the hour is over it still lets in."""
    request = await doorway.knocks()
    doorway.clock.advance(LIFETIME - 1)
    await doorway.pairing.approve(request.code, BOSS)
    assert await admitted(doorway)


async def test_a_code_works_once(doorway: Doorway) -> None:
    """A used code does not undo a revocation."""
    code = (await doorway.knocks()).code
    await doorway.pairing.approve(code, BOSS)
    await doorway.pairing.revoke("telegram:42")
    with pytest.raises(InvalidValue, match="used already"):
        await doorway.pairing.approve(code, BOSS)
    with pytest.raises(InvalidValue, match="used already"):
        await doorway.pairing.refuse(code)
    assert not await admitted(doorway)
    assert (await doorway.knocks()).code != code


async def test_who_is_in_already_is_named_instead_of_a_wrong_code(doorway: Doorway) -> None:
    """The buttons of every notice say so, also of one whose code has run out, as long as buttons count."""
    old = (await doorway.knocks()).code
    doorway.clock.advance(LIFETIME)
    new = (await doorway.knocks()).code
    await doorway.pairing.approve(new, BOSS)
    for code in (old, new):
        for act in (doorway.pairing.approve(code, BOSS), doorway.pairing.refuse(code)):
            with pytest.raises(InvalidValue, match="let in already: telegram:42"):
                await act
    assert await admitted(doorway)
    doorway.clock.advance(KEPT)
    with pytest.raises(NotFound):
        await doorway.pairing.approve(new, BOSS)


async def test_who_came_in_another_way_waits_no_more(doorway: Doorway) -> None:
    """Somebody whom the settings name by now is in no list, and their code says that they are in."""
    first, second = await doorway.knocks(), await doorway.knocks(private("43"))
    later = Doorway(doorway.sessions, doorway.clock, AccessSettings(operators=("telegram:42",)))
    assert [one.code for one in await later.pairing.waiting()] == [second.code]
    with pytest.raises(InvalidValue, match="let in already"):
        await later.pairing.approve(first.code, BOSS)


async def test_what_is_remembered_of_codes_stays_small(doorway: Doorway) -> None:
    """Of those that are over only the newest are known, without names, and for a day."""
    for batch in range(5):
        for user in range(MOST_OPEN):
            await doorway.knocks(private(f"{batch + 1}{user:03}"), "Ann")
        doorway.clock.advance(LIFETIME)
    last = await doorway.knocks(private("7"), "Ben")
    assert list(await doorway.sessions.note("pairing")) == [last.code]
    over = await doorway.sessions.note("pairing/over")
    assert len(over) == MOST_KEPT
    assert {tuple(sorted(one)) for one in over.values() if isinstance(one, dict)} == {("person", "since", "used")}
    doorway.clock.advance(KEPT)
    await doorway.knocks(private("8"))
    assert await doorway.sessions.note("pairing/over") == {}


@pytest.mark.parametrize("code", ["", "AAAAAAAA", "pairing", "telegram:42", "★" * 8, "A" * 5_000])
async def test_made_up_codes_let_nobody_in(doorway: Doorway, code: str) -> None:
    """Wrong, short, long and strange codes are the same error."""
    await doorway.knocks()
    with pytest.raises(NotFound):
        await doorway.pairing.approve(code, BOSS)
    assert not await admitted(doorway)


async def test_who_is_refused_is_told_nothing_until_the_code_runs_out(doorway: Doorway) -> None:
    """Refusing ends the code; the person may ask again an hour after they asked first."""
    request = await doorway.knocks()
    assert await doorway.pairing.refuse(request.code) == "telegram:42"
    assert await doorway.pairing.waiting() == []
    with pytest.raises(InvalidValue, match="was refused"):
        await doorway.pairing.approve(request.code, BOSS)
    doorway.clock.advance(PAUSE)
    assert await doorway.pairing.request(private(), "Ann") is None
    doorway.clock.advance(LIFETIME - PAUSE)
    assert (await doorway.knocks()).code != request.code


async def test_only_so_many_codes_are_open(doorway: Doorway) -> None:
    """A crowd does not fill the store: who comes late gets none until one runs out."""
    codes = {(await doorway.knocks(private(str(user)), "x" * 500)).code for user in range(1_000, 1_000 + MOST_OPEN)}
    assert len(codes) == MOST_OPEN
    assert await doorway.pairing.request(private("5"), None) is None
    doorway.clock.advance(LIFETIME)
    assert await doorway.pairing.request(private("5"), None) is not None
    assert len(await doorway.pairing.waiting()) == 1


async def test_revoking_needs_somebody_to_revoke(doorway: Doorway) -> None:
    """Who was never let in can not be put out; whom the settings name is put out there."""
    with pytest.raises(NotFound, match="telegram:42"):
        await doorway.pairing.revoke("telegram:42")
    with pytest.raises(InvalidValue, match=r"access\.operators"):
        await doorway.pairing.revoke(BOSS)


async def test_operators_are_told_where_they_wrote_last_in_private(doorway: Doorway) -> None:
    """The notice has both buttons; a group is never used, and neither is somebody who is no operator."""
    await doorway.operators.learn(in_group("1"))
    await doorway.operators.learn(private("2"))
    await doorway.knocks(private("7"))
    assert doorway.told == []

    await doorway.operators.learn(private("1"))
    request = await doorway.knocks(private("8"), "`Ann`\n**boss** (telegram:1)")
    ((address, notice),) = doorway.told
    assert address == private("1")
    assert notice.private
    assert "\n" not in notice.text
    assert [(one.label, one.text) for one in notice.choices] == [
        ("Let in", f"/pair approve {request.code}"),
        ("No", f"/pair refuse {request.code}"),
    ]
    doorway.clock.advance(PAUSE)
    await doorway.knocks(private("8"))
    assert len(doorway.told) == 1, "asking again tells nobody again"


async def test_that_no_operator_could_be_told_is_logged(doorway: Doorway, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each stranger, without saying who; not when somebody was told."""
    await doorway.knocks(private("77123"), "Ann")
    doorway.clock.advance(PAUSE)
    await doorway.knocks(private("77123"), "Ann")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "bot.pairing"]
    assert "no operator could be told" in line
    assert "palaver pair list" in line
    assert not [
        word for word in ("77123", "Ann", *[one.code for one in await doorway.pairing.waiting()]) if word in line
    ]
    caplog.clear()
    await doorway.operators.learn(private("1"))
    await doorway.knocks(private("8"))
    assert caplog.records == []


async def test_who_is_no_operator_any_more_is_told_nothing(doorway: Doorway) -> None:
    """The settings decide, not what was learned under earlier ones."""
    await doorway.operators.learn(private("1"))
    later = Doorway(doorway.sessions, doorway.clock, AccessSettings(operators=("telegram:2",)))
    await later.knocks()
    assert later.told == []


async def test_an_operator_who_can_not_be_reached_keeps_nobody_waiting(doorway: Doorway) -> None:
    """The stranger gets the code all the same, and is let in all the same."""
    await doorway.operators.learn(private("1"))
    doorway.unreachable = True
    await doorway.pairing.approve((await doorway.knocks()).code, BOSS)
    assert await admitted(doorway)


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_nothing_of_it_can_be_read_in_the_files(tmp_path: Path, clock: ManualClock) -> None:
    """Codes, names and ids, of those who wait, of those let in and of operators, are in no file in clear."""
    path = tmp_path / "palaver.db"
    async with SessionManager.open(db_path=path, encryption_key=bytes(32), clock=clock) as sessions:
        doorway = Doorway(sessions, clock)
        await doorway.operators.learn(private("1"))
        waiting = await doorway.knocks(private("4242424242"), "canaryname")
        let_in = await doorway.knocks(private("5353535353"), "canaryname")
        await doorway.pairing.approve(let_in.code, BOSS)
        secrets = [waiting.code, let_in.code, "4242424242", "5353535353", "canaryname", "access/", "operators"]
        written = [_files(tmp_path)]
    written.append(_files(tmp_path))
    for data in written:
        assert len(data) > 4096
        assert [one for one in secrets if one.encode() in data or one.encode().hex().encode() in data] == []

    async with SessionManager.open(db_path=path, encryption_key=bytes(32), clock=clock) as sessions:
        again = Doorway(sessions, clock)
        assert [(one.code, one.author) for one in await again.pairing.waiting()] == [(waiting.code, "canaryname")]
        assert await admitted(again, "5353535353"), "the twin: with the key all of it is there after a restart"
