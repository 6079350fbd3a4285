"""palaver sessions show: what is known of a conversation, and what was said in it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence

import pytest

from sessions.manager import SessionManager
from sessions.message import JsonValue, Usage
from tests.bot.operator.conversations import Quick, audited, begin, telegram, within
from tests.bot.shell import Done, Shell
from tests.bot.test_cli_pair import running

NASTY = "one\x1b[2Jtwo\x9b31m\n# not a heading\n```\nID: faked"


@pytest.fixture
def talk(shell: Shell) -> str:
    """Ten messages, taking turns."""
    session_id = begin(shell, telegram("42"), title="REST \x1b]0;API", days_ago=1)

    async def say(sessions: SessionManager) -> None:
        about: dict[str, JsonValue] = {"project": "shop", "workdir": "/projects/app", "depth": [1, 2]}
        await sessions.update_session(session_id, tags=["bugfix", "auth"], model="large", metadata=about)
        for number in range(1, 6):
            await sessions.add_message(session_id, role="user", content=f"question {number}", author="Ann")
            usage = Usage(300, 20, 100)
            await sessions.add_message(session_id, role="assistant", content=f"answer {number}", usage=usage)

    within(shell, say, days_ago=30 / 1440)
    return session_id


def said(done: Done) -> list[str]:
    assert done.code == 0, done
    return re.findall(r"(?:question|answer) \d+", done.out)


def test_all_that_is_known_comes_first(talk: str, quick: Quick) -> None:
    """Each field has a line of its own; labels are aligned; nothing has an effect on the terminal."""
    done = quick("sessions", "show", talk)
    known = dict(line.split(":", 1) for line in done.out.partition("\n\n")[0].splitlines())
    known = {label: value.strip() for label, value in known.items()}
    expected = {
        "ID": talk,
        "Title": "REST ]0;API",
        "Backend": "echo",
        "Model": "large",
        "Status": "active",
        "Working Directory": "/projects/app",
        "Turns": "5",
        "Messages": "10",
        "Token Usage": "",
        "  Input": "1,500",
        "  Output": "100",
        "  Cached": "500",
        "  Total": "1,600",
        "Tags": "bugfix, auth",
        "Person": "telegram:42",
        "Platform": "telegram",
        "Scope": "per-channel-peer",
        "Project": "shop",
        "Forked from": "-",
        "Next reset": "-",
        "Metadata": "",
        "  depth": "[1, 2]",
    }
    assert known | expected == known
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ \(30 minutes ago\)", known["Last Used"])
    assert f"ID:                {talk}\n" in done.out
    assert len(said(done)) == 10
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--summary"], []),
        (["--limit", "2"], ["question 1", "answer 1"]),
        (["--skip", "8"], ["question 5", "answer 5"]),
        (["--skip", "3", "--limit", "2"], ["answer 2", "question 3"]),
        (["--skip", "100"], []),
        (["--limit", "100", "--skip", "9"], ["answer 5"]),
    ],
)
@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_a_part_is_counted_from_the_oldest(
    talk: str, quick: Quick, options: Sequence[str], expected: list[str], form: str
) -> None:
    """Skip leaves out, limit ends, in each format."""
    words = said(quick("sessions", "show", talk, "--format", form, *options))
    assert words == (["question 1"] if form == "json" else []) + expected  # JSON has the first words as prompt


def test_json_is_one_object(talk: str, quick: Quick) -> None:
    """The names are those of the list; messages are the messages themselves, unless a summary is asked for."""
    shown = json.loads(quick("sessions", "show", talk, "--json").out)
    assert (shown["id"], shown["turns"], shown["message_count"]) == (talk, 5, 10)
    assert [message["seq"] for message in shown["messages"]] == list(range(1, 11))
    assert shown["messages"][1]["token_usage"] == {"input": 300, "output": 20, "cached": 100, "total": 320}
    assert (shown["messages"][0]["role"], shown["messages"][0]["author"]) == ("user", "Ann")
    assert json.loads(quick("sessions", "show", talk, "--summary", "--json").out)["messages"] == 10


def test_a_field_is_read_with_jq(talk: str, quick: Quick) -> None:
    """As people do it in scripts."""
    shown = quick("sessions", "show", talk, "--json").out
    try:
        done = subprocess.run(["jq", ".status"], input=shown, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("there is no jq here")
    assert done.stdout == '"active"\n'


def test_words_stay_words(shell: Shell, quick: Quick) -> None:
    """What was said can neither act on the terminal nor pass for what is known, in any format."""
    session_id = begin(shell, telegram("42"), NASTY)
    for form in ("text", "markdown", "json"):
        done = quick("sessions", "show", session_id, "--format", form)
        assert done.code == 0
        assert "\x1b" not in done.out
        assert "\x9b" not in done.out
        assert len(re.findall("^ID:", done.out, re.MULTILINE)) == (form == "text") or form == "markdown"
    assert json.loads(done.out)["messages"][0]["content"] == NASTY
    assert "> ID: faked" in quick("sessions", "show", session_id).out


def test_a_beginning_is_enough_if_only_one_has_it(talk: str, shell: Shell, quick: Quick) -> None:
    """Any case; what fits several names them; what fits none says so; nothing else is shown."""
    assert quick("sessions", "show", talk[:8].upper(), "--summary").code == 0
    others = [begin(shell, telegram(str(number)), "x") for number in range(40)]  # more than there are letters
    firsts = [one[0] for one in [talk, *others]]
    letter = next(first for first in firsts if firsts.count(first) > 1)
    several = quick("sessions", "show", letter)
    assert (several.code, several.out) == (1, "")
    assert re.search(rf"{letter} fits \d+ sessions: {letter}[a-z2-7]{{11}}, ", several.err)
    for wrong in ("aaaaaaaaaaaa", "zzzzzzzzzzzzz", "../x", "%", "\x1b[31m"):
        none = quick("sessions", "show", wrong)
        assert (none.code, none.out) == (1, "")
        assert "no such session" in none.err


def test_the_audit_tells_of_a_look_at_words(talk: str, shell: Shell, quick: Quick) -> None:
    """A summary in text shows none, and is not told of."""
    quick("sessions", "show", talk, "--summary")
    assert audited(shell) == []
    quick("sessions", "show", talk, "--limit", "1")
    (entry,) = audited(shell)
    assert (entry.kind, entry.about) == ("read", {"how": "show", "session": talk})
    assert str(entry.by).startswith("shell:")


def test_it_shows_beside_a_running_bot(talk: str, shell: Shell) -> None:
    """The bot notes the look."""
    with running(shell):
        assert len(said(shell.run("sessions", "show", talk))) == 10
    assert [entry.about["how"] for entry in audited(shell)] == ["show"]


def test_without_a_store_there_is_nothing_to_show(shell: Shell, quick: Quick) -> None:
    """Looking makes none."""
    done = quick("sessions", "show", "abc")
    assert (done.code, done.out) == (1, "")
    assert not shell.home.exists()
