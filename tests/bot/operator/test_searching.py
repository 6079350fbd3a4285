"""palaver sessions search: all words, everywhere, at once."""

from __future__ import annotations

import json
import signal
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from sessions.manager import SessionManager
from sessions.operator_search import PAGE
from tests.bot.operator.conversations import Quick, audited, begin, telegram, within
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import Done, Shell

TEXTS = (
    'he said "hello" AND left',
    "a AND (b OR c) NOT d* NEAR/2 -e; DROP TABLE x",
    "日本語で話す",
    "👩‍👩‍👧 family 🎉",
    "STRASSE und Straße",
    "x",
    "50% off_now \\ path",
)


@pytest.fixture
def texts(shell: Shell) -> list[str]:
    """One conversation for each text, the last one newest."""
    return [
        begin(shell, telegram(str(number)), text, days_ago=len(TEXTS) - number) for number, text in enumerate(TEXTS)
    ]


def found(done: Done) -> list[str]:
    assert done.code == 0, done
    return [line.split()[0] for line in done.lines if not line.startswith(" ")]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (['"hello"'], [0]),
        (["AND"], [1, 0]),
        (["and", "LEFT"], [0]),
        (["left hello"], [0]),
        (["NEAR/2"], [1]),
        (["--", "-e;"], [1]),
        (["(b"], [1]),
        (["d*"], [1]),
        (["本語"], [2]),
        (["🎉"], [3]),
        (["👩‍👩‍👧"], [3]),
        (["straße"], [4]),
        (["strasse"], [4]),
        (["x"], [5, 1]),
        (["%"], [6]),
        (["f_n"], [6]),
        (["\\"], [6]),
        (["nowhere"], []),
        (["日本語", "hello"], []),
    ],
)
def test_words_are_words(texts: list[str], quick: Quick, words: Sequence[str], numbers: list[int]) -> None:
    """Quotes, operators, emoji, other scripts and single letters mean themselves; all must be there, newest first."""
    assert found(quick("sessions", "search", *words)) == [texts[number] for number in numbers]


def test_a_hit_tells_where_it_is(shell: Shell, quick: Quick) -> None:
    """Id, time, person, role and number, title, and the words marked in what is around them, safe to show."""
    session_id = begin(shell, telegram("42"), "first", f"{'a ' * 100}the \x1b[31mKEY\x9b is blue", title="Colours")
    done = quick("sessions", "search", "key")
    head, snippet = done.lines
    assert head.split()[0] == session_id
    assert head.endswith("telegram:42  user 2  Colours")
    assert snippet.startswith("  … a a ")
    assert snippet.endswith("the ␛[31m«KEY»\ufffd is blue")


def test_conditions_hold(texts: list[str], shell: Shell, quick: Quick) -> None:
    """Provider and person are those of the conversation, dates those of the message, each alone."""

    def search(*options: str) -> list[str]:
        return found(quick("sessions", "search", "a", *options))

    every = search()
    assert search("--provider", "echo") == every
    assert search("--provider", "openai") == []
    assert search("--person", "telegram:0") == [texts[0]]
    day = json.loads(quick("sessions", "search", "AND", "--json").out)[0]["created_at"][:10]
    assert texts[0] not in search("--since", day)
    assert texts[1] in search("--since", day)
    assert search("--until", day) == [texts[1], texts[0]]
    limited = quick("sessions", "search", "a", "-n", "1")
    assert found(limited) == every[:1]
    assert "there may be more" in limited.err


def test_what_is_archived_is_found_and_what_is_erased_is_not(shell: Shell, quick: Quick) -> None:
    """Also what a fork reads in the conversation it came from, and nothing that was taken back."""
    old = begin(shell, telegram("1"), "teal old")
    begin(shell, telegram("1"), "new one")  # archives the other

    async def work(sessions: SessionManager) -> tuple[str, str]:
        gone = await sessions.new_session(telegram("2"))
        await sessions.add_message(gone.id, role="user", content="teal erased")
        await sessions.delete_session(gone.id)
        base = await sessions.new_session(telegram("3"))
        await sessions.add_message(base.id, role="user", content="teal base")
        fork = await sessions.fork(base.id)
        await sessions.add_message(fork.id, role="user", content="teal fork")
        await sessions.add_message(base.id, role="user", content="teal cleared")
        await sessions.clear_history(base.id)
        return base.id, fork.id

    _, fork = within(shell, work)
    hits = json.loads(quick("sessions", "search", "TEAL", "--json").out)
    assert [(hit["id"], hit["seq"], hit["snippet"]) for hit in hits] == [
        (fork, 2, "«teal» fork"),
        (fork, 1, "«teal» base"),
        (old, 1, "«teal» old"),
    ]


