"""Beginning conversations and moving between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.commands.conversations import PAGE
from sessions.session import Status
from tests.bot.archives import words_of
from tests.bot.commands.person import ANN, Person


async def test_new_begins_with_default_settings(ann: Person) -> None:
    """The old conversation is archived with all that was said; the new one has its own title."""
    await ann.says("hello")
    await ann.types("/session tag work")
    old = await ann.session()
    assert "called `Second one`" in (await ann.types("/new Second one")).text
    fresh = await ann.session()
    assert (fresh.title, fresh.tags, fresh.message_count) == ("Second one", (), 0)
    kept = await ann.sessions.get_session(old.id)
    assert (kept.status, kept.message_count) == (Status.COMPLETED, 2)


async def test_reset_carries_settings_over(ann: Person) -> None:
    """Title, model and tags stay; what was said is kept with the old conversation."""
    await ann.says("hello")
    await ann.types("/session title Rome")
    await ann.types("/session tag work")
    await ann.types("/model gpt")
    await ann.types("/reset")
    fresh = await ann.session()
    assert (fresh.title, fresh.tags, fresh.model, fresh.message_count) == ("Rome", ("work",), "gpt", 0)


@pytest.mark.parametrize("line", ["/new", "/reset", "/session switch 2", "/resume 2"])
async def test_leaving_stops_the_running_reply(ann: Person, line: str) -> None:
    """A reply that is being made is stopped when one leaves its conversation."""
    await ann.says("first")
    await ann.types("/new")
    await ann.says("second")
    ann.application.replying = True
    await ann.types(line)
    assert not ann.application.replying


async def test_a_reference_to_nothing_stops_nothing(ann: Person) -> None:
    """A slip of the fingers does not cost the running reply."""
    ann.application.replying = True
    await ann.types("/session switch nowhere")
    await ann.types("/resume nowhere")
    assert ann.application.replying


async def test_stop_tells_whether_there_was_something(ann: Person) -> None:
    """With a reply under way it is stopped, without one that is said."""
    ann.application.replying = True
    assert (await ann.types("/stop")).text == "Stopped."
    assert (await ann.types("/stop")).text == "There is nothing to stop."


async def test_list_numbers_names_and_marks(ann: Person) -> None:
    """Titles or first words, counts, ages, ids; the current one is first and marked; empty ones are left out."""
    await ann.says("what is the tallest tower of the whole old town")
    first = await ann.session()
    ann.clock.advance(3600)
    await ann.types("/new")
    await ann.types("/new Rome")
    await ann.says("hello")
    second = await ann.session()
    ann.clock.advance(60)
    lines = (await ann.types("/session list")).text.splitlines()
    assert lines == [
        "**2 conversations**",
        f"- **1** `Rome` · **current** · 2 messages, 1 min ago · `{second.id}`",
        f"- **2** untitled, `what is the tallest tower of the whole…` · 2 messages, 1 h 1 min ago · `{first.id}`",
    ]


async def test_list_has_pages_with_running_numbers(ann: Person) -> None:
    """A long list goes on on the next page; numbers stay what they are; beyond the last page is an error."""
    for number in range(PAGE + 3):
        await ann.types(f"/new {number}")
    first = (await ann.types("/session list")).text
    assert "3 more: `/session list 2`" in first
    second = (await ann.types("/session list 2")).text
    assert second.splitlines()[1].startswith(f"- **{PAGE + 1}** ")
    reply = await ann.types("/session list 3")
    assert reply.error
    assert "The last page is 2" in reply.text


async def test_list_of_nothing_says_how_to_begin(ann: Person) -> None:
    """A newcomer has no conversations."""
    assert "No conversations yet" in (await ann.types("/session list")).text


@pytest.mark.parametrize("line", ["/session switch {}", "/resume {}"])
async def test_switching_takes_number_id_prefix_and_title(ann: Person, line: str) -> None:
    """Each way to name a conversation leads to it, titles without quotes too."""
    await ann.types("/new Trip to Rome")
    await ann.says("hello")
    rome = await ann.session()
    for which in ("2", rome.id, rome.id[:6].upper(), "trip to rome", '"Trip to Rome"'):
        await ann.types("/new")
        reply = await ann.types(line.format(which))
        assert "Back in `Trip to Rome`: 2 messages" in reply.text, which
        assert (await ann.session()).id == rome.id


async def test_switching_to_where_one_is_changes_nothing(ann: Person) -> None:
    """The current conversation is said to be the current one."""
    await ann.types("/new Rome")
    assert "already" in (await ann.types("/session switch Rome")).text


async def test_a_title_that_fits_twice_is_ambiguous(ann: Person) -> None:
    """Two conversations of one name are shown as in the list, to be told apart by number or id."""
    await ann.types("/new Rome")
    await ann.says("hello")
    ann.clock.advance(3600)
    await ann.types("/new Rome")
    current = await ann.session()
    for line in ("/session switch Rome", "/resume rome", "/session delete Rome"):
        reply = await ann.types(line)
        assert reply.error
        assert "fits 2 conversations" in reply.text
        assert f"- **1** `Rome` · **current** · 0 messages, just now · `{current.id}`" in reply.text
        assert "- **2** `Rome` · 2 messages, 1 h ago" in reply.text


async def test_resume_goes_to_the_only_other_one(ann: Person) -> None:
    """With one other conversation there is nothing to ask."""
    await ann.says("hello")
    old = await ann.session()
    await ann.types("/new")
    await ann.types("/resume")
    assert (await ann.session()).id == old.id


async def test_resume_says_where_one_is_and_how_to_get_back(ann: Person) -> None:
    """Going to and fro between two conversations, each answer names both, by title or by their first words."""
    await ann.types("/new Trip to Rome")
    await ann.says("hello")
    ann.clock.advance(3600)
    await ann.types("/new")
    await ann.says("what is the weather")
    text = (await ann.types("/resume")).text
    assert "Back in `Trip to Rome`: 2 messages, 1 h ago." in text
    assert "You left untitled, `what is the weather` (2 messages): `/resume` goes back to it." in text
    text = (await ann.types("/resume")).text
    assert "Back in untitled, `what is the weather`: 2 messages, just now." in text
    assert "You left `Trip to Rome` (2 messages): `/resume` goes back to it." in text


async def test_resume_among_several_says_how_to_pick_another(ann: Person) -> None:
    """The one that was left is named with its command, the others are offered again."""
    for title in ("one", "two", "three"):
        await ann.types(f"/new {title}")
        await ann.says("hello")
        ann.clock.advance(60)
    three = await ann.session()
    text = (await ann.types("/resume one")).text
    assert f"You left `three` (2 messages): `/resume {three.id}` goes back to it, `/resume` offers the others." in text


async def test_what_was_left_empty_is_not_offered(ann: Person) -> None:
    """An empty conversation is not kept in the list, so nothing leads back to it."""
    await ann.says("hello")
    await ann.types("/new")
    text = (await ann.types("/resume")).text
    assert text.endswith("`/history` shows how it went.")


async def test_resume_offers_a_choice(ann: Person) -> None:
    """With several others it offers them, and each button leads to its own."""
    for title in ("one", "two", "three"):
        await ann.types(f"/new {title}")
        ann.clock.advance(60)
    reply = await ann.types("/resume")
    assert [choice.label for choice in reply.choices] == ["2", "3"]
    assert "`two`" in reply.text
    await ann.types(reply.choices[1].text)
    assert (await ann.session()).title == "one"


async def test_resume_of_nothing_is_an_error(ann: Person) -> None:
    """Without another conversation there is nothing to go back to."""
    await ann.says("hello")
    assert (await ann.types("/resume")).error


FOREIGN = [
    "/session switch {}",
    "/session delete {}",
    "/resume {}",
    "/checkpoint restore {}-1",
    "/checkpoint delete {}-1",
]


@pytest.mark.parametrize("line", FOREIGN)
@pytest.mark.parametrize(
    "other", [replace(ANN, user_id="bob"), replace(ANN, chat_id="other"), replace(ANN, account="2")], ids=str
)
async def test_foreign_and_missing_ids_read_the_same(ann: Person, line: str, other: object) -> None:
    """What belongs to somebody else is answered word for word like what does not exist, and stays untouched."""
    assert isinstance(other, type(ANN))
    stranger = Person(ann.sessions, ann.clock, address=other)
    await stranger.types("/new the secret title")
    await stranger.says("secret words")
    await stranger.types("/checkpoint save secret")
    theirs = await stranger.session()
    missing = "aaaaaaaaaaaa"
    foreign_reply = await ann.types(line.format(theirs.id))
    missing_reply = await ann.types(line.format(missing))
    assert foreign_reply.error
    assert foreign_reply.text.replace(theirs.id, missing) == missing_reply.text
    assert (await ann.types("/session switch the secret title")).error
    assert (await stranger.session()) == theirs
    assert len(await stranger.history()) == 2


async def test_lists_and_searches_hold_ones_own_only(ann: Person) -> None:
    """Nobody sees another person's titles, words or ids in any list, search, export or completion."""
    bob = Person(ann.sessions, ann.clock, address=replace(ANN, user_id="bob"))
    await bob.types("/new canary")
    await bob.says("canary")
    await bob.types("/checkpoint save canary")
    bobs = (await bob.session()).id
    await ann.says("hello")
    for line in (
        "/session", "/session list", "/session why", "/checkpoint", "/history", "/history search canar",
        "/history export json", "/resume", "/usage", "/mydata", "/whoami", "/context",
    ):  # fmt: skip
        reply = await ann.types(line)
        shown = reply.text
        if reply.document is not None:
            shown += words_of(reply.document.content)
        assert "canary" not in shown, line
        assert bobs not in shown, line
    for typed in ("/session switch ", "/checkpoint restore ", "/resume c", "/session untag "):
        assert not any("canary" in one.text + one.hint or bobs in one.text for one in await ann.sees(typed))
