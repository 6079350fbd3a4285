"""palaver sessions delete and clean: what goes, and everything that keeps it from going by accident."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from bot.control import Answer
from bot.operator.deletion import Doomed, clean, erase
from sessions.address import ChatKind
from sessions.errors import InvalidValue
from sessions.manager import AT_ONCE, SessionManager
from sessions.message import JsonValue
from sessions.scope import Scope
from sessions.session import Status
from tests.bot.operator.conversations import ME, Quick, audited, begin, history, listed, telegram, within
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running


def shelf(shell: Shell) -> dict[str, str]:
    """Six conversations of three people, of different ages."""
    return {
        "ann old": begin(shell, telegram("1"), "a", "b", days_ago=90),
        "ann": begin(shell, telegram("1"), "c", days_ago=10),
        "bob old": begin(shell, telegram("2"), "d", days_ago=60),
        "bob": begin(shell, telegram("2"), "e", days_ago=1),
        "me old": begin(shell, ME, "f", title="Old", days_ago=45),
        "me": begin(shell, ME, "g"),
    }


def aged(shell: Shell) -> dict[str, str]:
    """Six conversations of six people; in each nothing happened since it was begun."""
    ages = {"eldest": 90, "elder": 60, "old": 45, "new": 10, "newer": 1}
    words = {"eldest": ("a", "b")}
    people = enumerate(ages.items(), 1)
    ids = {
        name: begin(shell, telegram(str(who)), *words.get(name, ("c",)), days_ago=days) for who, (name, days) in people
    }
    return ids | {"newest": begin(shell, ME, "g")}


def left(shell: Shell, all_of: dict[str, str]) -> set[str]:
    """Give the names of those that are still there."""
    there = listed(shell)
    return {name for name, ident in all_of.items() if ident in there}


def test_one_is_erased_by_the_beginning_of_its_id(shell: Shell, quick: Quick) -> None:
    """It is gone for good, and the audit tells who did it."""
    ids = shelf(shell)
    done = quick("sessions", "delete", ids["ann"][:9], "--yes")
    assert (done.code, done.out, done.err) == (0, "Deleted 1 session with 1 stored message.\n", "")
    assert left(shell, ids) == set(ids) - {"ann"}
    (entry, *_) = audited(shell)
    assert entry.kind == "erasure"
    assert entry.by is not None
    assert entry.by.startswith("shell:")


def test_several_are_erased_at_once(shell: Shell, quick: Quick) -> None:
    """One that is named twice counts once."""
    ids = shelf(shell)
    done = quick("sessions", "delete", ids["ann old"], ids["bob"], ids["ann old"][:8], "--force", "--json")
    assert json.loads(done.out) == {"sessions": 2, "messages": 3}
    assert left(shell, ids) == set(ids) - {"ann old", "bob"}


@pytest.mark.parametrize("strange", ["zzzzzzzzzzzz", "", "no such", "%"])
def test_if_one_is_not_there_none_is_erased(shell: Shell, quick: Quick, strange: str) -> None:
    """The error names it; with --yes as without."""
    ids = shelf(shell)
    done = quick("sessions", "delete", ids["ann"], strange, ids["bob"], "--yes")
    assert (done.code, done.out) == (1, "")
    assert strange in done.err
    assert left(shell, ids) == set(ids)


def test_an_ambiguous_beginning_erases_nothing(shell: Shell, quick: Quick) -> None:
    """The error names what it fits."""
    idents = [begin(shell, telegram(str(number)), "x") for number in range(40)]
    letter = next(one[0] for one in idents if sum(other[0] == one[0] for other in idents) > 1)
    done = quick("sessions", "delete", letter, "--yes")
    assert (done.code, done.out) == (1, "")
    assert f"{letter} fits" in done.err
    assert len(listed(shell)) == 40


@pytest.mark.parametrize(
    ("conditions", "gone"),
    [
        (["--older-than", "30d"], {"ann old", "bob old", "me old"}),
        (["--older-than", "75"], {"ann old"}),
        (["--status", "completed"], {"ann old", "bob old", "me old"}),
        (["--person", "telegram:1"], {"ann old", "ann"}),
        (["--person", "telegram:1", "--older-than", "30d"], {"ann old"}),
        (["--older-than", "50d", "--before", "2100-01-01"], {"ann old", "bob old"}),
        (["--before", "2001-01-01"], set()),
        (["--status", "active", "--person", "telegram:2"], {"bob"}),
        (["--person", "telegram:3"], set()),
        (["--all"], {"ann old", "ann", "bob old", "bob", "me old", "me"}),
    ],
)
def test_what_fits_every_condition_is_erased(shell: Shell, quick: Quick, conditions: list[str], gone: set[str]) -> None:
    """And nothing else; how many they were is printed."""
    ids = shelf(shell)
    done = quick("sessions", "delete", *conditions, "--yes")
    assert done.code == 0, done
    assert done.out.startswith(f"Deleted {len(gone)} session" if gone else "No session fits; nothing was deleted.")
    assert left(shell, ids) == set(ids) - gone


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "by their ids, or by conditions, or all"),
        (["--yes"], 2, "by their ids, or by conditions, or all"),
        (["{ann}", "--all", "--yes"], 2, "by their ids, or by conditions, or all"),
        (["{ann}", "--older-than", "1d", "--yes"], 2, "by their ids, or by conditions, or all"),
        (["--all", "--status", "active", "--yes"], 2, "by their ids, or by conditions, or all"),
        (["--all"], 1, "This erases 6 sessions with 7 stored messages for good. There is no terminal to ask at"),
        (["--all", "--confirm"], 1, "add --yes if you mean it"),
        (["--all", "--confirm", "--yes"], 2, "use only one of them"),
        (["--all", "--confirm", "--force"], 2, "use only one of them"),
        (["{ann}"], 1, "This erases 1 session with 1 stored message for good"),
        (["{ann}", "--confirm"], 1, "add --yes if you mean it"),
        (["--older-than", "30d"], 1, "This erases 3 sessions with 4 stored messages for good"),
        (["--older-than", "0", "--yes"], 1, "an age of 0 would be everything"),
        (["--older-than", "0d", "--yes"], 1, "an age of 0 would be everything"),
        (["--older-than", "", "--yes"], 1, "'' is not an age"),
        (["--older-than", "-1", "--yes"], 1, "'-1' is not an age"),
        (["--older-than", "30x", "--yes"], 1, "'30x' is not an age"),
        (["--before", "yesterday", "--yes"], 1, "'yesterday' is not a date"),
        (["--before", "", "--yes"], 1, "'' is not a date"),
        (["--status", "archived", "--yes"], 1, "active, paused, completed, error, expired"),
        (["--status", "", "--yes"], 1, "is no status"),
        (["--person", "", "--yes"], 1, "is no person"),
        (["--person", "telegram:ann", "--yes"], 1, "is no person"),
    ],
)
def test_what_is_not_clear_erases_nothing(
    shell: Shell, quick: Quick, arguments: list[str], code: int, words: str
) -> None:
    """Each refusal says why, and what to add or to write instead."""
    ids = shelf(shell)
    done = quick("sessions", "delete", *(one.format(**ids) for one in arguments))
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert left(shell, ids) == set(ids)


def test_at_a_terminal_it_asks_first(shell: Shell) -> None:
    """Enter alone is no; y erases as many as were named."""
    ids = shelf(shell)
    with at_terminal(shell, "sessions", "delete", "--person", "telegram:1") as terminal:
        terminal.shows("This erases 2 sessions with 3 stored messages for good. Go on? [y/N]")
        terminal.types("\r")
        terminal.shows("nothing was erased")
        assert terminal.ends() == 1
    assert left(shell, ids) == set(ids)
    with at_terminal(shell, "sessions", "delete", "--person", "telegram:1", "--confirm") as terminal:
        terminal.shows("Go on? [y/N]")
        terminal.types("y\r")
        terminal.shows("Deleted 2 sessions with 3 stored messages.")
        assert terminal.ends() == 0
    assert left(shell, ids) == set(ids) - {"ann", "ann old"}


def test_no_more_goes_than_was_said_yes_to(shell: Shell) -> None:
    """What comes to fit while the question stands is not touched, and what fits no longer stays."""
    ids = shelf(shell)
    with at_terminal(shell, "sessions", "delete", "--person", "telegram:1") as terminal:
        terminal.shows("This erases 2 sessions")
        ids["ann new"] = begin(shell, telegram("1"), "just now")
        terminal.types("y\r")
        terminal.shows("Deleted 2 sessions with 3 stored messages.")
        assert terminal.ends() == 0
    assert left(shell, ids) == set(ids) - {"ann", "ann old"}
    with at_terminal(shell, "sessions", "delete", "--older-than", "30d") as terminal:
        terminal.shows("This erases 2 sessions")

        async def say(sessions: SessionManager) -> None:
            await sessions.add_message(ids["bob old"], role="user", content="back again")

        within(shell, say)
        terminal.types("y\r")
        terminal.shows("Deleted 1 session with 1 stored message.")
        assert terminal.ends() == 0
    assert left(shell, ids) == {"ann new", "bob old", "bob", "me"}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"sessions": []},
        {"all": "yes"},
        {"all": False, "status": None},
        {"all": True, "status": "active"},
        {"until": True},
        {"until": "2026-01-01"},
        {"status": "archived"},
        {"all": True, "among": "everything"},
        {"all": True, "among": [1]},
    ],
)
def test_a_request_that_says_nothing_clear_erases_nothing(shell: Shell, request_: dict[str, JsonValue]) -> None:
    """The bot that runs refuses it, whoever wrote it."""
    ids = shelf(shell)

    async def work(sessions: SessionManager) -> None:
        with pytest.raises(InvalidValue):
            await erase(sessions, request_)

    within(shell, work)
    assert left(shell, ids) == set(ids)


@pytest.mark.parametrize("among", [[], ["zzzzzzzzzzzz"], ["{me}"], ["", "a", "b", "m"]])
def test_only_what_was_asked_about_is_erased(shell: Shell, among: list[str]) -> None:
    """Conditions alone erase nothing, nor does a beginning of an id, nor what does not fit."""
    ids = shelf(shell)
    named: list[JsonValue] = [one.format(**ids) for one in among]

    async def work(sessions: SessionManager) -> Answer:
        return await erase(sessions, {"person": "telegram:1", "among": named})

    if "" in among:
        with pytest.raises(InvalidValue):
            within(shell, work)
    else:
        assert within(shell, work) == {"sessions": 0, "messages": 0}
    assert left(shell, ids) == set(ids)


def test_what_is_to_be_erased_comes_through_as_it_was_said() -> None:
    """Writing it down and reading it gives the same; several ways at once are none."""
    for doomed in (
        Doomed(everything=True),
        Doomed(named=("a", "b")),
        Doomed(status=Status.ACTIVE, person="telegram:1"),
    ):
        assert Doomed.decode(doomed.encode()) == doomed
    with pytest.raises(InvalidValue):
        Doomed(named=("a",), everything=True)
    with pytest.raises(InvalidValue):
        Doomed()


def test_it_works_beside_a_running_bot(shell: Shell, quick: Quick) -> None:
    """The bot erases; what is erased can not be written to by it any more."""
    ids = shelf(shell)
    with running(shell):
        assert quick("sessions", "delete", ids["ann"], "zzzzzzzzzzzz", "--yes").code == 1
        assert left(shell, ids) == set(ids)
        assert quick("sessions", "delete", "--all").code == 1
        assert quick("sessions", "delete", "--person", "telegram:1", "--yes").out == (
            "Deleted 2 sessions with 3 stored messages.\n"
        )
        assert left(shell, ids) == set(ids) - {"ann", "ann old"}


def test_clean_works_beside_a_running_bot(shell: Shell, quick: Quick) -> None:
    """The bot erases, and looks itself at what is past its time."""
    ids = aged(shell)
    with running(shell):
        assert quick("sessions", "clean", "--older-than", "30d").code == 1
        assert left(shell, ids) == set(ids)
        done = quick("sessions", "clean", "--older-than", "30d", "--yes")
        assert done.out == "Deleted 3 sessions older than 30 days.\n"
    assert left(shell, ids) == {"new", "newer", "newest"}


def test_a_chat_that_holds_the_store_keeps_all(shell: Shell, quick: Quick) -> None:
    """That is exit code 75."""
    ids = shelf(shell)
    with shell.start("chat") as chat:
        chat.says("hello")
        chat.writes("hello")
        done = quick("sessions", "delete", "--all", "--yes")
    assert (done.code, done.out) == (75, "")
    assert left(shell, ids) == set(ids)


def test_a_fork_outlives_what_it_came_from(shell: Shell, quick: Quick) -> None:
    """It keeps what was said before it."""
    source = begin(shell, ME, "one", "two")
    fork = json.loads(quick("sessions", "fork", source, "--json").out)["id"]
    assert quick("sessions", "delete", source, "--yes").code == 0
    assert [message.content for message in history(shell, fork)] == ["one", "two"]


@pytest.mark.parametrize(
    ("age", "spoken"), [("30", "30 days"), ("30d", "30 days"), ("720h", "30 days"), ("31d", "31 days")]
)
def test_clean_erases_what_is_older(shell: Shell, quick: Quick, age: str, spoken: str) -> None:
    """In days with or without the letter; the number is printed."""
    ids = aged(shell)
    dry = quick("sessions", "clean", "--older-than", age, "--dry-run")
    assert dry.out == f"Would delete 3 sessions with 4 stored messages older than {spoken}.\n"
    assert left(shell, ids) == set(ids)
    done = quick("sessions", "clean", "--older-than", age, "--yes")
    assert (done.code, done.out, done.err) == (0, f"Deleted 3 sessions older than {spoken}.\n", "")
    assert left(shell, ids) == {"new", "newer", "newest"}
    again = quick("sessions", "clean", "--older-than", age, "--yes")
    assert (again.code, again.out) == (0, f"No session is older than {spoken}; there is nothing to clean.\n")


def test_clean_takes_the_age_from_the_settings(shell: Shell, quick: Quick) -> None:
    """That is sessions.retention_days; 0, the default, keeps for ever and says so."""
    ids = aged(shell)
    done = quick("sessions", "clean", "--yes")
    assert done.code == 0
    assert "kept for ever: sessions.retention_days is 0, so nothing was deleted" in done.out
    assert left(shell, ids) == set(ids)
    done = quick("sessions", "clean", "--yes", PALAVER_SESSIONS__RETENTION_DAYS="50")
    assert done.out == "Deleted 2 sessions older than 50 days.\n"
    assert left(shell, ids) == set(ids) - {"eldest", "elder"}


@pytest.mark.parametrize("age", ["0", "0d", "0h", "00"])
def test_clean_keeps_for_ever_at_zero(shell: Shell, quick: Quick, age: str) -> None:
    """It does not fall back to the settings, either."""
    ids = aged(shell)
    done = quick("sessions", "clean", "--older-than", age, "--yes", PALAVER_SESSIONS__RETENTION_DAYS="30")
    assert done.code == 0
    assert "kept for ever, so nothing was deleted" in done.out
    assert left(shell, ids) == set(ids)


@pytest.mark.parametrize(
    "age", ["30x", "x", "-1", "", " ", "3.5d", "1e3", "0x10", "d", "30 d d", "9" * 12, "٣٠", "--yes"]
)
def test_clean_refuses_junk(shell: Shell, quick: Quick, age: str) -> None:
    """It does not fall back to the settings, nor read a part of it."""
    ids = aged(shell)
    done = quick("sessions", "clean", "--older-than", age, "--yes", PALAVER_SESSIONS__RETENTION_DAYS="1")
    assert (done.code, done.out) == (1, "")
    assert "age" in done.err
    assert left(shell, ids) == set(ids)


def test_clean_asks_first(shell: Shell, quick: Quick) -> None:
    """Without a terminal it says what to add."""
    ids = aged(shell)
    done = quick("sessions", "clean", "--older-than", "30d")
    assert (done.code, done.out) == (1, "")
    assert "This erases 3 sessions with 4 stored messages older than 30 days for good" in done.err
    assert "add --yes" in done.err
    with at_terminal(shell, "sessions", "clean", "--older-than", "30d") as terminal:
        terminal.shows("Go on? [y/N]")
        terminal.types("n\r")
        assert terminal.ends() == 1
    assert left(shell, ids) == set(ids)


def test_clean_shows_how_far_it_is(shell: Shell) -> None:
    """At a terminal, as all long work does; and no more goes than was said yes to."""
    ids = aged(shell)
    with at_terminal(shell, "sessions", "clean", "--older-than", "30d") as terminal:
        terminal.shows("This erases 3 sessions with 4 stored messages older than 30 days for good. Go on? [y/N]")

        async def say(sessions: SessionManager) -> None:
            await sessions.save_checkpoint(ids["elder"], name="keep this")

        within(shell, say, days_ago=60)
        ids["late"] = begin(shell, telegram("77"), "x", days_ago=90)
        terminal.types("y\r")
        terminal.shows("of 3 sessions looked at")
        terminal.shows("Deleted 2 sessions older than 30 days.")
        assert terminal.ends() == 0
    assert left(shell, ids) == {"elder", "late", "new", "newer", "newest"}


@pytest.mark.parametrize("among", [[], ["zzzzzzzzzzzz"], ["{newest}"]])
def test_cleaning_takes_only_what_was_asked_about(shell: Shell, among: list[str]) -> None:
    """What is not old stays though it is named, and what is old stays though it is not."""
    ids = aged(shell)
    named: list[JsonValue] = [one.format(**ids) for one in among]

    async def work(sessions: SessionManager) -> Answer:
        return await clean(sessions, {"seconds": 30 * 86_400, "among": named})

    assert within(shell, work) == {"sessions": 0}
    assert left(shell, ids) == set(ids)


def test_clean_keeps_what_has_checkpoints_unless_told(shell: Shell, quick: Quick) -> None:
    """--no-keep-checkpoints erases those as well."""
    ids = aged(shell)

    async def mark(sessions: SessionManager) -> None:
        await sessions.save_checkpoint(ids["elder"], name="keep this")

    within(shell, mark, days_ago=60)
    assert quick("sessions", "clean", "--older-than", "30d", "--yes").out == "Deleted 2 sessions older than 30 days.\n"
    assert "elder" in left(shell, ids)
    done = quick("sessions", "clean", "--older-than", "30d", "--no-keep-checkpoints", "--yes")
    assert done.out == "Deleted 1 session older than 30 days.\n"
    assert left(shell, ids) == {"new", "newer", "newest"}


def test_clean_erases_more_than_goes_at_once(shell: Shell, quick: Quick) -> None:
    """A fork and what it came from go both, though they do not go together; so with delete."""

    async def fill(sessions: SessionManager) -> None:
        source = await sessions.new_session(telegram("1"))
        await sessions.add_message(source.id, role="user", content="hello")
        for number in range(AT_ONCE):
            await sessions.new_session(telegram(f"9{number}"))
        await sessions.fork(source.id, aside=True)

    within(shell, fill, days_ago=60)
    done = quick("sessions", "clean", "--older-than", "30d", "--yes")
    assert done.out == f"Deleted {AT_ONCE + 2} sessions older than 30 days.\n"
    assert not listed(shell)
    within(shell, fill, days_ago=60)
    done = quick("sessions", "delete", "--older-than", "30d", "--yes", "--json")
    assert json.loads(done.out)["sessions"] == AT_ONCE + 2
    assert not listed(shell)


def test_where_nothing_was_stored_there_is_nothing_to_erase(shell: Shell, quick: Quick) -> None:
    """Nothing is made by asking."""
    assert quick("sessions", "delete", "abc", "--yes").code == 1
    assert quick("sessions", "delete", "--all", "--yes").out == "No session fits; nothing was deleted.\n"
    assert "nothing to clean" in quick("sessions", "clean", "--older-than", "30", "--yes").out
    assert not shell.home.exists()


def test_nothing_of_it_is_left_in_the_files(shell: Shell, quick: Quick) -> None:
    """The wrapped key goes with the rows; the bytes of the record are nowhere."""
    ident = begin(shell, telegram("1"), "hello")
    assert quick("sessions", "delete", ident, "--yes").code == 0

    def bytes_of(path: Path) -> bytes:
        return path.read_bytes()

    for path in (path for path in shell.home.iterdir() if path.is_file()):
        assert ident.encode() not in bytes_of(path)


def test_a_damaged_conversation_goes_only_by_name_or_with_all(shell: Shell, quick: Quick) -> None:
    """Its times and status may be just what was changed."""
    ids = shelf(shell)
    with closing(sqlite3.connect(shell.home / "palaver.db")) as store, store:
        store.execute("UPDATE session SET mac = zeroblob(32) WHERE id = ?", (ids["ann old"],))
    assert quick("sessions", "delete", "--older-than", "75d", "--yes").out.startswith("No session fits")
    assert quick("sessions", "delete", ids["ann old"], "--yes").code == 0
    assert left(shell, ids) == set(ids) - {"ann old"}


def a_group(shell: Shell) -> str:
    """Have a conversation of a group that person 1 began and person 2 spoke in."""

    async def work(sessions: SessionManager) -> str:
        here = replace(telegram("1"), chat_id="-100", chat_kind=ChatKind.GROUP)
        there = replace(here, user_id="2")
        for one in (here, there):
            await sessions.set_scope(one, Scope.PER_CHANNEL)
        session = await sessions.get_or_create_session(here)
        assert (await sessions.get_or_create_session(there)).id == session.id
        await sessions.add_message(session.id, role="user", content="everybody's")
        return session.id

    return within(shell, work)


@pytest.mark.parametrize("beside_a_bot", [False, True])
def test_what_others_share_stays_unless_it_is_asked_for(shell: Shell, quick: Quick, beside_a_bot: bool) -> None:
    """A group's conversation is not of the person who began it; the question says how many stay or go."""
    ids = shelf(shell) | {"group": a_group(shell)}
    with running(shell) if beside_a_bot else nullcontext():
        asked = quick("sessions", "delete", "--person", "telegram:1")
        assert "This erases 2 sessions with 3 stored messages for good; 1 more that others share stays" in asked.err
        assert "--shared" in asked.err
        done = quick("sessions", "delete", "--person", "telegram:1", "--yes")
        stays = "1 more that others share stays; --shared takes it too.\n"
        assert done.out == f"Deleted 2 sessions with 3 stored messages. {stays}"
        assert left(shell, ids) == set(ids) - {"ann", "ann old"}
        again = quick("sessions", "delete", "--person", "telegram:1", "--yes")
        assert "No session fits; nothing was deleted. 1 more that others share stays" in again.out
        asked = quick("sessions", "delete", "--person", "telegram:1", "--shared")
        assert "This erases 1 session with 1 stored message, 1 of them shared with others, for good" in asked.err
        assert quick("sessions", "delete", "--person", "telegram:1", "--shared", "--yes").code == 0
    assert left(shell, ids) == {"bob old", "bob", "me old", "me"}


def test_what_is_shared_is_counted_however_it_is_chosen(shell: Shell, quick: Quick) -> None:
    """By its id and with all; --shared alone chooses nothing."""
    group = a_group(shell)
    begin(shell, ME, "mine")
    asked = quick("sessions", "delete", group)
    assert "This erases 1 session with 1 stored message, 1 of them shared with others, for good" in asked.err
    asked = quick("sessions", "delete", "--all")
    assert "This erases 2 sessions with 2 stored messages, 1 of them shared with others, for good" in asked.err
    for arguments in (["--shared"], ["--shared", "--all"], [group, "--shared"]):
        done = quick("sessions", "delete", *arguments, "--yes")
        assert (done.code, done.out) == (2, "")
    assert len(listed(shell)) == 2
