"""Questions that wait for a yes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.reply import Reply
from bot.confirmations import LIFETIME, MAX_WAITING, Confirmations, Question
from sessions.address import Address, ChatKind
from sessions.errors import NotFound

HERE = Address(platform="console", account="local", chat_id="1", user_id="ann")
THERE = replace(HERE, chat_id="2")
SOMEBODY = replace(HERE, user_id="bob")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Deed:
    """Something that must not happen by mistake; counts how often it did."""

    def __init__(self) -> None:
        self.done = 0

    async def __call__(self) -> Reply:
        self.done += 1
        return Reply(text="Erased.", private=True)


def question(deed: Deed) -> Question:
    return Question(text="Erase all?", yes="Yes, erase", run=deed)


@pytest.mark.parametrize("word", ["yes", "Yes", " y ", "YES!", "yes."])
async def test_yes_does_it_once(word: str) -> None:
    """A yes does it, and a second yes finds no question."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(HERE, question(deed))
    assert await pending.take(HERE, word) == Reply(text="Erased.", private=True)
    assert await pending.take(HERE, word) is None
    assert deed.done == 1


@pytest.mark.parametrize("word", ["no", "N", "No."])
async def test_no_drops_it(word: str) -> None:
    """A no closes the question and says that nothing happened."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(HERE, question(deed))
    assert await pending.take(HERE, word) == Reply(text="Nothing was changed.")
    assert await pending.take(HERE, "yes") is None
    assert deed.done == 0


@pytest.mark.parametrize("text", ["yes please", "tell me about tea", "/session list", "", "yes\nyes", "yes #12"])
async def test_anything_else_drops_it_and_goes_on(text: str) -> None:
    """What is no plain answer is a message of its own, and a later yes does nothing."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(HERE, question(deed))
    assert await pending.take(HERE, text) is None
    assert await pending.take(HERE, "yes") is None
    assert deed.done == 0


@pytest.mark.parametrize("address", [THERE, SOMEBODY])
async def test_nobody_else_and_nowhere_else_can_answer(address: Address) -> None:
    """A yes in another chat or from another person is no answer, and leaves the question open."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(HERE, question(deed))
    assert await pending.take(address, "yes") is None
    assert deed.done == 0
    await pending.take(HERE, "yes")
    assert deed.done == 1


async def test_a_late_yes_is_told_so() -> None:
    """After two minutes a yes does nothing and says why."""
    clock, deed = Clock(), Deed()
    pending = Confirmations(clock=clock)
    pending.ask(HERE, question(deed))
    clock.now += LIFETIME + 1
    answer = await pending.take(HERE, "yes")
    assert answer is not None
    assert answer.error
    assert "no longer open" in answer.text
    assert deed.done == 0


async def test_buttons_answer_their_own_question_only() -> None:
    """The button of an older question does not confirm a newer one."""
    pending, old, new = Confirmations(clock=Clock()), Deed(), Deed()
    old_button = pending.ask(HERE, question(old)).choices[0].text
    new_button = pending.ask(HERE, question(new)).choices[0].text
    answer = await pending.take(HERE, old_button)
    assert answer is not None
    assert answer.error
    assert (old.done, new.done) == (0, 0)
    answer = await pending.take(HERE, new_button)
    assert answer is not None
    assert answer.error
    newest_button = pending.ask(HERE, question(new)).choices[0].text
    assert await pending.take(HERE, newest_button) == Reply(text="Erased.", private=True)
    assert (old.done, new.done) == (0, 1)


async def test_a_stale_button_never_becomes_a_message() -> None:
    """Pressing a button after its question is closed is answered, not sent on."""
    pending = Confirmations(clock=Clock())
    button = pending.ask(HERE, question(Deed())).choices[1].text
    assert await pending.take(HERE, button) == Reply(text="Nothing was changed.")
    answer = await pending.take(HERE, button)
    assert answer is not None
    assert answer.error


async def test_a_failure_after_yes_is_an_answer() -> None:
    """What can not be done after the yes is said, not raised."""

    async def gone() -> Reply:
        raise NotFound("session", "abc")

    pending = Confirmations(clock=Clock())
    pending.ask(HERE, Question(text="Erase?", yes="Yes", run=gone))
    answer = await pending.take(HERE, "yes")
    assert answer is not None
    assert answer.error
    assert "`abc`" in answer.text


async def test_questions_do_not_pile_up() -> None:
    """Only so many questions wait; the oldest make room."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(HERE, question(deed))
    for number in range(MAX_WAITING):
        pending.ask(replace(HERE, chat_id=f"chat {number}"), question(Deed()))
    assert await pending.take(HERE, "yes") is None
    assert deed.done == 0


