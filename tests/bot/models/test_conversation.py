"""How a prompt is brought into the form that every server accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models.backend import Prompt
from bot.models.conversation import Said, as_conversation
from bot.models.errors import ModelRefused
from sessions.message import KIND_NAMES, ROLE_NAMES, Message
from tests.bot.models.talk import ask, says

MESSAGES = st.builds(
    says,
    st.sampled_from(["", " \n", "one", "two"]),
    role=st.sampled_from(list(ROLE_NAMES.values())),
    kind=st.sampled_from(list(KIND_NAMES.values())),
)


def test_plain_turns_pass_unchanged() -> None:
    """What user and assistant said in turn is sent as it is."""
    turns = as_conversation(ask("a", "b", "c")).turns

    assert turns == (Said("user", "a"), Said("assistant", "b"), Said("user", "c"))


def test_messages_of_one_side_are_merged() -> None:
    """Two messages of one role in a row become one, in their order."""
    conversation = as_conversation(Prompt(messages=[says("a"), says("b")]))

    assert conversation.turns == (Said("user", "a\n\nb"),)


def test_system_messages_join_the_instructions() -> None:
    """A system message in the middle goes to the instructions, after those of the settings."""
    middle = says("Answer in French.", role="system")
    conversation = as_conversation(Prompt(system="Be kind.", messages=[says("a"), middle, says("b")]))

    assert conversation.system == "Be kind.\n\nAnswer in French."
    assert conversation.turns == (Said("user", "a\n\nb"),)


def test_a_summary_is_sent_but_not_as_an_instruction() -> None:
    """A summary is made of people's words, so it never gets the weight of the operator's."""
    summary = says("They chose teal.", role="system", kind="summary")
    conversation = as_conversation(Prompt(system="Be kind.", messages=[summary, says("why?")]))

    assert conversation.system == "Be kind."
    assert "They chose teal." in conversation.turns[0].text
    assert conversation.turns[0].role == "user"


def test_unreadable_placeholders_are_never_sent() -> None:
    """The notice that stands for a message that does not open stays here."""
    broken = says("(this message can not be read)", role="assistant", kind="unreadable")

    assert as_conversation(Prompt(messages=[broken, says("hello")])).turns == (Said("user", "hello"),)


def test_a_partial_reply_says_that_it_broke_off() -> None:
    """The model learns that its earlier reply is not complete."""
    partial = says("The answer is", role="assistant", kind="partial")
    turns = as_conversation(Prompt(messages=[says("a"), partial, says("go on")])).turns

    assert turns[1] == Said("assistant", "The answer is\n[This reply broke off here.]")


def test_tool_results_are_sent_as_text() -> None:
    """What a tool said reaches the model without the fields of a tool call that it never made."""
    turns = as_conversation(Prompt(messages=[says("7 degrees", role="tool"), says("so?")])).turns

    assert turns[0].text.startswith("[Result of a tool:]\n7 degrees")


def test_a_context_that_begins_with_a_reply_gets_a_first_word() -> None:
    """Servers want the user to speak first, and a window may begin anywhere."""
    turns = as_conversation(Prompt(messages=[says("b", role="assistant"), says("c")])).turns

    assert [said.role for said in turns] == ["user", "assistant", "user"]


def test_nothing_to_send_is_refused() -> None:
    """A prompt without one readable message is not sent at all."""
    with pytest.raises(ModelRefused, match="nothing to answer"):
        as_conversation(Prompt(system="Be kind.", messages=[says(" ")]))


@given(st.lists(MESSAGES, max_size=8))
def test_every_conversation_alternates_and_says_something(messages: list[Message]) -> None:
    """Whatever is stored, the user speaks first and last, nobody twice, and never nothing."""
    try:
        turns = as_conversation(Prompt(messages=messages)).turns
    except ModelRefused:
        return

    assert [said.role for said in turns] == ["user", "assistant"] * (len(turns) // 2) + ["user"]
    assert all(said.text.strip() for said in turns)


def test_the_repr_of_a_prompt_holds_no_words() -> None:
    """A prompt in a log line shows neither instructions nor messages."""
    prompt = Prompt(system="canary-system", messages=[says("canary-message")], model="m")

    assert "canary" not in repr(prompt)
