"""Lines that people know from the documents of other programs, with `palaver` in the place of those."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessions.export.json_reader import from_json
from sessions.manager import SessionManager
from sessions.message import Usage
from sessions.session import Status
from tests.bot.operator.conversations import DAY, ME, Quick, begin, history, listed, telegram, within
from tests.bot.shell import PATIENCE, ROOT, Done, Shell
from tests.sessions.export.test_documents import AINATIVE

Script = Callable[[str], Done]
LONG_AGO = datetime(2025, 1, 27, 10, tzinfo=UTC)
jq = pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq here")


@pytest.fixture
def ids(shell: Shell) -> dict[str, str]:
    """Four conversations of four people: two with one backend, one archived, one of long ago."""

    def begun(user: str, backend: str, words: str, usage: Usage, days_ago: float, title: str | None = None) -> str:
        async def work(sessions: SessionManager) -> str:
            session = await sessions.create_session(telegram(user), title=title, backend=backend)
            await sessions.add_message(session.id, role="user", content=words)
            await sessions.add_message(session.id, role="assistant", content="Well.", usage=usage)
            return session.id

        return within(shell, work, days_ago=days_ago)

    long_ago = (time.time() - LONG_AGO.timestamp()) / DAY
    made = {
        "old": begun("1", "claude", "explain algorithm", Usage(800, 90), long_ago),
        "done": begun("2", "codex", "implement user registration", Usage(5_000, 678), 70),
        "api": begun("3", "anthropic", "How do I create a REST API in Go?", Usage(300, 20), 69, "OAuth in Go"),
        "auth": begun("4", "claude", "fix the bug in auth.go", Usage(1_000, 234, 500), 0),
    }

    async def settle(sessions: SessionManager) -> None:
        await sessions.update_session(made["auth"], tags=["project-x", "bugfix"], metadata={"project": "project-x"})
        await sessions.update_session(made["api"], tags=["go"], metadata={"project": "backend-service"})
        await sessions.set_status(made["done"], Status.COMPLETED)

    within(shell, settle)
    return made


@pytest.fixture
def script(shell: Shell, tmp_path: Path) -> Script:
    """Run lines of a shell that knows `palaver`, in a folder of its own."""
    programs, folder = tmp_path / "programs", tmp_path / "folder"
    programs.mkdir()
    folder.mkdir()
    palaver = programs / "palaver"
    palaver.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m bot "$@"\n')
    palaver.chmod(0o755)
    environ = shell.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "TZ": "UTC"}

    def run(lines: str) -> Done:
        done = subprocess.run(
            ["/bin/sh", "-ec", lines],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def values(text: str) -> Iterator[object]:
    """Read JSON values that stand one after the other, as jq writes them."""
    rest = text.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        yield value
        rest = rest[end:].lstrip()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "auth api done old"),
        ("--backend claude", "auth old"),
        ("--backend claude --status active --limit 5", "auth old"),
        ("--status active", "auth api old"),
        ("--status completed", "done"),
        ("--limit 10", "auth api done old"),
        ("-n 1", "auth"),
        ("--limit 1", "auth"),
        ("--all", "auth api done old"),
        ("--search OAuth", "api"),
        ("--since 2025-01-28", "auth api done"),
        ("--until 2025-01-31", "old"),
        ("--provider anthropic", "api"),
        ("--sort date", "auth api done old"),
        ("--reverse", "old done api auth"),
        ("--tag project-x --tag bugfix", "auth"),
        ("--tag go", "api"),
        ("--project backend-service", "api"),
        ("--tag go --project backend-service", "api"),
        ("--tag go --project project-x", ""),
    ],
)
def test_a_list_is_asked_for_as_elsewhere(ids: dict[str, str], quick: Quick, options: str, expected: str) -> None:
    """Each line gives the conversations that it says, the newest first."""
    done = quick("sessions", "list", *options.split())
    assert done.code == 0
    assert [line.split()[0] for line in done.lines[1:]] == [ids[name] for name in expected.split()]


@jq
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("""palaver sessions list --json | jq '.[] | select(.prompt | contains("auth"))'""", ["auth"]),
        ("""palaver sessions list --json | jq '.[] | select(.last_used > (now - 86400 | todate))'""", ["auth"]),
        ("""palaver sessions list --json | jq '.[] | select(.created_at | startswith("2025-01-27"))'""", ["old"]),
        ("palaver sessions list --json | jq '[.[].token_usage.total] | add'", [8_122]),
        (
            "palaver sessions list --json | jq 'group_by(.backend)"
            " | map({backend: .[0].backend, total: [.[].token_usage.total] | add})'",
            [
                [
                    {"backend": "anthropic", "total": 320},
                    {"backend": "claude", "total": 2_124},
                    {"backend": "codex", "total": 5_678},
                ]
            ],
        ),
        (
            """palaver sessions list --all --json | jq '[.[] | select(.created_at | startswith("'$(date +%Y-%m)'") )"""
            """ | .token_usage.total] | add'""",
            [1_234],
        ),
        ("palaver sessions list --all --format json | jq length", [4]),
        (
            "palaver sessions list --all --format json"
            " | jq 'group_by(.provider) | map({provider: .[0].provider, count: length})'",
            [
                [
                    {"provider": "anthropic", "count": 1},
                    {"provider": "claude", "count": 2},
                    {"provider": "codex", "count": 1},
                ]
            ],
        ),
        ("palaver sessions list --all --format json | jq '[.[] | .message_count] | add / length'", [2]),
        ("""palaver sessions list --all --format json | jq '.[] | select(.id | contains("{auth}"))'""", ["auth"]),
        ("palaver sessions show {done} --json | jq '.status'", ["completed"]),
    ],
)
def test_lines_with_jq_give_what_they_should(
    ids: dict[str, str], script: Script, line: str, expected: list[object]
) -> None:
    """As they stand in the documents; a conversation is compared by its id."""
    for name, ident in ids.items():
        line = line.replace(f"{{{name}}}", ident)
    done = script(line)
    assert (done.code, done.err) == (0, "")
    names = {ident: name for name, ident in ids.items()}
    assert [names[one["id"]] if isinstance(one, dict) else one for one in values(done.out)] == expected