IN_PRIVATE = replace(HERE, chat_id="9")
IN_GROUP = replace(HERE, chat_kind=ChatKind.GROUP)


async def test_a_button_counts_wherever_it_is_pressed() -> None:
    """The question went to the direct chat, and so did its buttons."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    button = pending.ask(IN_GROUP, question(deed), private=True).choices[0]
    assert button.anywhere
    assert await pending.take(IN_PRIVATE, button.text) == Reply(text="Erased.", private=True)
    assert await pending.take(IN_GROUP, button.text) != Reply(text="Erased.", private=True)
    assert deed.done == 1


@pytest.mark.parametrize("other", [{"user_id": "bob"}, {"account": "other"}, {"platform": "discord"}])
async def test_a_button_counts_for_nobody_else(other: dict[str, str]) -> None:
    """Another person, or the same number with another bot or platform, presses in vain, and it stays open."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    button = pending.ask(IN_GROUP, question(deed), private=True).choices[0].text
    answer = await pending.take(replace(IN_PRIVATE, **other), button)  # type: ignore[arg-type]
    assert answer is not None
    assert answer.error
    assert deed.done == 0
    await pending.take(IN_GROUP, button)
    assert deed.done == 1


async def test_a_private_question_of_a_group_is_answered_in_private() -> None:
    """A plain yes in the private chat counts for what was asked there, wherever the command was sent."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(IN_GROUP, question(deed), private=True)
    assert await pending.take(IN_PRIVATE, "yes") == Reply(text="Erased.", private=True)
    assert deed.done == 1


async def test_a_public_question_of_a_group_is_not_answered_in_private() -> None:
    """What everybody saw in the group is no question of the private chat, and something said there leaves it open."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(IN_GROUP, question(deed))
    assert await pending.take(IN_PRIVATE, "yes") is None
    assert deed.done == 0
    assert await pending.take(IN_GROUP, "yes") == Reply(text="Erased.", private=True)


async def test_going_on_in_private_closes_what_was_asked_there() -> None:
    """The next thing said where a question is seen closes it."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(IN_GROUP, question(deed), private=True)
    assert await pending.take(IN_PRIVATE, "what is tea?") is None
    assert await pending.take(IN_PRIVATE, "yes") is None
    assert await pending.take(IN_GROUP, "yes") is None
    assert deed.done == 0


async def test_the_newest_of_several_questions_is_the_one_that_is_answered() -> None:
    """Two groups asked in private: a plain yes is for the last question, the other is closed."""
    pending, old, new = Confirmations(clock=Clock()), Deed(), Deed()
    pending.ask(IN_GROUP, question(old), private=True)
    pending.ask(replace(IN_GROUP, chat_id="3"), question(new), private=True)
    assert await pending.take(IN_PRIVATE, "yes") == Reply(text="Erased.", private=True)
    assert await pending.take(IN_PRIVATE, "yes") is None
    assert (old.done, new.done) == (0, 1)


async def test_a_closed_question_stays_closed() -> None:
    """Who went on to something else closed it."""
    pending, deed = Confirmations(clock=Clock()), Deed()
    pending.ask(HERE, question(deed))
    pending.close(HERE)
    pending.close(HERE)
    assert await pending.take(HERE, "yes") is None
    assert deed.done == 0
