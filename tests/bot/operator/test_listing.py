"""palaver sessions list: conditions, order, limits, a table and JSON."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.cells import cell_len

from sessions.manager import SessionManager
from sessions.message import Usage
from sessions.session import Status
from tests.bot.operator.conversations import Quick, audited, begin, telegram, within
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import Done, Shell
from tests.bot.test_cli_pair import running

WIDE = "日本語の会話"


@dataclass(frozen=True)
class Stock:
    """Four conversations of two people, by what they are called."""

    bugs: str
    trip: str
    words: str
    old: str


@pytest.fixture
def stock(shell: Shell) -> Stock:
    old = begin(shell, telegram("7"), "alpha", title="Old one", days_ago=40)
    bugs = begin(shell, telegram("42"), "fix the bug in auth.go", "thanks", title="Bugs", days_ago=3)
    trip = begin(shell, telegram("43"), "when in Rome", title=WIDE, days_ago=2)
    words = begin(shell, telegram("44"), "implement\nuser \x1b[31mregistration", days_ago=1)

    async def settle(sessions: SessionManager) -> None:
        await sessions.update_session(bugs, tags=["work", "urgent"], model="large", metadata={"project": "shop"})
        await sessions.update_session(trip, tags=["work"])
        usage = Usage(1_000, 234, 500)
        await sessions.add_message(bugs, role="assistant", content="fixed", usage=usage)
        await sessions.set_status(old, Status.COMPLETED)

    within(shell, settle)
    return Stock(bugs, trip, words, old)


def ids(done: Done) -> list[str]:
    assert done.code == 0, done
    return [line.split()[0] for line in done.lines[1:]]


def test_the_table_tells_what_is_known(stock: Stock, quick: Quick) -> None:
    """Columns, newest first, the first words where there is no title, nothing that a terminal would act on."""
    done = quick("sessions", "list")
    assert done.code == 0
    assert done.lines[0].split() == ["ID", "BACKEND", "STATUS", "LAST", "USED", "MESSAGES", "TOKENS", "TITLE/PROMPT"]
    assert ids(done) == [stock.words, stock.trip, stock.bugs, stock.old]
    assert done.lines[1].endswith("implement user ␛[31mregistration")
    assert "\x1b" not in done.out
    assert "active     3 days ago             3      1,234  Bugs" in done.out
    assert "completed  1 month ago            1          -  Old one" in done.out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--status", "completed"], ["old"]),
        (["--status", "ACTIVE", "--person", "telegram:43"], ["trip"]),
        (["--backend", "echo", "--platform", "telegram", "-n", "2"], ["words", "trip"]),
        (["--provider", "openai"], []),
        (["--tag", "work"], ["trip", "bugs"]),
        (["--tag", "work", "--tag", "urgent"], ["bugs"]),
        (["--project", "shop", "--model", "large"], ["bugs"]),
        (["--search", "本語"], ["trip"]),
        (["--sort", "messages", "-n", "1"], ["bugs"]),
        (["--sort", "tokens", "-n", "1"], ["bugs"]),
        (["--sort", "title"], ["bugs", "old", "trip", "words"]),
        (["--reverse"], ["old", "bugs", "trip", "words"]),
        (["--sort", "title", "--reverse", "--all", "--status", "completed"], ["old"]),
    ],
)
def test_every_condition_and_order_holds(
    stock: Stock, quick: Quick, options: Sequence[str], expected: list[str]
) -> None:
    """Conditions are joined by and; each stands alone too."""
    done = quick("sessions", "list", *options)
    assert ids(done) == [getattr(stock, name) for name in expected] if expected else not done.out


def test_since_and_until_hold_each_alone(stock: Stock, quick: Quick) -> None:
    """A day is in whole where it is the end."""
    found = json.loads(quick("sessions", "list", "--json").out)
    day = {one["id"]: one["last_used"][:10] for one in found}
    assert ids(quick("sessions", "list", "--since", day[stock.trip])) == [stock.words, stock.trip]
    assert ids(quick("sessions", "list", "--until", day[stock.bugs])) == [stock.bugs, stock.old]
    both = ["--since", day[stock.bugs], "--until", day[stock.trip]]
    assert ids(quick("sessions", "list", *both)) == [stock.trip, stock.bugs]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--status", "asleep"], 2, "'active', 'paused', 'completed', 'error', 'expired'"),
        (["--limit", "0"], 2, "x>=1"),
        (["--since", "soon"], 1, "'soon' is not a date; write 2026-01-31"),
        (["--until", "2026-99-01"], 1, "is not a date"),
    ],
)
def test_what_can_not_be_asked_is_said(shell: Shell, options: Sequence[str], code: int, words: str) -> None:
    """The error names what is allowed."""
    done = shell.run("sessions", "list", *options)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_a_limit_tells_how_many_more_there_are(shell: Shell, quick: Quick) -> None:
    """Twenty are shown unless more are asked for, and none is hidden with --all."""

    async def many(sessions: SessionManager) -> None:
        for number in range(60):
            await sessions.new_session(telegram(str(number)), title=f"Number {number}")

    within(shell, many)
    first = quick("sessions", "list")
    assert (len(ids(first)), first.err) == (20, "palaver: 40 more; --all lists every one\n")
    assert quick("sessions", "list", "--platform", "telegram").err.startswith("palaver: these are the first 20")
    assert len(ids(quick("sessions", "list", "-n", "60"))) == 60
    every = quick("sessions", "list", "--all", "--format", "json")
    assert (len(json.loads(every.out)), every.err) == (60, "")


def test_json_has_the_names_that_programs_rely_on(stock: Stock, quick: Quick) -> None:
    """Each name is there for each conversation, whatever is known of it."""
    found = json.loads(quick("sessions", "list", "--json").out)
    names = {
        "id",
        "title",
        "backend",
        "provider",
        "model",
        "status",
        "person",
        "platform",
        "created_at",
        "last_used",
        "updated_at",
        "messages",
        "message_count",
        "tokens",
        "token_usage",
        "tags",
        "project",
        "prompt",
        "workdir",
        "metadata",
    }
    assert all(names <= set(one) for one in found)
    bugs = found[2]
    assert bugs["token_usage"] == {"input": 1_000, "output": 234, "cached": 500, "total": 1_234}
    assert (bugs["prompt"], bugs["project"], bugs["tags"]) == ("fix the bug in auth.go", "shop", ["work", "urgent"])
    assert (bugs["messages"], bugs["message_count"], bugs["person"]) == (3, 3, "telegram:42")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ('[.[] | select(.prompt | contains("auth")) | .title]', ["Bugs"]),
        ("[.[] | select(.last_used > (now - 86400 * 1.5 | todate)) | .title]", [None]),
        ('[.[] | select(.created_at | startswith("20")) | .id] | length', 4),
        ("[.[].token_usage.total] | add", 1_234),
        ("group_by(.backend) | map([.[].token_usage.total] | add)", [1_234]),
        ("group_by(.provider) | map({provider: .[0].provider, count: length})", [{"provider": "echo", "count": 4}]),
        ("length", 4),
        ("[.[] | .message_count] | add / length", 1.5),
        ('[.[] | select(.id | contains("!"))]', []),
        ("[.[].created_at | fromdate] | length", 4),
    ],
)  # fmt: skip
def test_jq_reads_it(stock: Stock, quick: Quick, program: str, expected: object) -> None:
    """Lines that people know from other programs give what they should."""
    listed = quick("sessions", "list", "--all", "--json").out
    try:
        done = subprocess.run(["jq", "-c", program], input=listed, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("there is no jq here")
    assert json.loads(done.stdout) == expected


def test_where_nothing_is_there_that_is_said(shell: Shell, quick: Quick) -> None:
    """No store is made by looking, and programs get a list in any case."""
    assert quick("sessions", "list") == Done(0, "", "palaver: there is no conversation yet\n")
    assert json.loads(quick("sessions", "list", "--json").out) == []
    assert not shell.home.exists()


def test_first_words_are_a_look_at_somebody(stock: Stock, shell: Shell, quick: Quick) -> None:
    """The audit tells of a list that shows words, and not of one that shows titles only."""
    quick("sessions", "list", "--status", "completed")
    assert audited(shell) == []
    quick("sessions", "list")
    newest = audited(shell)[0]
    assert (newest.kind, newest.about["how"], newest.about["sessions"]) == (
        "read", "list", [stock.words, stock.trip, stock.bugs, stock.old],
    )  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_gets_a_table_that_fits(stock: Stock, shell: Shell, width: int) -> None:
    """Wide characters take two cells; a long title is cut at the edge, between characters."""
    begin(shell, telegram("9"), "x", title="語" * 70)
    with at_terminal(shell, "sessions", "list", width=width) as terminal:
        assert terminal.ends() == 0
        lines = [line for line in terminal.shown.splitlines() if line.strip()]
    assert "\x1b[1m" in lines[0]
    assert lines[1].endswith("語語…")
    assert max(cell_len(line) for line in lines[1:]) <= width
    assert cell_len(re.sub("\x1b\\[[0-9;]*m", "", lines[0]).rstrip()) <= width
    assert "\ufffd" not in terminal.shown
    assert [WIDE in line for line in lines].count(True) == 1
    assert "\x1b[31m" not in terminal.shown


def test_it_reads_beside_a_running_bot(stock: Stock, shell: Shell) -> None:
    """The bot holds the store, and notes the look for the one who looks."""
    with running(shell):
        assert ids(shell.run("sessions", "list")) == [stock.words, stock.trip, stock.bugs, stock.old]
    assert audited(shell)[0].about["how"] == "list"


@pytest.mark.parametrize("command", ["list", "show", "search", "stats"])
def test_each_explains_itself_with_an_example(shell: Shell, tmp_path: Path, quick: Quick, command: str) -> None:
    """--help ends with a line that can be copied."""
    done = quick("sessions", command, "--help")
    assert f"Example: palaver sessions {command}" in done.out
    assert "--json" in done.out
