"""Completing a command line that is being typed."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.commands.table import COMMANDS
from tests.bot.commands.person import Person, manager
from tests.conftest import ManualClock


async def test_first_words_are_completed(ann: Person) -> None:
    """Each first word is offered once, with what it does."""
    assert await ann.completes("/se") == ["/session"]
    assert await ann.completes("/re") == ["/reset", "/resume", "/redo", "/retry"]
    assert await ann.completes("/pai") == []
    ann.operator = True
    every = await ann.completes("/")
    assert len(every) == len(set(every)) == len({command.path[0] for command in COMMANDS})
    assert all(suggestion.hint for suggestion in await ann.sees("/"))


async def test_sub_commands_are_completed(ann: Person) -> None:
    """Behind a group its sub-commands follow, also in upper case and with a bot's name."""
    assert await ann.completes("/checkpoint ") == ["save", "list", "restore", "delete"]
    assert await ann.completes("/SESSION@bot sc") == ["scope"]
    assert await ann.completes("/session qqq") == []


async def test_choices_zones_and_off_are_completed(ann: Person) -> None:
    """Fixed words of a parameter are offered in their place."""
    assert await ann.completes("/session scope per-ch") == ["per-channel", "per-channel-peer"]
    assert await ann.completes("/session scope ch") == ["per-channel", "per-channel-peer"]
    assert await ann.completes("/history export ") == ["markdown", "json", "html", "text"]
    assert await ann.completes("/session idle-reset o") == ["off"]
    assert await ann.completes("/session reset-time 04:00 europe/berl") == ["Europe/Berlin"]
    assert await ann.completes("/session reset-time 04:00 berl") == ["Europe/Berlin"]
    assert await ann.completes("/incognito o") == ["on", "off"]


async def test_conversations_are_completed_by_id_and_title(ann: Person) -> None:
    """The id is put in; the title says which one it is, and any of its words finds it."""
    await ann.types("/new Trip to Rome")
    session = await ann.session()
    for typed in ("/session switch ", "/resume ro", f"/session delete {session.id[:3]}"):
        assert session.id in await ann.completes(typed)
    hints = [one.hint for one in await ann.sees("/resume ro")]
    assert hints == ["Trip to Rome, 0 messages"]


async def test_checkpoints_and_tags_are_completed_in_quotes(ann: Person) -> None:
    """Names with spaces come in quotes, so that they read back as they are."""
    await ann.types('/checkpoint save "before lunch"')
    await ann.types("/checkpoint save after")
    assert await ann.completes("/checkpoint restore ") == ["after", '"before lunch"']
    assert await ann.completes('/checkpoint restore "be') == ['"before lunch"']
    await ann.types('/session tag work "two words"')
    assert await ann.completes("/session untag work t") == ['"two words"']


async def test_help_completes_command_names(ann: Person) -> None:
    """Behind /help come the names of commands and of their sub-commands."""
    assert await ann.completes("/help che") == ["checkpoint"]
    assert await ann.completes("/help checkpoint s") == ["save"]
    assert await ann.completes("/help checkpoint save ") == []


async def test_nothing_is_suggested_where_nothing_fits(ann: Person) -> None:
    """Plain text, unknown commands, free text and surplus words have no completion."""
    for typed in ("", "hello", "/qqq ", "/new Tr", "/undo ", "/stop x", '/session tag "open x'):
        assert await ann.completes(typed) == [], typed


async def test_completing_begins_no_conversation(ann: Person) -> None:
    """Looking at what could be typed leaves no trace."""
    for typed in ("/checkpoint restore ", "/session untag ", "/session switch "):
        await ann.sees(typed)
    assert await ann.sessions.list_sessions(ann.address) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.sampled_from([" ", '"', "'", "\\", *(word for command in COMMANDS for word in command.path)]),
        ),
        max_size=6,
    )
)
async def test_completing_never_raises(pieces: list[str]) -> None:
    """Whatever stands before the cursor, suggestions come or do not come."""
    clock = ManualClock()
    async with manager(clock) as sessions:
        person = Person(sessions, clock)
        await person.sees("/" + "".join(pieces))
        await person.sees("/" + " ".join(pieces))
