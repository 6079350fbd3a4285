"""The command line: options, exit codes, and what is written where."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.bot.shell import ROOT, Shell

KEY = "A" * 43 + "="


def test_the_first_start_makes_a_key_and_says_where(shell: Shell) -> None:
    """Path, short name and advice are noted once, and never among the replies."""
    first, second = shell.chat("hello"), shell.chat("hello")

    key = shell.home / "palaver.key"
    assert str(key) in first.err
    assert re.search(r"\(key [0-9a-f]{8}\)", first.err)
    assert "keep a copy" in first.err
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(shell.home.stat().st_mode) == 0o700
    assert second.err == ""
    assert "key" not in first.out


def test_chat_is_what_runs_without_a_command(shell: Shell) -> None:
    """`palaver` and `palaver --continue` chat."""
    assert "“one”" in shell.run(typed="one\n").out
    assert "“two”" in shell.run("--continue", typed="two\n").out


def test_the_words_on_the_command_line_are_said_first(shell: Shell) -> None:
    """With nothing typed it answers and leaves; what is typed follows."""
    assert len(shell.run("chat", "what", "is", "it?").lines) == 2
    done = shell.run("chat", "first", typed="second\n")
    assert [line for line in done.lines if line.startswith("You said")] == ["You said: “first”", "You said: “second”"]


def test_help_comes_at_once(shell: Shell) -> None:
    """Nothing that only a conversation needs is loaded for it."""
    program = "import sys; from bot.cli import main; main(); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"],
        cwd=ROOT,
        env=shell.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "chat" in done.stdout
    heavy = {"pydantic", "aiosqlite", "cryptography", "prompt_toolkit", "rich", "openai", "anthropic", "apscheduler"}
    assert not heavy & {name.partition(".")[0] for name in done.stderr.split()}
    assert not shell.home.exists()


def test_a_conversation_starts_quickly_and_stays_small(shell: Shell) -> None:
    """One line is answered well under a second, in far less than 80 MiB, without what only a terminal needs."""
    shell.chat("make the key")
    program = (
        "import sys; from bot.cli import main; main(); from pathlib import Path; status = Path('/proc/self/status');"
        "lines = status.read_text().splitlines() if status.exists() else ['VmHWM: 0 kB'];"
        "print(*[line.split()[1] for line in lines if line.startswith('VmHWM')], *sys.modules, file=sys.stderr)"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, "chat", "hello"],
        cwd=ROOT,
        env=shell.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.monotonic() - began
    kib, *loaded = done.stderr.split()

    assert "You said" in done.stdout
    assert not {"prompt_toolkit", "rich", "openai", "anthropic", "apscheduler", "telegram", "discord"} & set(loaded)
    assert int(kib) < 80 * 1024
    assert took < 3.0, "a machine that does many things at once may be slow, but not this slow"


def test_a_conversation_goes_on_where_it_was(shell: Shell) -> None:
    """The current one is the default; the model sees what was said before."""
    shell.chat("the word is teal")
    assert "I was sent 3 messages" in shell.chat("what was it?").out
    assert "I was sent 5 messages" in shell.chat("really?", options=["--continue"]).out


def test_a_conversation_is_chosen_by_title_id_or_number(shell: Shell) -> None:
    """-s takes what /session switch takes."""
    shell.chat("/new Trip to Rome", "when in Rome", "/new")
    for which in ("Trip to Rome", "trip to rome"):
        assert "Trip to Rome" in shell.chat("/session", options=["-s", which]).out
        shell.chat("/new")
    listed = shell.chat("/session list").out
    ident = re.search(r"\*\*(\d+)\*\* `Trip to Rome`.*`([a-z2-7]{12})`", listed)
    assert ident is not None
    assert "Trip to Rome" in shell.chat("/session", options=["-s", ident[2][:6]]).out
    shell.chat("/new")


def test_the_last_conversation_is_resumed_though_archived(shell: Shell) -> None:
    """-r goes back to where something was said last, even after /new."""
    shell.chat("the word is teal", "/new")
    assert "I was sent 3 messages" in shell.chat("what was it?", options=["--resume"]).out


def test_a_title_begins_a_conversation_or_names_one(shell: Shell) -> None:
    """Alone it begins a new one; with -c, -s or -r it names that one."""
    shell.chat("something")
    assert "I was sent 1 message " in shell.chat("hi", options=["--title", "Plans"]).out
    renamed = shell.chat("/session", options=["--continue", "--title", "Old plans"])
    assert "Old plans" in renamed.out
    assert "- Messages: 2" in renamed.out


def test_an_empty_conversation_takes_the_title_itself(shell: Shell) -> None:
    """Nothing is archived that nothing was said in."""
    done = shell.chat("/session list", options=["--title", "First"])
    assert "1 conversation" in done.out


def test_ephemeral_leaves_no_trace(shell: Shell) -> None:
    """No folder, no key, no database: the next start knows nothing."""
    done = shell.chat("a secret", "/history", "/incognito off", "/undo", options=["--ephemeral"])

    assert "a secret" in done.out
    assert "--ephemeral" in done.err
    assert not shell.home.exists()


def test_users_have_conversations_of_their_own(shell: Shell) -> None:
    """--user says who is speaking; nobody sees another's words."""
    shell.chat("I am Ann", options=["--user", "ann"])
    done = shell.chat("/history", "/session list", options=["--user", "ben"])

    assert "Ann" not in done.out


