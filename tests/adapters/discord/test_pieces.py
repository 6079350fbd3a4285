"""What needs no platform: how things are read, kept, cut and told apart."""

from __future__ import annotations

import json

import discord
import pytest
from aiohttp import ClientConnectionError
from hypothesis import given
from hypothesis import strategies as st

from adapters.courier import NotNow
from adapters.discord.arrival import Arrival
from adapters.discord.parsing import choices, shortened, typed_line, without_mention
from adapters.discord.parts import MOST_PIECES, Part, parts_of
from adapters.discord.place import Place
from adapters.discord.refusals import translated
from adapters.discord.seen import MOST, REMEMBERED, Seen
from adapters.discord.target import Target
from adapters.discord.ticket import Ticket
from adapters.discord.tree import Tree
from adapters.menu import MenuCommand, MenuOption, OptionKind
from adapters.reply import Choice, Document, Reply
from sessions.address import Address, ChatKind
from tests.adapters.discord.stage import MENU

LIMIT = 10 * 1024 * 1024


# -- reading -----------------------------------------------------------------------------------------


def test_the_name_of_the_bot_is_taken_out_and_nobody_elses() -> None:
    """Both forms of a mention go, with the blanks around them; line ends and other names stay."""
    assert without_mention("<@7> hello", 7) == "hello"
    assert without_mention("say <@!7> hello <@8>", 7) == "say hello <@8>"
    assert without_mention("<@7>\n/new", 7) == "/new"
    assert without_mention("<@77>", 7) == "<@77>"


def test_a_native_command_is_completed_as_it_would_be_typed() -> None:
    """The line is the path and what was typed so far."""
    assert typed_line(("session", "switch"), "tri") == "/session switch tri"


@given(st.lists(st.tuples(st.text(max_size=150), st.text(max_size=150)), max_size=40))
def test_whatever_is_suggested_discord_takes_it(found: list[tuple[str, str]]) -> None:
    """At most 25 choices, each with a name and a value of 1 to 100 characters, none of them twice."""
    made = choices(found)
    assert len(made) <= 25
    assert len({choice.value for choice in made}) == len(made)
    assert all(0 < len(choice.name) <= 100 and 0 < len(choice.value) <= 100 for choice in made)


@given(st.text(max_size=300), st.integers(1, 100))
def test_a_shortened_text_fits(text: str, most: int) -> None:
    """It has at most so many characters, and is whole if it fits."""
    assert len(shortened(text, most)) <= most
    assert len(text) > most or shortened(text, most) == text


# -- places and addresses ------------------------------------------------------------------------------


def test_every_place_has_an_address_of_its_own() -> None:
    """Direct chats, channels, threads and foreign places differ; in foreign ones each person is alone."""
    places = [
        Place(channel=1, direct=True),
        Place(channel=1, guild=9),
        Place(channel=2, guild=9, parent=1),
        Place(channel=1, guild=9, foreign=True),
    ]
    addresses = [place.address("5", 3) for place in places]
    assert len(set(addresses)) == 4
    assert [address.chat_kind for address in addresses] == [
        ChatKind.PRIVATE,
        ChatKind.GROUP,
        ChatKind.THREAD,
        ChatKind.PRIVATE,
    ]
    assert addresses[3].chat_id != places[3].address("5", 4).chat_id


@pytest.mark.parametrize(
    "place", [Place(channel=1, direct=True), Place(channel=1, guild=9), Place(channel=2, guild=9, parent=1)]
)
def test_what_is_sent_to_an_address_goes_where_it_came_from(place: Place) -> None:
    """A notice reaches the very channel or thread, and keeps apart what is direct."""
    target = Target.of(place.address("5", 3))
    assert (target.channel, target.person, target.direct) == (place.channel, 3, place.direct)


def test_an_address_that_is_none_of_discords_is_refused() -> None:
    """Ids that are no numbers raise, and reach nobody."""
    with pytest.raises(ValueError, match="ann"):
        Target.of(Address(platform="discord", account="1", chat_id="2", user_id="ann"))


# -- keeping -------------------------------------------------------------------------------------------

