"""palaver sessions rename, tag, untag, meta, pause, complete, archive: also beside a running bot."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from sessions.session import Status
from tests.bot.operator.conversations import ME, Quick, audited, begin, listed, telegram
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running


def test_a_title_is_changed(shell: Shell, quick: Quick) -> None:
    """By id or the beginning of it, whoever it belongs to; it is kept as it is shown."""
    theirs = begin(shell, telegram("42"), "hello")
    done = quick("sessions", "rename", theirs[:8], "OAuth \x1b[31m 2.0 ünï")
    assert (done.code, done.out, done.err) == (0, f"Session {theirs} is called OAuth [31m 2.0 ünï now.\n", "")
    assert listed(shell)[theirs].session.title == "OAuth [31m 2.0 ünï"


@pytest.mark.parametrize("title", ["", "  ", "\u200b", "x" * 201])
def test_a_title_has_to_be_one(shell: Shell, quick: Quick, title: str) -> None:
    """Nothing, blanks and what is too long leave the old one."""
    ident = begin(shell, ME, title="Old")
    done = quick("sessions", "rename", ident, title)
    assert (done.code, done.out) == (1, "")
    assert "a title" in done.err
    assert listed(shell)[ident].session.title == "Old"


def test_tags_come_and_go(shell: Shell, quick: Quick) -> None:
    """Each is there once, whatever its case; taking off one that is not there is said."""
    ident = begin(shell, ME, "hello")
    assert quick("sessions", "tag", ident, "go", "api", "GO").lines == [f"Session {ident} has the tags: go, api"]
    assert quick("sessions", "tag", ident, "Go", "jwt").lines == [f"Session {ident} has the tags: go, api, jwt"]
    done = quick("sessions", "untag", ident, "API", "never")
    assert (done.code, done.lines) == (1, [f"Session {ident} has the tags: go, jwt"])
    assert "no tag never" in done.err
    assert quick("sessions", "untag", ident, "go", "jwt").lines == [f"Session {ident} has the tags: (none)"]
    assert listed(shell)[ident].session.tags == ()
    assert quick("sessions", "tag", ident, "x" * 51).code == 1


def test_metadata_is_kept_as_text_unless_it_is_json(shell: Shell, quick: Quick) -> None:
    """What looks like a number stays what was typed, and comes back so in a pipe."""
    ident = begin(shell, ME, "hello", title="Plans")
    quick("sessions", "tag", ident, "go")
    for key, value in (("project", "backend-service"), ("priority", "5"), ("archived", "true"), ("empty", "")):
        assert quick("sessions", "meta", ident, key, value).code == 0
    assert quick("sessions", "meta", ident, "--json-value", "points", "5").code == 0
    assert quick("sessions", "meta", ident, "priority").out == "5\n"
    assert quick("sessions", "meta", ident).lines == [
        "Title: Plans",
        "Tags: go",
        "project: backend-service",
        "priority: 5",
        "archived: true",
        "empty: ",
        "points: 5",
    ]
    assert json.loads(quick("sessions", "meta", ident, "--json").out) == {
        "project": "backend-service",
        "priority": "5",
        "archived": "true",
        "empty": "",
        "points": 5,
    }


def test_metadata_is_removed(shell: Shell, quick: Quick) -> None:
    """A name that is not there is an error, and then nothing is removed."""
    ident = begin(shell, ME, "hello")
    for key in ("one", "two"):
        quick("sessions", "meta", ident, key, "x")
    done = quick("sessions", "meta", ident, "--unset", "one", "--unset", "three")
    assert (done.code, done.out, done.err) == (1, "", "palaver: no such metadata: three\n")
    assert set(listed(shell)[ident].session.metadata) == {"one", "two"}
    assert quick("sessions", "meta", ident, "--unset", "one").code == 0
    assert set(listed(shell)[ident].session.metadata) == {"two"}
    assert quick("sessions", "meta", ident, "one").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["key", "{", "--json-value"], 1, "'{' is not JSON"),
        (["key", "--json-value"], 2, "--json-value needs"),
        (["a\nb", "x"], 1, "a name in metadata"),
        (["", "x"], 1, "a name in metadata"),
        (["key", "x" * 70_000], 1, "too long"),
        (["key", "--unset", "key"], 2, "--unset"),
    ],
)
def test_metadata_that_is_none_is_refused(
    shell: Shell, quick: Quick, arguments: list[str], code: int, words: str
) -> None:
    """It says what is wrong, and nothing is changed."""
    ident = begin(shell, ME, "hello")
    done = quick("sessions", "meta", ident, *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert not listed(shell)[ident].session.metadata


def test_a_status_is_really_set(shell: Shell, quick: Quick) -> None:
    """What was current is not any more, so the next message begins another; saying it twice is said."""
    ident = begin(shell, ME, "hello")
    assert quick("sessions", "pause", ident).out == (
        f"Session {ident} is paused now; it was active. The next message begins a new one.\n"
    )
    assert quick("sessions", "pause", ident[:6]).out == f"Session {ident} is paused already.\n"
    assert quick("sessions", "complete", ident).out == f"Session {ident} is archived now; it was paused.\n"
    assert quick("sessions", "archive", ident).out == f"Session {ident} is archived already (completed).\n"
    assert listed(shell)[ident].session.status is Status.COMPLETED
    shell.chat("another")
    (other,) = set(listed(shell)) - {ident}
    assert listed(shell)[other].session.status is Status.ACTIVE


def test_the_audit_tells_of_each_change_of_a_status(shell: Shell, quick: Quick) -> None:
    """With what it was; archiving the current one is a reset by another name, archiving one set aside is not."""
    ident = begin(shell, ME, "hello")
    for verb in ("archive", "archive", "pause", "archive"):
        quick("sessions", verb, ident)
    entries = audited(shell)
    assert [(entry.kind, entry.about.get("how")) for entry in entries] == [
        ("status", None),
        ("status", None),
        ("reset", "archive"),
    ]
    told = [(entry.about["session"], entry.about["before"], entry.about["after"]) for entry in entries]
    assert told == [(ident, "paused", "completed"), (ident, "completed", "paused"), (ident, "active", "completed")]
    assert all(entry.by is not None and entry.by.startswith("shell:") for entry in entries)


def test_of_several_all_change_or_none(shell: Shell, quick: Quick) -> None:
    """One that is not there keeps the others from being changed."""
    first, second = begin(shell, telegram("1"), "a"), begin(shell, telegram("2"), "b")
    done = quick("sessions", "pause", first, "zzzzzzzzzzzz", second)
    assert (done.code, done.out, done.err) == (1, "", "palaver: no such session: zzzzzzzzzzzz\n")
    assert {one.session.status for one in listed(shell).values()} == {Status.ACTIVE}
    assert len(quick("sessions", "pause", first, second, first[:7]).lines) == 2
    assert {one.session.status for one in listed(shell).values()} == {Status.PAUSED}


def test_all_of_it_works_beside_a_running_bot(shell: Shell) -> None:
    """The bot does it, and knows of it at once."""
    ident = begin(shell, telegram("42"), "hello")
    with running(shell):
        assert shell.run("sessions", "rename", ident, "New").code == 0
        assert shell.run("sessions", "tag", ident, "x").code == 0
        assert shell.run("sessions", "meta", ident, "key", "value").code == 0
        assert shell.run("sessions", "meta", ident, "key").out == "value\n"
        assert "is archived now" in shell.run("sessions", "archive", ident).out
        assert shell.run("sessions", "pause", "zzzzzzzzzzzz").code == 1
    session = listed(shell)[ident].session
    assert (session.title, session.tags, dict(session.metadata), session.status) == (
        "New",
        ("x",),
        {"key": "value"},
        Status.COMPLETED,
    )


def test_a_chat_that_holds_the_store_keeps_it_from_being_changed(shell: Shell) -> None:
    """That is exit code 75, and says who holds it."""
    ident = begin(shell, ME, "hello", title="Old")
    with shell.start("chat") as chat:
        chat.says("hello")
        chat.writes("hello")
        done = shell.run("sessions", "rename", ident, "New")
    assert (done.code, done.out) == (75, "")
    assert "is held by process" in done.err
    assert listed(shell)[ident].session.title == "Old"


@pytest.mark.parametrize(
    "arguments",
    [
        ["rename", "abc", "T"],
        ["tag", "abc", "t"],
        ["untag", "abc", "t"],
        ["meta", "abc"],
        ["pause", "abc"],
        ["fork", "abc"],
    ],
)
def test_what_is_not_there_is_not_found(shell: Shell, quick: Quick, arguments: list[str]) -> None:
    """Where nothing was ever stored nothing is made, either."""
    done = quick("sessions", *arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("palaver: there is no store yet")
    assert not shell.home.exists()


@pytest.mark.parametrize(
    "command",
    ["create", "rename", "tag", "untag", "meta", "fork", "pause", "complete", "archive", "resume", "delete", "clean"],
)
def test_each_explains_itself_with_an_example(shell: Shell, quick: Quick, command: str) -> None:
    """--help ends with a line that can be copied."""
    done = quick("sessions", command, "--help")
    assert done.code == 0
    assert "Example: palaver " in done.out


def test_a_damaged_conversation_is_not_changed(shell: Shell, quick: Quick) -> None:
    """That is exit code 4; the others named beside it stay as they are."""
    damaged, whole = begin(shell, telegram("1"), "a", title="Old"), begin(shell, telegram("2"), "b")
    with closing(sqlite3.connect(shell.home / "palaver.db")) as store, store:
        store.execute("UPDATE session SET mac = zeroblob(32) WHERE id = ?", (damaged,))
    for arguments in (["rename", damaged, "New"], ["tag", damaged, "x"], ["pause", whole, damaged], ["fork", damaged]):
        done = quick("sessions", *arguments)
        assert (done.code, done.out) == (4, "")
        assert "can not be verified" in done.err
    assert listed(shell)[whole].session.status is Status.ACTIVE
    assert len(listed(shell)) == 2


@pytest.mark.parametrize(
    "arguments", [["rename", "{}", "a\udcffb"], ["tag", "{}", "a\udcff"], ["meta", "{}", "k", "\udcff"]]
)
def test_half_a_character_is_refused_in_words(shell: Shell, quick: Quick, arguments: list[str]) -> None:
    """What could never be stored or shown does not get as far as the store."""
    ident = begin(shell, ME, "hello")
    done = quick("sessions", *(one.format(ident) for one in arguments))
    assert (done.code, done.out) == (1, "")
    assert "half a character" in done.err


def test_json_holds_nothing_that_a_terminal_acts_on(shell: Shell, quick: Quick) -> None:
    """Whoever wrote the metadata; it reads back as it was written."""
    ident = begin(shell, ME, "one")
    sly = "a\x9b31m\x7f\u2028b"
    assert quick("sessions", "meta", ident, "note", sly).code == 0
    for done in (quick("sessions", "meta", ident, "--json"), quick("sessions", "meta", ident, "note", "--json")):
        assert set(done.out) - {"\n"} <= set(map(chr, range(32, 127)))
        assert sly in (json.loads(done.out), *(json.loads(done.out).values() if done.out.startswith("{") else ()))