def test_home_and_settings_file_can_be_named(shell: Shell, tmp_path: Path) -> None:
    """Flags win over the environment."""
    elsewhere, file = tmp_path / "elsewhere", tmp_path / "my.toml"
    file.write_text('[model]\nsystem_prompt = "Be kind."\n')
    shell.chat("hi", options=["--home", str(elsewhere), "--config", str(file)])
    shown = shell.run("config", "show", "--config", str(file)).out

    assert (elsewhere / "palaver.db").exists()
    assert not shell.home.exists()
    assert re.search(r"model.system_prompt = Be kind\. +# file", shown)


def test_the_settings_are_shown_without_secrets(shell: Shell) -> None:
    """Every setting is listed with its source; of a secret only that it is set."""
    done = shell.run("config", "show", PALAVER_MODEL__API_KEY="sk-canary", PALAVER_KEY=KEY)

    assert done.code == 0
    assert "sk-canary" not in done.out
    assert KEY not in done.out
    assert re.search(r"model.api_key = set +# environment", done.out)
    assert re.search(r"sessions.scope = per-channel-peer +# default", done.out)
    assert not shell.home.exists()


def test_resets_are_previewed_beside_a_running_chat(shell: Shell) -> None:
    """What would be reset when is listed; the chat that has the store goes on."""
    shell.chat("hello", "/session title Plans", "/session reset-time 04:00 UTC")
    with shell.start("chat") as running:
        running.says("still here")
        running.writes("still here")
        done = shell.run("resets", "preview", "--days", "7")
        running.says("and still")
        assert "and still" in running.writes("and still")
        assert running.ends().code == 0

    assert done.code == 0
    assert re.fullmatch(r"\w{3} \d{4}-\d\d-\d\d \d\d:\d\d UTC  daily  [a-z2-7]{12}  console:\S+  Plans\n", done.out)


def test_no_resets_are_said_to_be_none(shell: Shell) -> None:
    """Also where there is no store yet, which a preview does not make."""
    done = shell.run("resets", "preview")

    assert (done.code, done.out) == (0, "No resets in the next 7 days.\n")
    assert not shell.home.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["chat", "-s", "nothing"], 1, "no such session"),
        (["chat", "-r"], 1, "no such conversation to resume"),
        (["chat", "-s", "x", "-r"], 2, "only one of"),
        (["chat", "--ephemeral", "-r"], 2, "--ephemeral"),
        (["chat", "--nonsense"], 2, "--nonsense"),
        (["chta"], 2, "Did you mean chat?"),
        (["session", "lst"], 2, "list"),
        (["hello there"], 2, "palaver chat"),
        (["resets", "preview", "--days", "0"], 2, "0"),
        (["chat", "--user", "", "hi"], 1, "user_id"),
        (["chat", "--title", "\x07", "hi"], 1, "title"),
        (["chat", "--config", "/nonexistent.toml", "hi"], 78, "/nonexistent.toml"),
    ],
)
def test_what_can_not_be_done_ends_with_a_code_and_a_reason(
    shell: Shell, arguments: list[str], code: int, words: str
) -> None:
    """The reason is written to the errors, in one or few lines, and nothing to the replies."""
    done = shell.run(*arguments)

    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert "Traceback" not in done.err


