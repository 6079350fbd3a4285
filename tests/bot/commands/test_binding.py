"""From what stands behind a command to typed values."""

from __future__ import annotations

import contextlib
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reply import Reply
from bot.commands.binding import Misuse, bind, zones
from bot.commands.command import Command, Kind, Parameter, Topic
from bot.commands.context import Context
from bot.commands.grammar import UnclosedQuote
from bot.commands.parameters import Parameters
from bot.commands.table import COMMANDS


async def _nothing(context: Context, parameters: Parameters) -> Reply:
    return Reply(text="done")


def taking(*parameters: Parameter) -> Command:
    """Make a command that takes these parameters."""
    return Command(
        path=("try",), summary="Try", topic=Topic.MODEL, handler=_nothing, example="/try it", parameters=parameters
    )


NAME = Parameter(name="name", kind=Kind.TEXT, summary="a name", required=True)
ABOUT = Parameter(name="about", kind=Kind.REST, summary="what it is about")
COUNT = Parameter(name="n", kind=Kind.INTEGER, summary="how many", maximum=50)
FORM = Parameter(
    name="form", kind=Kind.CHOICE, summary="a form", choices=("markdown", "json"), also=(("md", "markdown"),)
)
AT = Parameter(name="at", kind=Kind.TIME, summary="a time", required=True, off=True)
ZONE = Parameter(name="zone", kind=Kind.ZONE, summary="a zone")
TAGS = Parameter(name="tags", kind=Kind.TAGS, summary="one or more tags", required=True)
WHICH = Parameter(name="which", kind=Kind.SESSION, summary="which conversation", required=True)
MINUTES = Parameter(name="minutes", kind=Kind.INTEGER, summary="minutes", required=True, off=True, maximum=60)


def test_words_and_rest_are_told_apart() -> None:
    """A quoted name is one word; the description is the rest as it was typed."""
    bound = bind(taking(NAME, ABOUT), '"before the change" all  tests "pass"')
    assert bound.text("name") == "before the change"
    assert bound.text("about") == 'all  tests "pass"'


def test_what_is_left_out_is_absent() -> None:
    """An optional parameter that was not given is empty and says so."""
    bound = bind(taking(NAME, ABOUT, COUNT), "x")
    assert "about" not in bound
    assert bound.text("about") == ""
    assert bound.number("n", 7) == 7


def test_a_missing_argument_shows_the_usage() -> None:
    """What is missing is named, with usage and an example."""
    with pytest.raises(Misuse) as caught:
        bind(taking(NAME), "")
    assert "needs a name" in str(caught.value)
    assert "Usage: `/try <name>`" in str(caught.value)
    assert "For example: `/try it`" in str(caught.value)


def test_a_surplus_argument_shows_the_usage() -> None:
    """What is left over is named, with the usage."""
    with pytest.raises(Misuse, match="takes no more, so `too much` is left over"):
        bind(taking(NAME), "x too much")
    with pytest.raises(Misuse, match="takes nothing, so `x` is left over"):
        bind(taking(), "x")


@pytest.mark.parametrize(("given", "number"), [("1", 1), ("50", 50), ("007", 7)])
def test_numbers_within_bounds_are_read(given: str, number: int) -> None:
    """Whole numbers between the bounds are taken."""
    assert bind(taking(COUNT), given).number("n", 0) == number


@pytest.mark.parametrize("given", ["0", "51", "-1", "1.5", "five", "1_0", "٣", "²", "9" * 5000, '""'])
def test_other_numbers_are_refused_with_the_bounds(given: str) -> None:
    """Everything else says which numbers are allowed."""
    with pytest.raises(Misuse, match="from 1 to 50"):
        bind(taking(COUNT), given)


@pytest.mark.parametrize(("given", "form"), [("json", "json"), ("JSON", "json"), ("md", "markdown")])
def test_choices_are_read(given: str, form: str) -> None:
    """A choice is taken in any case and in its other spellings."""
    assert bind(taking(FORM), given).text("form") == form