@jq
@pytest.mark.parametrize(("which", "gone"), [("--status completed", {"done"}), ("--backend claude", {"old", "auth"})])
def test_a_list_is_erased_one_by_one(
    ids: dict[str, str], shell: Shell, script: Script, which: str, gone: set[str]
) -> None:
    """The ids go from list through jq and xargs to delete, which does not ask when it is told --yes."""
    line = f"palaver sessions list {which} --json | jq -r '.[].id' | xargs -I {{}} palaver sessions delete {{}} --yes"
    done = script(line)
    assert (done.code, done.lines) == (0, ["Deleted 1 session with 2 stored messages."] * len(gone))
    assert set(listed(shell)) == {ident for name, ident in ids.items() if name not in gone}


@jq
def test_a_project_is_exported_file_by_file(ids: dict[str, str], script: Script, tmp_path: Path) -> None:
    """Each conversation into a file that is named by its id and opens again; jq reads the file."""
    script(
        "palaver sessions list --project project-x --format json | jq -r '.[] | .id'"
        " | xargs -I {} palaver sessions export {} -o {}.json"
    )
    (path,) = (tmp_path / "folder").iterdir()
    assert (path.name, from_json(path.read_bytes()).session.id) == (f"{ids['auth']}.json", ids["auth"])
    assert script(f"cat {path.name} | jq .").code == 0
    (found,) = values(script(f"cat {path.name} | jq '{{id: .session.id, title: .session.title, messages}}'").out)
    assert isinstance(found, dict)
    assert (found["id"], found["title"], len(found["messages"])) == (ids["auth"], None, 2)


def test_a_script_tags_several(ids: dict[str, str], shell: Shell, script: Script) -> None:
    """A loop over ids; tags that were there stay."""
    done = script(f"for id in {ids['auth']} {ids['api']}; do\n  palaver sessions tag $id project-x\ndone")
    assert done.code == 0
    assert [listed(shell)[ids[name]].session.tags for name in ("auth", "api")] == [
        ("project-x", "bugfix"),
        ("go", "project-x"),
    ]


def test_a_script_asks_whether_one_is_there(ids: dict[str, str], script: Script) -> None:
    """By the exit code of show; and grep finds words and ids in a list."""
    for which, answer in ((ids["auth"], "Exists\n"), ("zzzzzzzzzzzz", "Not found\n")):
        line = f'palaver sessions show {which} > /dev/null 2>&1 && echo "Exists" || echo "Not found"'
        assert script(line).out == answer
    for word in ("auth", ids["auth"]):
        (found,) = script(f'palaver sessions list | grep "{word}"').lines
        assert found.startswith(ids["auth"])


