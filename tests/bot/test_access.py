"""Who may speak, and who runs the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.access import Access, Verdict
from config.settings import AccessSettings
from sessions import Address, SessionManager
from tests.bot.commands.person import manager
from tests.bot.doorway import in_group, private
from tests.conftest import ManualClock

CONSOLE = Address(platform="console", account="local", chat_id="console", user_id="ann")
ANONYMOUS = in_group("chat:-100")


@pytest.fixture
async def sessions(clock: ManualClock) -> AsyncIterator[SessionManager]:
    async with manager(clock) as opened:
        yield opened


def access(sessions: SessionManager, **settings: object) -> Access:
    return Access(sessions, AccessSettings.model_validate(settings))


@pytest.mark.parametrize(
    ("mode", "telegram", "console"),
    [
        ("auto", Verdict.STRANGER, Verdict.ADMITTED),
        ("pairing", Verdict.STRANGER, Verdict.ADMITTED),
        ("open", Verdict.ADMITTED, Verdict.ADMITTED),
        ("allow-list", Verdict.REFUSED, Verdict.ADMITTED),
    ],
)
async def test_the_mode_decides_about_strangers(
    sessions: SessionManager, mode: str, telegram: Verdict, console: Verdict
) -> None:
    """Strangers are asked for a code, let in or refused; whoever sits at the console is let in."""
    decides = access(sessions, mode=mode)
    assert await decides.admits(private()) is telegram
    assert await decides.admits(private(platform="discord")) is telegram
    assert await decides.admits(CONSOLE) is console


@pytest.mark.parametrize("mode", ["auto", "pairing", "allow-list"])
async def test_those_whom_the_settings_name_are_let_in(sessions: SessionManager, mode: str) -> None:
    """The allow-list and the operators hold in every mode, everywhere on that platform."""
    decides = access(sessions, mode=mode, allow=["telegram:42"], operators=["discord:7"])
    assert await decides.admits(private("42")) is Verdict.ADMITTED
    assert await decides.admits(in_group("42")) is Verdict.ADMITTED
    assert await decides.admits(private("7", platform="discord")) is Verdict.ADMITTED
    assert await decides.admits(private("43")) is not Verdict.ADMITTED


async def test_a_person_is_let_in_on_one_platform(sessions: SessionManager) -> None:
    """The same number on another platform is somebody else, for the settings and for what operators decide."""
    decides = access(sessions, allow=["telegram:42"], operators=["telegram:1"])
    await decides.approve("telegram:5", by="telegram:1", at=0)
    for user in ("42", "1", "5"):
        assert await decides.admits(private(user)) is Verdict.ADMITTED
        assert await decides.admits(private(user, platform="discord")) is Verdict.STRANGER
    assert not decides.is_operator(private("1", platform="discord"))


@pytest.mark.parametrize("name", ["1 ", "01", "@boss", "boss", "telegram:1", "\uff11", "1\u200b", "-1"])
async def test_nothing_but_the_id_makes_an_operator(sessions: SessionManager, name: str) -> None:
    """Whatever looks like the operator's id or name is not the operator."""
    decides = access(sessions, operators=["telegram:1"])
    assert decides.is_operator(private("1"))
    assert not decides.is_operator(private(name))
    assert await decides.admits(private(name)) is Verdict.STRANGER


async def test_approval_is_taken_back(sessions: SessionManager) -> None:
    """Somebody who was let in is a stranger again at once, also for a program that starts anew."""
    decides = access(sessions)
    await decides.approve("telegram:42", by="telegram:1", at=7)
    assert await access(sessions).admits(private()) is Verdict.ADMITTED
    assert await sessions.note("access/telegram:42") == {"approved": True, "by": "telegram:1", "at": 7}
    assert await decides.revoke("telegram:42")
    assert not await decides.revoke("telegram:42")
    assert await decides.admits(private()) is Verdict.STRANGER


async def test_approval_does_not_hold_for_a_list(sessions: SessionManager) -> None:
    """Whoever changes to an allow-list means the list alone."""
    await access(sessions).approve("telegram:42", by="telegram:1", at=7)
    assert await access(sessions, mode="allow-list").admits(private()) is Verdict.REFUSED


async def test_a_chat_is_no_person(sessions: SessionManager) -> None:
    """An anonymous admin is refused where codes are asked for, unless the settings name the chat; never an operator."""
    assert await access(sessions).admits(ANONYMOUS) is Verdict.REFUSED
    assert await access(sessions, mode="open").admits(ANONYMOUS) is Verdict.ADMITTED
    allowed = access(sessions, allow=["telegram:chat:-100"])
    assert await allowed.admits(ANONYMOUS) is Verdict.ADMITTED
    assert await allowed.admits(replace(ANONYMOUS, user_id="chat:-200")) is Verdict.REFUSED
    forced = Access(sessions, AccessSettings.model_construct(mode="auto", operators=("telegram:chat:-100",), allow=()))
    assert not forced.is_operator(ANONYMOUS)
    assert await forced.admits(ANONYMOUS) is Verdict.REFUSED
