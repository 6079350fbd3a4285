"""/checkpoint."""

from __future__ import annotations

from tests.bot.commands.person import Person


async def test_a_checkpoint_brings_back_what_was(ann: Person) -> None:
    """Save, go on, restore: the words after the checkpoint are gone, and undo brings them back."""
    await ann.says("the word is teal")
    saved = await ann.types('/checkpoint save "before the change" all tests pass')
    assert "Saved checkpoint **1** `before the change`: `all tests pass`, after 2 messages" in saved.text
    await ann.says("the word is amber")
    ann.clock.advance(300)
    reply = await ann.types("/checkpoint restore before the change")
    assert "saved 5 min ago: the conversation has 2 messages now, it had 4" in reply.text
    assert await ann.history() == ["the word is teal", "I see."]
    await ann.types("/undo")
    assert "the word is amber" in await ann.history()


async def test_a_checkpoint_without_a_name_is_called_after_the_time(ann: Person) -> None:
    """The default name is the local time."""
    assert "**1** `2026-01-01 01:00`" in (await ann.types("/checkpoint save")).text


async def test_the_list_shows_all(ann: Person) -> None:
    """Number, name, messages, age and description; `/checkpoint` alone is the same."""
    await ann.types("/checkpoint save empty")
    await ann.says("hello")
    ann.clock.advance(120)
    await ann.types("/checkpoint save later so far so good")
    reply = await ann.types("/checkpoint")
    assert reply == await ann.types("/checkpoint list")
    assert reply.text.splitlines() == [
        "**2 checkpoints**",
        "- **1** `empty` · after 0 messages · 2 min ago",
        "- **2** `later` · after 2 messages · just now · `so far so good`",
    ]


async def test_an_empty_list_says_how_to_save(ann: Person) -> None:
    """Without checkpoints the answer shows how to make one."""
    assert "/checkpoint save" in (await ann.types("/checkpoint")).text


async def test_automatic_checkpoints_are_not_listed(ann: Person) -> None:
    """What is set before a clearing does not clutter the list."""
    await ann.says("hello")
    await ann.types("/history clear")
    assert "No checkpoints" in (await ann.types("/checkpoint")).text


async def test_deleting_is_undone(ann: Person) -> None:
    """A deleted checkpoint is gone until undo brings it back; the messages stay."""
    await ann.says("hello")
    await ann.types("/checkpoint save one")
    await ann.types("/checkpoint delete 1")
    assert (await ann.types("/checkpoint restore one")).error
    assert len(await ann.history()) == 2
    await ann.types("/undo")
    assert "`one`" in (await ann.types("/checkpoint")).text


async def test_of_two_checkpoints_with_one_name_the_newest_counts(ann: Person) -> None:
    """A name that was given twice means the newest; the older one has its number."""
    await ann.types("/checkpoint save x")
    await ann.says("hello")
    await ann.types("/checkpoint save x")
    await ann.says("hello again")
    assert "checkpoint **2**" in (await ann.types("/checkpoint restore x")).text
    assert "checkpoint **1**" in (await ann.types("/checkpoint restore 1")).text


async def test_a_beginning_that_fits_two_names_is_ambiguous(ann: Person) -> None:
    """The beginning of two different names is told apart by number."""
    await ann.types("/checkpoint save xa")
    await ann.types("/checkpoint save xb")
    reply = await ann.types("/checkpoint restore x")
    assert reply.error
    assert "fits 2 checkpoints: `1`, `2`" in reply.text


async def test_names_can_not_bring_markup_in(ann: Person) -> None:
    """A name with mark-up is shown as it was typed, and does nothing."""
    await ann.types('/checkpoint save "`**x**` [a](http://b)"')
    assert "`` `**x**` [a](http://b) ``" in (await ann.types("/checkpoint")).text


async def test_a_mistake_stops_no_reply(ann: Person) -> None:
    """Only a restore that is really made stops the reply under way."""
    await ann.types("/checkpoint save x")
    ann.application.replying = True
    await ann.types("/checkpoint restore y")
    assert ann.application.replying
    await ann.types("/checkpoint restore x")
    assert not ann.application.replying