def test_a_wrong_setting_names_itself(shell: Shell) -> None:
    """Every wrong setting gets a line with its value and what is allowed."""
    done = shell.run("chat", "hi", PALAVER_SESSIONS__SCOPE="everyone", PALAVER_MODEL__RETRIES="many")

    assert done.code == 78
    assert "sessions.scope" in done.err
    assert "everyone" in done.err
    assert "model.retries" in done.err
    assert not shell.home.exists()


def test_a_wrong_key_is_refused_and_changes_nothing(shell: Shell) -> None:
    """The key that is wanted is named, and not a byte of the store is written."""
    shell.chat("hello")
    files = {path: path.read_bytes() for path in shell.home.iterdir() if path.name != "palaver.db.lock"}
    done = shell.run("chat", "hi", PALAVER_KEY=KEY)

    assert (done.code, done.out) == (78, "")
    assert "needs key" in done.err
    assert {path: path.read_bytes() for path in files} == files


def test_a_missing_key_file_is_not_replaced(shell: Shell) -> None:
    """A fresh key could not open the old store, so none is made."""
    shell.chat("hello")
    (shell.home / "palaver.key").unlink()
    done = shell.run("chat", "hi")

    assert done.code == 78
    assert "palaver.key" in done.err
    assert not (shell.home / "palaver.key").exists()


def test_a_key_file_that_was_named_must_exist(shell: Shell, tmp_path: Path) -> None:
    """Only the default one is made: a misspelt path must not found a second store."""
    done = shell.run("chat", "hi", PALAVER_KEY_FILE=str(tmp_path / "no.key"))

    assert done.code == 78
    assert "no.key" in done.err
    assert not (tmp_path / "no.key").exists()


def test_a_key_file_open_to_others_is_refused(shell: Shell) -> None:
    """What to do about it is said."""
    shell.chat("hello")
    (shell.home / "palaver.key").chmod(0o644)
    done = shell.run("chat", "hi")

    assert done.code == 78
    assert "chmod 600" in done.err


def test_a_passphrase_opens_the_store(shell: Shell, tmp_path: Path) -> None:
    """It is read from a file that is the owner's alone; the line feed at its end does not count."""
    file = tmp_path / "phrase"
    file.write_text("correct horse battery staple\n")
    refused = shell.run("chat", "hi", PALAVER_KEY_PASSPHRASE_FILE=str(file))
    assert (refused.code, "chmod 600" in refused.err) == (78, True)

    file.chmod(0o600)
    shell.chat("the word is teal", PALAVER_KEY_PASSPHRASE_FILE=str(file))
    file.write_text("correct horse battery staple")
    assert "teal" in shell.chat("/history", PALAVER_KEY_PASSPHRASE_FILE=str(file)).out
    file.write_text("incorrect horse battery staple")
    assert shell.run("chat", "hi", PALAVER_KEY_PASSPHRASE_FILE=str(file)).code == 78


def test_a_second_chat_is_refused_with_the_holders_number(shell: Shell) -> None:
    """One process writes; the other is told which one it is, and may try again later."""
    with shell.start("chat") as running:
        running.says("hello")
        running.writes("hello")
        done = shell.run("chat", "hi")

    assert (done.code, done.out) == (75, "")
    assert f"process {running.process.pid}" in done.err
    assert shell.run("chat", "hi").code == 0