def test_an_unknown_choice_says_what_is_allowed() -> None:
    """A choice that does not exist lists the others and the nearest."""
    with pytest.raises(Misuse, match=r"one of `markdown`, `json`\. Did you mean `json`\?"):
        bind(taking(FORM), "jsn")


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("04:00", time(4)),
        ("4:05", time(4, 5)),
        ("4", time(4)),
        ("23.59", time(23, 59)),
        ("4pm", time(16)),
        ("12AM", time(0)),
        ("12pm", time(12)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_times_are_read(given: str, at: time | None) -> None:
    """A time of day is read as people write it; off is None."""
    bound = bind(taking(AT), given)
    assert "at" in bound
    assert bound.time_or_off("at") == at


@pytest.mark.parametrize("given", ["24:00", "4:60", "13pm", "0am", "noon", "4:5", "\u0664:\u0660\u0660", "04:00:00"])
def test_other_times_are_refused(given: str) -> None:
    """What is no time of day says what one is, and that off is allowed."""
    with pytest.raises(Misuse, match="from 00:00 to 23:59, or `off`"):
        bind(taking(AT), given)


@pytest.mark.parametrize(
    ("given", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ('"new york"', "America/New_York"),
        ("utc", "UTC"),
        ("etc/utc", "UTC"),
    ],
)
def test_zones_are_read(given: str, zone: str) -> None:
    """A zone is found by its name in any case, or by its city."""
    assert bind(taking(ZONE), given).text("zone") == zone


@pytest.mark.parametrize("given", ["Europe/Berln", "../../etc/passwd", "Moon", "/UTC"])
def test_other_zones_are_refused(given: str) -> None:
    """What is no zone says how a zone is named."""
    with pytest.raises(Misuse, match="Europe/Berlin"):
        bind(taking(ZONE), given)


def test_every_zone_is_known_by_its_own_name() -> None:
    """A city of the same name never hides a zone."""
    assert all(name.lower() == short or "/" in name for short, name in zones().items())
    assert zones()["utc"] == "UTC"


@pytest.mark.parametrize("given", ["work italy", "#work, #italy", 'work "italy" work', "work,italy,"])
def test_tags_are_read(given: str) -> None:
    """Tags may have commas and hashes; each counts once."""
    assert bind(taking(TAGS), given).words("tags") == ("work", "italy")


@pytest.mark.parametrize("given", ["#", ",", '""'])
def test_empty_tags_are_refused(given: str) -> None:
    """A line without any tag is not a list of tags."""
    with pytest.raises(Misuse, match="no tag"):
        bind(taking(TAGS), given)


def test_references_need_no_quotes() -> None:
    """A title reaches to the end of the line, quoted or not."""
    assert bind(taking(WHICH), "Trip to Rome").text("which") == "Trip to Rome"
    assert bind(taking(WHICH), "“Trip to Rome”").text("which") == "Trip to Rome"


def test_an_empty_reference_is_refused() -> None:
    """Empty quotes refer to nothing."""
    with pytest.raises(Misuse, match="must not be empty"):
        bind(taking(WHICH), '""')


def test_off_is_a_number_only_where_it_is_allowed() -> None:
    """The word off is None for a parameter that can be switched off, and a mistake for others."""
    assert bind(taking(MINUTES), "off").number_or_off("minutes") is None
    with pytest.raises(Misuse):
        bind(taking(COUNT), "off")


def test_reading_a_value_as_another_type_is_a_mistake() -> None:
    """A handler that reads a number as a text is told at once."""
    with pytest.raises(TypeError, match="minutes is int, not str"):
        bind(taking(MINUTES), "5").text("minutes")


@given(st.sampled_from(COMMANDS), st.text(max_size=40))
def test_nothing_raises_but_clear_errors(command: Command, line: str) -> None:
    """Any input to any command of the table is read, or refused with one of two errors."""
    with contextlib.suppress(Misuse, UnclosedQuote):
        bind(command, line.strip())
