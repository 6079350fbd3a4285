"""/session: showing, naming, tagging, erasing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sessions.address import ChatKind
from sessions.errors import NotFound
from tests.bot.commands.person import ANN, Person


async def test_session_shows_all_there_is_to_know(ann: Person) -> None:
    """Id, status, title, scope in words, readers, times, counts, model, tags, incognito, next reset."""
    await ann.says("hello")
    await ann.types("/session title Trip to Rome")
    await ann.types("/session tag travel")
    await ann.types("/session idle-reset 30")
    ann.clock.advance(600)
    reply = await ann.types("/session")
    session = await ann.session()
    for part in (
        f"`{session.id}` · active",
        "Title: `Trip to Rome`",
        "Scope: `per-channel-peer`, yours alone, in this chat",
        "Can be read by: only you, and whoever runs this bot",
        "Created: 2026-01-01 00:00 UTC (10 min ago)",
        "Last activity: 10 min ago",
        "Messages: 2",
        "Tokens: 10 in, 5 out",
        "Model: `echo` (the default)",
        "Tags: `travel`",
        "Incognito: off",
        "Next reset: Thu 00:30 UTC (in 20 min)",
    ):
        assert part in reply.text


async def test_session_in_a_group_says_who_sees_what(ann: Person) -> None:
    """In a group the chat sees what is said, and a shared conversation is read by everyone there."""
    group = Person(ann.sessions, ann.clock, address=replace(ANN, chat_id="g", chat_kind=ChatKind.GROUP))
    assert "only you (the group sees what is said in it)" in (await group.types("/session")).text
    await group.types("/session scope channel")
    assert "everyone in the group" in (await group.types("/session")).text


@pytest.mark.parametrize(
    ("platform", "kind", "where"),
    [
        ("telegram", ChatKind.GROUP, "in the group"),
        ("telegram", ChatKind.THREAD, "in the topic"),
        ("discord", ChatKind.GROUP, "in the channel"),
        ("discord", ChatKind.THREAD, "in the thread"),
    ],
)
async def test_a_private_answer_about_a_group_says_that_it_is(
    ann: Person, platform: str, kind: ChatKind, where: str
) -> None:
    """Read in a direct chat, "here" and "this chat" would mean another conversation than the one it is about."""
    address = replace(ANN, platform=platform, chat_id="g", chat_kind=kind)
    person = Person(ann.sessions, ann.clock, address=address)
    await person.says("hello")
    await person.types("/session idle-reset 30")
    lines = "/session", "/session why", "/session list", "/whoami", "/usage", "/checkpoint", "/history search moon"
    for line in lines:
        text = (await person.types(line)).text
        assert where in text, line
        assert "this chat" not in text, line
        assert " here" not in text, line


async def test_a_fork_names_the_conversation_it_came_from(ann: Person) -> None:
    """By its title and its id; by the id alone once it is erased."""
    await ann.types("/new Trip to Rome")
    await ann.says("hello")
    rome = await ann.session()
    await ann.types("/fork By train")
    assert f"Forked from: `Trip to Rome` (`{rome.id}`)" in (await ann.types("/session")).text
    await ann.sessions.delete_session(rome.id)
    text = (await ann.types("/session")).text
    assert "Trip to Rome" not in text
    assert f"Forked from: `{rome.id}`" in text


async def test_session_tells_incognito(ann: Person) -> None:
    """While incognito, nothing is said to be on disk."""
    await ann.types("/incognito on")
    assert "Incognito: on, nothing is written to disk" in (await ann.types("/session")).text


async def test_why_names_scope_key_and_rule(ann: Person) -> None:
    """Where nothing is set, that is what it says."""
    text = (await ann.types("/session why")).text
    assert "Scope: `per-channel-peer`, yours alone, in this chat." in text
    assert "platform `console`, bot account `local`, chat `terminal`, person `ann`" in text
    assert "no automatic resets. It is the default of this bot." in text


async def test_why_tells_which_half_of_the_rule_strikes_next(ann: Person) -> None:
    """With a daily and an idle rule, the earlier one is named, and where the rule comes from."""
    await ann.says("hello")
    await ann.types("/session reset-time 04:00 Europe/Berlin")
    await ann.types("/session idle-reset 30")
    text = (await ann.types("/session why")).text
    assert "every day at 04:00 (Europe/Berlin) and after 30 min without a word from you" in text
    assert "set here with `/session reset-time`" in text
    assert "Next reset: for silence, Thu 01:30 Europe/Berlin (in 30 min)" in text
    await ann.types("/session idle-reset 600")
    assert "Next reset: the daily one, Thu 04:00 Europe/Berlin (in 3 h)" in (await ann.types("/session why")).text
    ann.clock.advance(2 * 3600 + 55 * 60)
    await ann.says("still here")
    assert "Next reset: the daily one, Thu 04:05 Europe/Berlin (in 10 min)" in (await ann.types("/session why")).text


async def test_title_is_set_and_taken_away(ann: Person) -> None:
    """A title may have spaces without quotes; an empty one takes it away; none at all is a mistake."""
    assert "`Trip to Rome`" in (await ann.types("/session title Trip to Rome")).text
    assert (await ann.session()).title == "Trip to Rome"
    await ann.types('/session title ""')
    assert (await ann.session()).title is None
    assert "Usage" in (await ann.types("/session title")).text


async def test_an_endless_title_is_refused(ann: Person) -> None:
    """A title that is too long is refused with the limit, and nothing changes."""
    reply = await ann.types("/session title " + "x" * 500)
    assert reply.error
    assert "at most 200 characters" in reply.text
    assert (await ann.session()).title is None


async def test_tags_are_added_and_removed(ann: Person) -> None:
    """Tags add up, each once; taking one off ignores case; an unknown one is said."""
    await ann.types("/session tag work italy")
    assert (await ann.types("/session tag italy food")).text == "Tags: `work`, `italy`, `food`."
    assert (await ann.types("/session untag ITALY")).text == "Tags: `work`, `food`."
    reply = await ann.types("/session untag moon")
    assert reply.error
    assert "This conversation has no such tag. Tags: `work`, `food`." in reply.text


async def test_too_many_tags_are_refused(ann: Person) -> None:
    """A conversation has a limited number of tags."""
    reply = await ann.types("/session tag " + " ".join(f"t{n}" for n in range(21)))
    assert reply.error
    assert (await ann.session()).tags == ()


async def test_delete_asks_and_erases_on_yes(ann: Person) -> None:
    """The question shows what would go; a yes erases it for good, undo does not bring it back."""
    await ann.says("my secret plan")
    doomed = await ann.session()
    await ann.types("/new")
    await ann.says("hello")
    question = await ann.types("/session delete 2")
    assert "my secret plan" in question.text
    assert [choice.label for choice in question.choices] == ["Yes, erase it", "No"]
    assert "its 2 messages" in (await ann.answers("yes")).text
    with pytest.raises(NotFound):
        await ann.sessions.get_session(doomed.id)
    assert await ann.history() == ["hello", "I see."]


async def test_delete_keeps_on_no(ann: Person) -> None:
    """A no leaves everything as it was."""
    await ann.says("hello")
    await ann.types("/session delete 1")
    await ann.answers("no")
    assert len(await ann.history()) == 2


async def test_delete_means_what_was_asked_about(ann: Person) -> None:
    """The yes erases what the question showed, even if the list has another order by then."""
    await ann.says("first")
    first = await ann.session()
    await ann.types("/new")
    await ann.says("second")
    second = await ann.session()
    await ann.types("/session delete 2")
    await ann.sessions.switch_session(ann.address, first.id)
    await ann.answers("yes")
    assert (await ann.sessions.get_session(second.id)).message_count == 2
    with pytest.raises(NotFound):
        await ann.sessions.get_session(first.id)


async def test_deleting_the_current_conversation_stops_its_reply(ann: Person) -> None:
    """A reply that is being made for it is stopped; another conversation's is left alone."""
    await ann.says("first")
    await ann.types("/new")
    await ann.says("second")
    stops = ann.application.stops
    await ann.types("/session delete 2")
    await ann.answers("yes")
    assert ann.application.stops == stops
    await ann.types("/session delete 1")
    await ann.answers("yes")
    assert ann.application.stops == stops + 1


async def test_deleting_a_shared_conversation_says_so(ann: Person) -> None:
    """The question names who else loses it."""
    await ann.types("/session scope channel")
    await ann.says("hello")
    assert "shared by everyone who writes in this chat" in (await ann.types("/session delete 1")).text