def test_long_conversations_are_searched_to_the_end(shell: Shell, quick: Quick) -> None:
    """There is no bound of messages; the newest come first, over pages and batches."""

    async def work(sessions: SessionManager) -> None:
        for user, count in (("1", PAGE + 10), ("2", 10)):
            session = await sessions.new_session(telegram(user))
            for number in range(count):
                await sessions.add_message(session.id, role="user", content=f"{user} {number} {number % 1_000 == 0}")

    within(shell, work)
    hits = json.loads(quick("sessions", "search", "true", "--json").out)
    assert [hit["seq"] for hit in hits] == [1, 2_001, 1_001, 1]
    assert [hit["person"] for hit in hits] == ["telegram:2"] + ["telegram:1"] * 3


def test_hits_go_into_a_file_of_the_owner(texts: list[str], quick: Quick, tmp_path: Path) -> None:
    """As JSON, nothing on standard output; one that was there is replaced whole, or left."""
    file = tmp_path / "hits.json"
    file.write_text("older")
    assert quick("sessions", "search", "and", "--export", str(file)).code == 1
    assert file.read_text() == "older"
    done = quick("sessions", "search", "and", "--export", str(file), "--force")
    assert (done.code, done.out, done.err) == (0, "", f"palaver: 2 hits written to {file}\n")
    assert [hit["id"] for hit in json.loads(file.read_text())] == [texts[1], texts[0]]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused = quick("sessions", "search", "and", "--export", str(tmp_path / "none" / "hits.json"))
    assert (refused.code, refused.out) == (1, "")
    assert "can not be written" in refused.err
    assert [path.name for path in tmp_path.iterdir() if "hits" in path.name] == ["hits.json"]


def test_ctrl_c_keeps_what_was_found(shell: Shell) -> None:
    """The first hits are there while the search goes on; it ends whole, with the code that shells expect."""

    async def work(sessions: SessionManager) -> None:
        session = await sessions.new_session(telegram("1"))
        for number in range(800):
            await sessions.add_message(session.id, role="user", content=f"word {number}")

    within(shell, work)
    with shell.start("sessions", "search", "word", "--json", "--limit", "100000") as search:
        first = search.writes("word» 799")
        search.process.send_signal(signal.SIGINT)
        done = search.ends()
    hits = json.loads(first + done.out)
    assert done.code == 130
    assert 1 <= len(hits) < 800
    assert f"{len(hits)} hit{'s' * (len(hits) > 1)} found until then" in done.err


def test_a_terminal_sees_the_words_in_bold(texts: list[str], shell: Shell) -> None:
    """Marks are for pipes; the line that tells of progress is gone at the end."""
    with at_terminal(shell, "sessions", "search", "hello") as terminal:
        assert terminal.ends() == 0
    assert "\x1b[1mhello\x1b[22m" in terminal.shown
    assert "«" not in terminal.shown


def test_the_audit_tells_of_the_search_without_its_words(texts: list[str], shell: Shell, quick: Quick) -> None:
    """Who searched, and whose words where that was asked."""
    quick("sessions", "search", "hello", "--person", "telegram:0")
    (entry,) = audited(shell)
    assert (entry.kind, entry.about) == ("read", {"how": "search", "person": "telegram:0"})


@pytest.mark.parametrize("words", [[" "], ["\t\n"], [""]])
def test_nothing_is_not_searched_for(shell: Shell, quick: Quick, words: Sequence[str]) -> None:
    """Blanks alone are no words."""
    assert quick("sessions", "search", *words) == Done(1, "", "palaver: say what to search for\n")


def test_bytes_that_are_no_text_do_not_break_it(texts: list[str], shell: Shell) -> None:
    """A lone byte in the shell's arguments finds nothing."""
    done = shell.run("sessions", "search", "h\udcffi")
    assert (done.code, done.out) == (0, "")
    assert "no message holds these words; 7 messages looked at" in done.err


def test_without_a_store_nothing_is_found(shell: Shell, quick: Quick) -> None:
    """Programs get a list in any case, and looking makes no store."""
    assert json.loads(quick("sessions", "search", "x", "--json").out) == []
    assert not shell.home.exists()
