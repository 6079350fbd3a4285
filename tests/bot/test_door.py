"""The door: whether a message goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.inbound import Call, Inbound
from adapters.reply import Reply
from bot.application import Application
from bot.pairing import PAUSE
from bot.silence import HUSHED, SILENT
from config import load_settings
from config.settings import AccessSettings
from sessions import SessionManager, Usage
from tests.bot.commands.person import manager
from tests.bot.doorway import Doorway, in_group, private
from tests.bot.scripted import Paper, ScriptedBackend
from tests.conftest import ManualClock


@pytest.fixture
async def sessions(clock: ManualClock) -> AsyncIterator[SessionManager]:
    async with manager(clock) as opened:
        yield opened


@pytest.fixture
def doorway(sessions: SessionManager, clock: ManualClock) -> Doorway:
    return Doorway(sessions, clock)


async def test_a_stranger_is_given_a_code_once(doorway: Doorway) -> None:
    """The code is private, in a group as well; what is written after it is passed over."""
    for address in (private("5"), in_group("6")):
        answer = await doorway.asks(address, author="Ann")
        assert isinstance(answer, Reply)
        code = next(one.code for one in await doorway.pairing.waiting() if one.person.endswith(address.user_id))
        assert answer.text == (
            f"I only talk to people I know. Give this code to the person who runs me: {code}. It is valid for an hour."
        )
        assert answer.private
        assert await doorway.asks(address, "/help") is SILENT


async def test_who_was_let_in_goes_on(doorway: Doorway) -> None:
    """The same messages pass once an operator has approved the code."""
    await doorway.asks(private())
    (waiting,) = await doorway.pairing.waiting()
    await doorway.pairing.approve(waiting.code, "telegram:1")
    assert await doorway.asks(private()) is None
    assert await doorway.asks(in_group(), "/help") is None


@pytest.mark.parametrize("text", ["/pair approve ABCD2345", "yes #abcdef", "/stop", "/start", "/forgetme", "", "//x"])
async def test_a_stranger_gets_nothing_done(doorway: Doorway, text: str) -> None:
    """Typed commands, pressed buttons, native commands and edits of a stranger never go on."""
    assert await doorway.asks(private("5"), text) is not None
    inbound = Inbound(address=private("6"), text=text)
    assert await doorway.door.ask(replace(inbound, edits="7")) is SILENT
    assert await doorway.door.ask(replace(inbound, text="", call=Call(path=("pair", "list"), options={}))) is not None
    assert [one.person for one in await doorway.pairing.waiting()] == ["telegram:5", "telegram:6"]


async def test_a_native_command_is_always_answered(doorway: Doorway) -> None:
    """The platform waits for an answer, so a stranger gets one each time, seen by them alone."""
    call = Inbound(address=in_group(), text="", call=Call(path=("help",), options={}))
    first, second = await doorway.door.ask(call), await doorway.door.ask(call)
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert (first.private, second.private) == (True, True)
    assert "code" in first.text
    assert second.text == "I only talk to people I know."


async def test_strangers_who_talk_beside_the_bot_hear_nothing(sessions: SessionManager, clock: ManualClock) -> None:
    """Where the bot hears everything, only a native command of a stranger is answered."""
    doorway = Doorway(sessions, clock, listening=("-100",))
    assert await doorway.asks(in_group()) is SILENT
    assert await doorway.pairing.waiting() == []
    call = Inbound(address=in_group(), text="", call=Call(path=("help",), options={}))
    assert isinstance(await doorway.door.ask(call), Reply)
    assert isinstance(await doorway.asks(in_group("43", chat="-200")), Reply)


async def test_who_is_not_on_the_list_is_told_their_id_now_and_then(
    sessions: SessionManager, clock: ManualClock
) -> None:
    """In private they learn what the operator needs, every ten minutes at most; in groups nothing is said."""
    doorway = Doorway(sessions, clock, AccessSettings(mode="allow-list"))
    answer = await doorway.asks(private())
    assert isinstance(answer, Reply)
    assert "`telegram:42`" in answer.text
    assert await doorway.asks(private()) is SILENT
    assert await doorway.asks(in_group("43")) is SILENT
    clock.advance(PAUSE)
    assert isinstance(await doorway.asks(private()), Reply)
    assert await doorway.pairing.waiting() == []


async def test_an_anonymous_admin_hears_nothing(doorway: Doorway) -> None:
    """Nobody knows who it is, so there is no code and no answer."""
    assert await doorway.asks(in_group("chat:-100")) is SILENT
    assert await doorway.pairing.waiting() == []


async def test_operators_are_learned_by_what_they_write(doorway: Doorway) -> None:
    """After an operator wrote in private, they are told of the next stranger."""
    assert await doorway.asks(private("1")) is None
    await doorway.asks(private())
    ((address, notice),) = doorway.told
    assert (address, notice.choices[0].label) == (private("1"), "Let in")


async def test_without_tokens_commands_go_on_and_words_do_not(sessions: SessionManager, clock: ManualClock) -> None:
    """Only what the model would answer is stopped; the button of a question and /stop are not."""
    doorway = Doorway(sessions, clock, AccessSettings(mode="open", daily_tokens=10))
    warning = await doorway.door.spent(private(), Usage(10, 0))
    assert warning is not None
    for text in ("/history", "/forgetme", "yes #abcdef", "/stop", " /help"):
        assert await doorway.asks(private(), text) is None, text
    for text in ("hello", "//hello", "yes", "/retry", "/RETRY@bot", "/compact now"):
        assert isinstance(await doorway.asks(private(), text), Reply), text
    edit = Inbound(address=private(), text="better", edits="3")
    assert await doorway.door.ask(edit) is None
    call = Inbound(address=private(), text="", call=Call(path=("retry",), options={}))
    assert isinstance(await doorway.door.ask(call), Reply)


async def test_who_writes_too_fast_can_still_stop(sessions: SessionManager, clock: ManualClock) -> None:
    """/stop is never held up, but it counts, and beyond the pace it goes on hushed."""
    doorway = Doorway(sessions, clock, AccessSettings(mode="open", messages_per_minute=2))
    assert await doorway.asks(private()) is None
    assert await doorway.asks(private(), "/stop") is None
    assert isinstance(await doorway.asks(private()), Reply)
    assert await doorway.asks(private()) is SILENT
    assert await doorway.asks(private(), "/stop") is HUSHED
    assert await doorway.asks(private(), "/stopwatch") is SILENT


# -- in the whole application --------------------------------------------------------------------


class House:
    """An application with an operator, and a channel that writes down what it is told."""

    def __init__(self, sessions: SessionManager, clock: ManualClock) -> None:
        settings = load_settings(
            environ={"PALAVER_ACCESS__OPERATORS": "telegram:1", "PALAVER_ACCESS__DAILY_TOKENS": "30"}
        )
        self.model = ScriptedBackend()
        self.application = Application(settings, sessions, self.model, ephemeral=False, clock=clock)
        self.told: list[str] = []
        self.application.announce_through("telegram", self._tell)

    async def _tell(self, address: object, reply: Reply) -> None:
        self.told.append(reply.text)

    async def hears(self, user: str, text: str, author: str | None = None) -> str:
        paper = Paper()
        await self.application.handle(Inbound(address=private(user), text=text, author=author), paper)
        return "\n".join(paper.said + paper.finished)


@pytest.fixture
async def house(sessions: SessionManager, clock: ManualClock) -> AsyncIterator[House]:
    running = House(sessions, clock)
    yield running
    await running.application.close()


async def test_a_stranger_is_let_in_by_the_button(house: House) -> None:
    """From the first word to the first answer, with the operator's press in between."""
    await house.hears("1", "hello")
    answer = await house.hears("42", "hello", author="Ann")
    code = answer.split(": ")[1][:8]
    assert code in house.told[0]
    assert "`telegram:42` is let in" in await house.hears("1", f"/pair approve {code}")
    assert "Nobody waits" in await house.hears("1", "/pair")
    assert await house.hears("42", "hello") == "I see."
    assert "let in no longer" in await house.hears("1", "/pair revoke telegram:42")
    assert "I only talk to people I know" in await house.hears("42", "hello")
    assert len(house.model.prompts) == 2