PLACES = st.builds(
    Place,
    channel=st.integers(1),
    guild=st.none() | st.integers(1),
    parent=st.none() | st.integers(1),
    direct=st.booleans(),
    foreign=st.booleans(),
)
TICKETS = st.none() | st.builds(Ticket, st.integers(1), st.text(min_size=1), st.integers(0))
PLAIN = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.builds(
        Arrival,
        name=PLAIN,
        place=PLACES,
        person=st.integers(1),
        author=PLAIN,
        text=PLAIN,
        message=st.none() | st.integers(1),
        edit=st.booleans(),
        path=st.lists(PLAIN, max_size=2).map(tuple),
        options=st.none() | st.dictionaries(PLAIN, PLAIN | st.integers()),
        ticket=TICKETS,
        answered=st.booleans(),
        ephemeral=st.booleans(),
        file_limit=st.none() | st.integers(1),
    )
)
def test_what_came_in_is_kept_as_it_was(arrival: Arrival) -> None:
    """Encoding and decoding change nothing, and what it aims at survives JSON as well."""
    assert Arrival.decode(arrival.encode()) == arrival
    target = arrival.target()
    kept = Target.decode(json.loads(json.dumps(dict(target.encode()))))
    assert kept == (target if target.ticket else Target.decode(target.encode()))


def test_a_ticket_holds_for_a_quarter_of_an_hour() -> None:
    """It is valid until shortly before its end."""
    ticket = Ticket(1, "token", 1_000_000)
    assert ticket.valid(1_000)
    assert ticket.valid(1_000 + 14 * 60)
    assert not ticket.valid(1_000 + 15 * 60)


# -- cutting -------------------------------------------------------------------------------------------


def test_files_and_buttons_come_with_the_last_part() -> None:
    """A text of two messages with a file and a button carries both on the second."""
    document = Document(name="a.md", content=b"x", media_type="text/markdown")
    choice = Choice(label="Yes", text="yes")
    reply = Reply(text="word " * 700, document=document, choices=(choice,))
    first, second = parts_of(reply, LIMIT)
    assert (first.documents, first.choices) == ((), ())
    assert (second.documents, second.choices) == ((document,), (choice,))


@pytest.mark.parametrize("blank", [" \n", "\u200b", "\u2060\u00a0", "\u3164"])
def test_a_reply_with_nothing_to_see_says_so(blank: str) -> None:
    """Discord takes no such message, and a person is to have an answer."""
    assert parts_of(Reply(text=blank), LIMIT) == [Part(text="There are no words in this answer.")]


def test_nothing_to_say_is_no_message() -> None:
    """An empty reply has no parts; one of a file alone or of buttons alone has one."""
    document = Document(name="a.md", content=b"x", media_type="text/markdown")
    assert parts_of(Reply(text=""), LIMIT) == []
    assert parts_of(Reply(text=" ", document=document), LIMIT) == [Part(text="", documents=(document,))]
    assert parts_of(Reply(text="", document=document), LIMIT) == [Part(text="", documents=(document,))]
    (part,) = parts_of(Reply(text="", choices=(Choice(label="a", text="b"),)), LIMIT)
    assert part.text


def test_a_reply_of_many_pieces_is_a_file_that_holds_all_of_it() -> None:
    """More than five messages become one with the whole text beside what else is sent."""
    text = "\n\n".join("paragraph " * 150 for _ in range(MOST_PIECES + 1))
    (part,) = parts_of(Reply(text=text), LIMIT)
    assert part.documents[0].content.decode() == text


def test_a_part_whose_files_are_refused_names_them() -> None:
    """What is sent without its files says which are missing."""
    document = Document(name="a.md", content=b"x", media_type="text/markdown")
    bare = Part(text="here", documents=(document,)).without_documents()
    assert bare.documents == ()
    assert bare.text.startswith("here\nThe file a.md")


# -- gaps ----------------------------------------------------------------------------------------------