def test_exports_lie_where_the_shell_says(ids: dict[str, str], script: Script, tmp_path: Path) -> None:
    """Without a place in the folder one is in, named by the id; with a date of the shell; with a whole path."""
    folder = tmp_path / "folder"
    done = script(
        f"palaver sessions export {ids['auth']}\n"
        f"palaver sessions export {ids['auth']} -o $(pwd)/session.json\n"
        "palaver sessions export --all -o sessions-$(date +%Y%m%d).json\n"
        f"palaver sessions export {ids['auth']} --format markdown -o session.md"
    )
    assert done.code == 0
    names = sorted(path.name for path in folder.iterdir())
    dated = next(name for name in names if name.startswith("sessions-20"))
    assert names == sorted([f"session-{ids['auth']}.json", "session.json", "session.md", dated])
    assert len(json.loads((folder / dated).read_text())["sessions"]) == 4
    assert "fix the bug in auth.go" in (folder / "session.md").read_text()
    lost = script(f"palaver sessions export {ids['auth']} -o nowhere/session.json")
    assert (lost.code == 0, "can not be written" in lost.err) == (False, True)


def test_an_export_has_all_that_is_known(ids: dict[str, str], quick: Quick) -> None:
    """Facts under `session`, messages with role, content and time."""
    said = json.loads(quick("sessions", "export", ids["api"], "-o", "-").out)
    session = said["session"]
    assert (session["id"], session["title"], session["backend"]) == (ids["api"], "OAuth in Go", "anthropic")
    assert {"created_at", "updated_at", "model"} <= set(session)
    assert (session["tags"], session["metadata"]) == (["go"], {"project": "backend-service"})
    assert [one["role"] for one in said["messages"]] == ["user", "assistant"]
    assert all({"content", "created_at"} <= set(one) for one in said["messages"])


def test_what_show_prints_can_be_imported(ids: dict[str, str], shell: Shell, script: Script) -> None:
    """The words of an archived JSON of show come back, beside the first."""
    done = script(
        f"palaver sessions show {ids['auth']} --json > important-session.json\n"
        "palaver sessions import -i important-session.json --new-id --title Branched"
    )
    assert done.code == 0, done
    (ident,) = set(listed(shell)) - set(ids.values())
    assert listed(shell)[ident].session.title == "Branched"
    assert [one.content for one in history(shell, ident)] == ["fix the bug in auth.go", "Well."]