async def test_a_list_of_those_who_wait_has_buttons(house: House) -> None:
    """The operator sees who waits for how long; a refused code is gone."""
    code = (await house.hears("42", "hello", author="*Ann*")).split(": ")[1][:8]
    shown = await house.hears("1", "/pair list")
    assert f"- `{code}`: `telegram:42`, called `*Ann*`, for another 60 minutes" in shown
    assert "is not let in" in await house.hears("1", f"/pair refuse {code.lower()}")
    assert "This code was refused" in await house.hears("1", f"/pair approve {code}")


async def test_who_is_let_in_is_no_operator(house: House) -> None:
    """Renamed to the operator's name and id, somebody may talk and let nobody in."""
    await house.application.access.approve("telegram:42", by="telegram:1", at=0)
    code = (await house.hears("43", "hello")).split(": ")[1][:8]
    refused = await house.hears("42", f"/pair approve {code}", author="telegram:1")
    assert "There is no command `/pair`" in refused
    assert "/pair" not in await house.hears("42", "/help", author="telegram:1")
    assert "I only talk" not in await house.hears("42", "hello")
    assert await house.hears("43", "hello") == ""


async def test_what_the_model_used_is_counted(house: House) -> None:
    """After the reply that reaches 80 % comes the warning, then the end; the operator goes on."""
    await house.application.access.approve("telegram:42", by="telegram:1", at=0)
    assert await house.hears("42", "hello") == "I see."
    warned = await house.hears("42", "hello")
    assert "You have used 100 % of your 30 tokens of today" in warned
    assert "I see." in warned
    assert (await house.hears("42", "hello")).startswith("Your 30 tokens of today are used up.")
    assert len(house.model.prompts) == 2
    for _ in range(4):
        assert await house.hears("1", "hello") == "I see."


async def test_nothing_is_completed_for_strangers(house: House) -> None:
    """Completion is refused like everything else, and offers operators' commands to operators alone."""
    await house.hears("1", "hello")
    suggest = house.application.suggest
    assert await suggest(private("42"), "/") == ()
    assert [one.text for one in await suggest(private("1"), "/pai")] == ["/pair"]
    await house.application.access.approve("telegram:42", by="telegram:1", at=0)
    assert len(await suggest(private("42"), "/")) > 10
    assert list(await suggest(private("42"), "/pai")) == []