def test_what_was_missed_is_missing_after_a_restart_as_well() -> None:
    """While a gap is open, what is noted is its beginning, whatever was read behind it."""
    seen = Seen()
    seen.handled(1, 9, 100, 50.0)
    seen.open(60.0)
    seen.handled(1, 9, 200, 61.0)
    again = Seen()
    again.load(seen.written("5"), "5")
    assert again.marks[1].last == 100
    del seen.gaps[1]
    again.load(seen.written("5"), "5")
    assert again.marks[1].last == 200


def test_only_channels_of_the_last_day_are_read_again() -> None:
    """A channel that is quiet for longer is left alone; so is one of another server."""
    seen = Seen()
    seen.handled(1, 9, 100, 0.0)
    seen.handled(2, None, 100, REMEMBERED)
    seen.handled(3, 8, 100, REMEMBERED)
    seen.open(REMEMBERED + 1, 8)
    assert seen.gaps == {3: 100}
    seen.open(REMEMBERED + 1)
    assert seen.gaps == {2: 100, 3: 100}


def test_the_note_of_what_was_read_stays_small() -> None:
    """The channels that were quiet longest are forgotten, and another account's note is nothing."""
    seen = Seen()
    for channel in range(MOST + 10):
        seen.handled(channel, 1 << 62, 1 << 62, 2e9)
    seen.read(MOST + 20, 5)
    assert sorted(seen.marks) == list(range(10, MOST + 10))
    assert len(json.dumps(seen.written("5"))) < 64 * 1024
    other = Seen()
    other.load(seen.written("5"), "6")
    assert other.marks == {}


# -- commands ------------------------------------------------------------------------------------------


async def ignore(*arguments: object) -> tuple[tuple[str, str], ...]:
    return ()


async def nothing(*arguments: object) -> None:
    pass


def tree(*menu: MenuCommand) -> Tree:
    client = discord.Client(intents=discord.Intents.none())
    return Tree(client, menu, invoke=nothing, complete=ignore)


async def test_the_menu_becomes_groups_and_typed_options() -> None:
    """Two words nest once; required options come first; operators' commands are hidden from everybody else."""
    made = tree(*MENU)
    said = {command.name: command.to_dict(made) for command in made.get_commands()}
    assert list(said) == ["new", "session", "history", "keys"]
    (switch,) = said["session"]["options"]
    assert [(one["name"], one["type"], one["required"]) for one in switch["options"]] == [
        ("which", 3, True),
        ("count", 4, False),
    ]
    assert switch["options"][0]["autocomplete"]
    assert (switch["options"][1]["min_value"], switch["options"][1]["max_value"]) == (1, 50)
    assert [one["value"] for one in said["history"]["options"][0]["options"][0]["choices"]] == ["markdown", "json"]
    assert said["keys"]["default_member_permissions"] == 0
    assert said["new"]["default_member_permissions"] is None
    assert said["new"]["contexts"] == [0, 1, 2]
    assert said["new"]["integration_types"] == [0, 1]


async def test_descriptions_are_cut_to_what_discord_takes() -> None:
    """A summary of more than 100 characters is shortened, for commands and options."""
    option = MenuOption(name="to-what", summary="y" * 200, kind=OptionKind.TEXT)
    made = tree(MenuCommand(path=("long",), summary="x" * 200, options=(option,)))
    said = made.get_commands()[0].to_dict(made)
    assert len(said["description"]) == 100
    assert (said["options"][0]["name"], len(said["options"][0]["description"])) == ("to-what", 100)


async def test_the_fingerprint_changes_with_the_menu_alone() -> None:
    """The same menu has the same one each time; another summary has another."""
    one, other = MenuCommand(path=("a",), summary="b"), MenuCommand(path=("a",), summary="c")
    assert tree(one).fingerprint() == tree(one).fingerprint()
    assert tree(one).fingerprint() != tree(other).fingerprint()


# -- errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ClientConnectionError(), OSError(), TimeoutError(), discord.RateLimited(61.0)])
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    """Broken connections and long rate limits are no end of an answer; a limit says how long it lasts."""
    with pytest.raises(NotNow) as caught, translated():
        raise error
    assert caught.value.after == (61.0 if isinstance(error, discord.RateLimited) else None)
