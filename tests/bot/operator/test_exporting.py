"""palaver sessions export: which conversations, in which form, and into which files."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sessions.export.json_reader import from_json
from sessions.manager import SessionManager
from tests.bot.operator.conversations import Quick, audited, begin, telegram, within
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running

ANN, BOB = telegram("42"), telegram("43")


@pytest.fixture
def ids(shell: Shell) -> list[str]:
    """Three conversations: two of Ann's, one of Bob's; the last is the newest."""
    return [
        begin(shell, ANN, "hello", "how are you", title="Über ../../etc", days_ago=30),
        begin(shell, BOB, "quarterly report", days_ago=20),
        begin(shell, ANN, "good night", days_ago=1),
    ]


def written(path: Path) -> list[str]:
    return [session["session"]["id"] for session in json.loads(path.read_text())["sessions"]]


def test_a_conversation_becomes_a_file_that_is_the_owners_alone(quick: Quick, ids: list[str], tmp_path: Path) -> None:
    """Its name holds the id, never the title; the beginning of the id is enough."""
    done = quick("sessions", "export", ids[0][:8], "-o", str(tmp_path))
    path = tmp_path / f"session-{ids[0]}.json"
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{path}: 1 conversation with 2 messages, in clear.\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [message.content for message in from_json(path.read_bytes()).messages] == ["hello", "how are you"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["home", path.name]


def test_nothing_is_replaced_unless_that_is_asked_for(quick: Quick, ids: list[str], tmp_path: Path) -> None:
    """With --force it is, in one step."""
    path = tmp_path / "x.json"
    path.write_text("mine")
    refused = quick("sessions", "export", ids[0], "-o", str(path))
    assert (refused.code, refused.out) == (1, "")
    assert "is there already" in refused.err
    assert path.read_text() == "mine"
    assert quick("sessions", "export", ids[0], "-o", str(path), "--force").code == 0
    assert from_json(path.read_bytes()).session.id == ids[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "which"),
    [
        (["--all"], [0, 1, 2]),
        (["--person", "telegram:42"], [0, 2]),
        (["--since", "2000-01-01", "--person", "telegram:43"], [1]),
        (["--until", "2000-01-01"], None),
    ],
)
def test_many_conversations_become_one_file(
    quick: Quick, ids: list[str], tmp_path: Path, arguments: list[str], which: list[int] | None
) -> None:
    """Those that were begun first come first; where none fits there is no file."""
    path = tmp_path / "all.json"
    done = quick("sessions", "export", *arguments, "-o", str(path))
    if which is None:
        assert (done.code, path.exists()) == (1, False)
        return
    assert done.code == 0
    assert written(path) == [ids[index] for index in which]


def test_dates_choose_by_the_last_activity(quick: Quick, ids: list[str]) -> None:
    """Both ends, and each alone."""
    days = [f"{datetime.now(UTC) - timedelta(days=ago):%Y-%m-%d}" for ago in (25, 10)]
    for arguments, which in (
        (["--since", days[0]], ids[1:]),
        (["--until", days[1]], ids[:2]),
        (["--since", days[0], "--until", days[1]], ids[1:2]),
    ):
        done = quick("sessions", "export", *arguments, "-o", "-")
        assert [one["session"]["id"] for one in json.loads(done.out)["sessions"]] == which


@pytest.mark.parametrize(("form", "suffix"), [("markdown", "md"), ("html", "html"), ("text", "txt"), ("md", "md")])
def test_other_formats_need_a_folder_for_many(
    quick: Quick, ids: list[str], tmp_path: Path, form: str, suffix: str
) -> None:
    """It is made if it is missing; each conversation is a file."""
    refused = quick("sessions", "export", "--all", "-f", form)
    assert (refused.code, refused.out) == (1, "")
    assert "need a folder" in refused.err
    folder = tmp_path / "out"
    assert quick("sessions", "export", "--all", "-f", form, "-o", str(folder)).code == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"session-{one}.{suffix}" for one in ids)
    assert "how are you" in (folder / f"session-{ids[0]}.{suffix}").read_text()
    again = quick("sessions", "export", "--all", "-f", form, "-o", str(folder))
    assert (again.code, "is there already" in again.err) == (1, True)


def test_standard_output_holds_the_document_alone(quick: Quick, ids: list[str]) -> None:
    """One conversation in any format, many as JSON."""
    done = quick("sessions", "export", ids[1], "-f", "text", "-o", "-")
    assert (done.code, done.err) == (0, "")
    assert "> quarterly report" in done.out
    bare = quick("sessions", "export", ids[1], "--bare", "-o", "-")
    assert "telegram" not in bare.out
    assert from_json(bare.out).session.id == ids[1]


def test_the_audit_tells_of_every_export(quick: Quick, shell: Shell, ids: list[str]) -> None:
    """Of each conversation that was named; of many once, with their number."""
    quick("sessions", "export", ids[0], ids[1], "-o", "-")
    quick("sessions", "export", "--all", "-o", "-")
    quick("sessions", "export", "--person", "telegram:42", "-f", "json", "-o", "-")
    about = [dict(entry.about) for entry in audited(shell) if entry.kind == "export"]
    assert about == [
        {"count": 2, "format": "json", "person": "telegram:42"},
        {"count": 3, "format": "json"},
        {"session": ids[1], "format": "json"},
        {"session": ids[0], "format": "json"},
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["zzzzzzzzzzzz"], 1, "no such session: zzzzzzzzzzzz"),
        ([], 2, "Name conversations"),
        (["abc", "--all"], 2, "Name conversations"),
        (["--all", "-f", "pdf"], 2, "pdf"),
        (["--all", "--since", "soon"], 1, "'soon' is not a date"),
    ],
)
def test_what_can_not_be_done_is_said(
    quick: Quick, ids: list[str], arguments: list[str], code: int, words: str
) -> None:
    """On standard error, with the code that belongs to it."""
    done = quick("sessions", "export", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_it_works_beside_a_running_bot(quick: Quick, shell: Shell, ids: list[str]) -> None:
    """Which notes it in the audit."""
    with running(shell):
        done = quick("sessions", "export", "--all", "-o", "-")
        assert [one["session"]["id"] for one in json.loads(done.out)["sessions"]] == ids
        assert audited(shell)[0].kind == "export"


def test_a_conversation_that_does_not_open_keeps_nothing_else_back(
    quick: Quick, shell: Shell, ids: list[str], tmp_path: Path
) -> None:
    """It is named, and the exit code says that something is missing."""

    async def damage(sessions: SessionManager) -> None:
        await sessions._store.set_aside(1, "expired")

    within(shell, damage)
    path = tmp_path / "x.json"
    done = quick("sessions", "export", "--all", "-o", str(path))
    assert done.code == 4
    assert f"session {ids[0]} is left out" in done.err
    assert written(path) == ids[1:]


def test_a_passphrase_from_a_file_encrypts(quick: Quick, ids: list[str], tmp_path: Path) -> None:
    """Nothing that was said or is known can be seen in the file; an open passphrase file is refused."""
    phrase, path = tmp_path / "phrase", tmp_path / "x.enc"
    phrase.write_text("correct horse battery staple\n")
    phrase.chmod(0o644)
    refused = quick("sessions", "export", "--all", "-o", str(path), "--passphrase-file", str(phrase))
    assert (refused.code, path.exists()) == (78, False)
    phrase.chmod(0o600)
    done = quick("sessions", "export", "--all", "-o", str(path), "--passphrase-file", str(phrase))
    assert done.out == f"{path}: 3 conversations with 4 messages, under the passphrase.\n"
    data = path.read_bytes()
    for word in (b"hello", b"telegram", ids[0].encode(), b"sessions"):
        assert word not in data