def test_a_store_of_a_newer_version_is_refused(shell: Shell) -> None:
    """Which version wrote it is said, and nothing is changed."""
    shell.chat("hello")
    with sqlite3.connect(shell.home / "palaver.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    done = shell.run("chat", "hi")

    assert done.code == 78
    assert "999" in done.err


def test_a_conversation_that_was_tampered_with_does_not_lock_anybody_out(shell: Shell) -> None:
    """It is refused in words, and /new begins another beside it."""
    shell.chat("hello")
    with sqlite3.connect(shell.home / "palaver.db") as database:
        database.execute("UPDATE session SET profile = zeroblob(length(profile))")
    database.close()
    done = shell.chat("hi", "/session", "/new", "hi again")

    assert done.err.count("can not be opened") == 2
    assert "can not be opened" not in done.out
    assert "You said: “hi again”" in done.lines
    assert "I was sent 1 message " in done.out


def test_a_home_that_can_not_be_made_is_said(shell: Shell, tmp_path: Path) -> None:
    """A file where the folder should be is named."""
    (tmp_path / "home").write_text("in the way")
    done = shell.run("chat", "hi")

    assert done.code in (4, 78)
    assert str(tmp_path / "home") in done.err
    assert "Traceback" not in done.err


def test_settings_of_a_model_that_can_not_work_are_told_to_the_person(shell: Shell) -> None:
    """The conversation goes on: a wrong key is said among the errors, and the message is kept."""
    settings = {"PALAVER_MODEL__BACKEND": "openai", "PALAVER_MODEL__NAME": "x"}
    done = shell.chat("hi", "/history", **settings)

    assert "model.api_key" in done.err
    assert "model.api_key" not in done.out
    assert "> hi" in done.out


def test_a_prompt_that_can_not_be_answered_ends_with_a_code(shell: Shell) -> None:
    """A script that asks one thing sees the failure; one that goes on with further lines had a conversation."""
    settings = {
        "PALAVER_MODEL__BACKEND": "openai",
        "PALAVER_MODEL__NAME": "x",
        "PALAVER_MODEL__BASE_URL": "http://127.0.0.1:1/v1",
        "PALAVER_MODEL__RETRIES": "0",
    }
    alone = shell.run("chat", "hi", **settings)
    assert (alone.code, alone.out) == (1, "")
    assert "not available" in alone.err
    assert shell.run("chat", "/undo").code == 0  # the message is there, without a reply
    refused = shell.run("chat", "/undo")
    assert (refused.code, refused.out) == (1, "")
    assert "nothing to undo" in refused.err
    assert shell.run("chat", "hi", typed="/history\n", **settings).code == 0
    piped = shell.run("chat", typed="hi\n", **settings)
    assert (piped.code, piped.out) == (0, "")
    assert "not available" in piped.err


def test_a_prompt_whose_answer_is_wanted_elsewhere_waits_for_nothing(shell: Shell) -> None:
    """As in x=$(palaver chat "hi") at a terminal: nobody means to type more, so the program ends."""
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            shell.command("chat", "hi"),
            cwd=ROOT,
            env=shell.environ,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0
    assert "You said: “hi”" in done.stdout


def test_an_input_that_was_never_open_gives_no_lines(shell: Shell) -> None:
    """Its number may belong to another file by then, which must not be read as messages."""
    script = f"{shlex.join(shell.command('chat', 'hi'))} <&-"
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=ROOT, env=shell.environ, capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2), done.stderr


@pytest.mark.parametrize("word", ["/exit", "/quit", " /QUIT "])
def test_a_word_leaves_the_conversation(shell: Shell, word: str) -> None:
    """What follows it is not read, and the program ends as it should."""
    done = shell.chat("one", word, "two")
    assert "“one”" in done.out
    assert "two" not in done.out
    assert len(done.lines) == 2


def test_the_version_is_printed(shell: Shell) -> None:
    """As a command and as an option."""
    assert shell.run("version").out == shell.run("--version").out
    assert shell.run("version").out.startswith("palaver ")


def test_a_conversation_that_was_taken_out_of_the_database_is_missed_at_the_start(shell: Shell) -> None:
    """Whoever removes a whole conversation from the file leaves a number that no longer fits."""
    shell.chat("hello")
    with closing(sqlite3.connect(shell.home / "palaver.db")) as database, database:
        database.execute("DELETE FROM session")
    done = shell.chat("hello again")
    assert done.code == 0
    assert "0 sessions are stored where there must be 1" in done.err


def test_output_that_can_not_be_written_is_told_in_one_line(shell: Shell) -> None:
    """A full disk behind the output ends the program with a sentence, not with a trace."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            shell.command("chat", "hi"),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=shell.environ,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 1
    assert "can not be written" in done.stderr
    assert "Traceback" not in done.stderr