def test_metadata_that_is_none_is_not_imported(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """The error names it, and nothing comes in."""
    path = tmp_path / "session.json"
    for wrong, words in ((7, "metadata must be an object, not 7"), ("x", "metadata must be an object")):
        path.write_text(json.dumps({**AINATIVE, "metadata": wrong}))
        done = quick("sessions", "import", "-i", str(path))
        assert (done.code, words in done.err) == (1, True)
    assert listed(shell) == {}


def test_a_template_is_used_again_and_again(shell: Shell, script: Script) -> None:
    """Each import is a conversation of its own that can be gone on with."""
    ident = begin(shell, ME, "You know our API.", title="API Development Template")
    done = script(
        f"mkdir templates\npalaver sessions export {ident} -o templates/api-dev.json\n"
        "palaver sessions import -i templates/api-dev.json --new-id\n"
        "palaver sessions import -i templates/api-dev.json --new-id"
    )
    assert done.code == 0, done
    first, second = set(listed(shell)) - {ident}
    assert "I was sent 2 messages" in shell.run("chat", "-s", first, "hello").out
    assert [len(history(shell, one)) for one in (ident, second)] == [1, 1]


def test_a_chat_is_begun_and_gone_on_with(shell: Shell) -> None:
    """With title and words, by its id in both spellings, as the last one, and with another title."""
    question = "How do I implement OAuth 2.0 in Go?"
    assert question in shell.run("chat", "--title", "OAuth Implementation", question).out
    (ident,) = listed(shell)
    assert listed(shell)[ident].session.title == "OAuth Implementation"
    for number, options in enumerate((["-s", ident], ["--session-id", ident], ["-r"], ["--resume"], ["-c"]), 1):
        assert f"I was sent {2 * number + 1} messages" in shell.run("chat", *options, "more").out
    assert "I was sent 13 messages" in shell.run("-c", "now add tests").out
    assert shell.run("chat", "--title", "User Authentication Feature", "-r").code == 0
    assert [one.session.title for one in listed(shell).values()] == ["User Authentication Feature"]


def test_a_quick_question_leaves_nothing(shell: Shell) -> None:
    """Neither something to resume nor a folder, also without naming the command."""
    assert "quick question" in shell.run("--ephemeral", "quick question that needs no history").out
    assert not shell.home.exists()
    assert shell.run("resume", "--last", "more").code == 1


def test_a_conversation_lives_from_beginning_to_end(shell: Shell, quick: Quick) -> None:
    """Created it is active; then it is paused, resumed, archived, resumed again, and deleted."""
    ident = str(json.loads(quick("sessions", "create", "--title", "Bug Investigation", "--json").out)["id"])

    def status() -> str:
        return str(json.loads(quick("sessions", "show", ident, "--summary", "--json").out)["status"])

    assert status() == "active"
    for step, expected in (("pause", "paused"), ("resume", "active"), ("archive", "completed"), ("resume", "active")):
        words = ["hello"] if step == "resume" else []
        assert (shell.run if words else quick)("sessions", step, ident, *words).code == 0
        assert status() == expected
    assert quick("sessions", "delete", ident, "--yes").code == 0
    assert quick("sessions", "show", ident).code == 1


def test_everything_goes_by_force(ids: dict[str, str], shell: Shell, quick: Quick) -> None:
    """With --all nothing is asked when --force is there."""
    assert quick("sessions", "delete", "--all", "--force").out == "Deleted 4 sessions with 8 stored messages.\n"
    assert listed(shell) == {}


def test_what_was_last_used_before_a_day_goes(ids: dict[str, str], shell: Shell, quick: Quick) -> None:
    """By that condition alone, and nothing that was used since."""
    done = quick("sessions", "delete", "--before", "2025-02-01", "--yes")
    assert done.out == "Deleted 1 session with 2 stored messages.\n"
    assert set(listed(shell)) == set(ids.values()) - {ids["old"]}


def test_each_message_is_shown_with_who_and_when(ids: dict[str, str], quick: Quick) -> None:
    """Its number, its role and its time, above its words."""
    shown = quick("sessions", "show", ids["old"]).out
    assert re.search(r"^\[1\] user, 2025-01-27 10:0\d:\d\d UTC\n> explain algorithm$", shown, re.MULTILINE)
    assert re.search(r"^\[2\] assistant, 2025-01-27 10:0\d:\d\d UTC\n.*tokens.*\n> Well\.$", shown, re.MULTILINE)


def test_metadata_of_a_project_is_kept_and_shown(ids: dict[str, str], shell: Shell, quick: Quick) -> None:
    """Any name, each with its value, and the list finds the project."""
    about = {"project": "ecommerce-api", "sprint": "sprint-12", "story": "USER-123", "priority": "high",
             "status": "active", "archived": "true", "completed_date": "2024-01-20"}  # fmt: skip
    for key, value in about.items():
        assert quick("sessions", "meta", ids["api"], key, value).code == 0
    assert quick("sessions", "meta", ids["api"]).lines == [
        "Title: OAuth in Go", "Tags: go", *(f"{key}: {value}" for key, value in about.items())
    ]  # fmt: skip
    assert quick("sessions", "list", "--project", "ecommerce-api").lines[1].startswith(ids["api"])


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("sessions list", 0, ""),
        ("sessions show zzzzzzzzzzzz", 1, "no such session: zzzzzzzzzzzz"),
        ("sessions list --status created", 2, "not one of 'active', 'paused', 'completed', 'error', 'expired'"),
        ("sessions clean --older-than 3000d", 0, ""),
        ("sessions create --title T --provider gemini", 1, "'gemini' is no provider"),
    ],
)
def test_the_shell_is_told_how_it_went(ids: dict[str, str], quick: Quick, line: str, code: int, words: str) -> None:
    """By the exit code, and by words among the errors."""
    done = quick(*line.split())
    assert (done.code, words in done.err) == (code, True)
    assert "clean" not in line or "there is nothing to clean" in done.out


def test_a_search_is_narrowed(ids: dict[str, str], quick: Quick, tmp_path: Path) -> None:
    """All words, one provider, from a date on; the hits go into a file."""
    found = json.loads(quick("sessions", "search", "REST API", "--provider", "anthropic", "--since", "2024-01-01",
                             "--json").out)  # fmt: skip
    assert [hit["id"] for hit in found] == [ids["api"]]
    file = tmp_path / "results.json"
    assert quick("sessions", "search", "Go REST API", "--export", str(file)).code == 0
    assert [hit["id"] for hit in json.loads(file.read_text())] == [ids["api"]]


def test_a_reset_at_midnight_is_planned(shell: Shell) -> None:
    """The command of the chat is taken, and the next reset is at 00:00."""
    # Where it is far from midnight now: nobody is reset within minutes of their last word.
    settings = {"PALAVER_SESSIONS__TIMEZONE": "UTC" if 6 <= datetime.now(UTC).hour < 18 else "Etc/GMT+12"}
    assert "every day at 00:00" in shell.chat("hello", "/session reset-time 00:00", **settings).out
    assert re.search(r"00:00 \S+  daily  ", shell.run("resets", "preview", **settings).out)
