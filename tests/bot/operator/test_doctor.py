"""palaver doctor: each thing that can be wrong is found, with how to mend it, and no secret is shown."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.operator.checks import check_packages, check_sqlite
from bot.operator.finding import Verdict
from tests.bot.operator.conversations import DAY, ME, Quick, begin
from tests.bot.operator.test_backup import damage
from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN
from tests.bot.shell import Done, Shell
from tests.bot.test_cli_pair import running

SOUND = {
    "PALAVER_MODEL__BACKEND": "openai",
    "PALAVER_MODEL__NAME": "a-model",
    "PALAVER_MODEL__API_KEY": "sk-canary-key",
    "PALAVER_TELEGRAM__TOKEN": TELEGRAM_TOKEN,
    "PALAVER_DISCORD__TOKEN": DISCORD_TOKEN,
    "PALAVER_ACCESS__OPERATORS": "telegram:42",
}
SECRETS = ("sk-canary-key", TELEGRAM_TOKEN, DISCORD_TOKEN, TELEGRAM_TOKEN[5:], DISCORD_TOKEN[-20:])


def lines(done: Done, what: str) -> list[str]:
    """Give what was found about something."""
    return [line for line in done.lines if f"  {what}: " in line]


def test_a_sound_installation_has_no_problem(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """Nothing is a problem, no secret is shown, and the only warning can be about the SQLite that Python came with."""
    begin(shell, ME, "one")
    quick("db", "backup", str(tmp_path / "copy.db"))
    done = quick("doctor", **SOUND)
    assert (done.code, done.err) == (0, "")
    assert [line for line in done.lines if line.startswith("problem")] == []
    assert [line for line in done.lines if line.startswith("warning") and "SQLite" not in line] == []
    assert [secret for secret in SECRETS if secret in done.out] == []
    assert "ok       Telegram token: has the right form" in done.lines
    assert "ok       Bot: none runs" in done.lines


def test_before_the_first_start_there_is_no_problem_and_nothing_is_made(shell: Shell, quick: Quick) -> None:
    """A home that is not there yet is made later, not by looking for it."""
    assert quick("doctor").code == 0
    assert not shell.home.exists()


def test_programs_get_json(shell: Shell, quick: Quick) -> None:
    """A list with what was looked at, the verdict, what was found, and how to mend it."""
    begin(shell, ME, "one")
    said = json.loads(quick("doctor", "--json", PALAVER_TELEGRAM__TOKEN="nonsense").out)
    (token,) = [one for one in said if one["what"] == "Telegram token"]
    assert token["verdict"] == "problem"
    assert token["mend"] == "copy it again from @BotFather"
    assert all(one["mend"] for one in said if one["verdict"] != "ok")


def spoil_mode(home: Path) -> str:
    (home / "palaver.db").chmod(0o644)
    return "Home: {home}/palaver.db is open to others (mode 0644) -> chmod 600 {home}/palaver.db"


def spoil_home(home: Path) -> str:
    home.chmod(0o755)
    return "Home: {home} is open to others (mode 0755) -> chmod 700 {home}"


def spoil_key_mode(home: Path) -> str:
    (home / "palaver.key").chmod(0o640)
    return "Key: the key file {home}/palaver.key is open to others (mode 0640); run: chmod 600"


def lose_key(home: Path) -> str:
    (home / "palaver.key").unlink()
    return "Key: the key file {home}/palaver.key does not exist"


def change_key(home: Path) -> str:
    (home / "palaver.key").write_bytes(bytes(32))
    return "Key: this store needs key"


def scramble(home: Path) -> str:
    (home / "palaver.db").write_bytes(b"scrambled" * 1_000)
    return "Store: {home}/palaver.db is not a Palaver store"


def remove_rows(home: Path) -> str:
    with closing(sqlite3.connect(home / "palaver.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM session")
    return "Records: 0 sessions are stored where there must be 1 -> palaver db verify"


@pytest.mark.parametrize("spoil", [spoil_mode, spoil_home, spoil_key_mode, lose_key, change_key, scramble, remove_rows])
def test_what_is_wrong_in_the_home_folder_is_found(shell: Shell, quick: Quick, spoil: Callable[[Path], str]) -> None:
    """Each is a problem with its mending, and the exit code is 1."""
    begin(shell, ME, "one")
    words = spoil(shell.home).format(home=shell.home)
    done = quick("doctor")
    assert done.code == 1
    assert any(line.startswith("problem") and words in line for line in done.lines), done.out
    assert all(" -> " in line for line in done.lines if not line.startswith("ok") and "  " in line)


def test_a_settings_file_is_private_when_a_secret_is_in_it(shell: Shell, quick: Quick) -> None:
    """Others may read one that names a model, and not one that has a token."""
    begin(shell, ME, "one")
    file = shell.home / "palaver.toml"
    file.write_text('[access]\noperators = ["telegram:42"]\n')
    file.chmod(0o644)
    assert quick("doctor").code == 0
    file.write_text(f'[telegram]\ntoken = "{TELEGRAM_TOKEN}"\n')
    done = quick("doctor")
    assert done.code == 1
    assert any(f"chmod 600 {file}" in line for line in lines(done, "Home"))


@pytest.mark.parametrize(
    ("settings", "verdict", "words"),
    [
        ({"PALAVER_TELEGRAM__TOKEN": "1234:short"}, "problem", "Telegram token: has not the form"),
        ({"PALAVER_DISCORD__TOKEN": "one-part"}, "problem", "Discord token: has not the form"),
        ({"PALAVER_MODEL__API_KEY": ""}, "problem", "Model: no key for openai -> set model.api_key"),
        ({"PALAVER_ACCESS__OPERATORS": ""}, "warning", "access.operators names nobody"),
        ({"PALAVER_ACCESS__MODE": "open"}, "warning", "everybody may use the model without limit"),
        (
            {"PALAVER_ACCESS__MODE": "allow-list", "PALAVER_ACCESS__OPERATORS": ""},
            "problem",
            "nobody is on it -> name people in access.allow",
        ),
        ({"PALAVER_SESSIONS__IDLE_RESET_MINUTES": "soon"}, "problem", "Settings: sessions.idle_reset_minutes"),
    ],
)
def test_what_is_wrong_in_the_settings_is_found(
    shell: Shell, quick: Quick, settings: dict[str, str], verdict: str, words: str
) -> None:
    """Each is told with the setting by which it is mended."""
    begin(shell, ME, "one")
    done = quick("doctor", **(SOUND | settings))
    assert done.code == (1 if verdict == "problem" else 0), done.out
    assert any(line.startswith(verdict) and words in line for line in done.lines), done.out
    assert [secret for secret in SECRETS if secret in done.out] == []


def test_a_clock_that_was_set_back_is_found(shell: Shell, quick: Quick) -> None:
    """Something was stored in what is the future by now."""
    begin(shell, ME, "one", days_ago=-2)
    done = quick("doctor")
    assert done.code == 1
    assert "set this machine's clock" in lines(done, "Clock")[0]


def test_backups_are_known_by_age_and_by_where_they_lie(shell: Shell, quick: Quick, tmp_path: Path) -> None:
    """None, one beside the key, one that is old, one that is gone: each is another line."""
    begin(shell, ME, "one")
    assert "none is known here" in lines(quick("doctor"), "Backup")[0]
    beside, elsewhere = shell.home / "copy.db", tmp_path / "copy.db"
    quick("db", "backup", str(beside))
    done = quick("doctor")
    assert done.code == 0
    assert str(beside) in lines(done, "Key and backup")[0]
    beside.unlink()
    assert "none is known here" in lines(quick("doctor"), "Backup")[0]
    quick("db", "backup", str(elsewhere))
    assert lines(quick("doctor"), "Key and backup") == []
    noted = shell.home / "backups.json"
    noted.write_text(noted.read_text().replace(time.strftime("%Y-", time.gmtime()), "2020-"))
    assert "the newest known one is of 2020-" in lines(quick("doctor"), "Backup")[0]


def test_files_that_were_left_unfinished_are_found(shell: Shell, quick: Quick) -> None:
    """One of a program that was killed long ago, not one that is being written."""
    begin(shell, ME, "one")
    left = shell.home / ".palaver-partial-0011"
    left.touch(mode=0o600)
    assert "no unfinished files" in lines(quick("doctor"), "Leftovers")[0]
    os.utime(left, (time.time() - DAY, time.time() - DAY))
    assert f"-> rm {left}" in lines(quick("doctor"), "Leftovers")[0]


def test_a_bot_that_runs_is_asked(shell: Shell, quick: Quick) -> None:
    """It answers; when it is stopped in its tracks, that is a problem."""
    begin(shell, ME, "one")
    with running(shell) as process:
        assert lines(quick("doctor"), "Bot") == ["ok       Bot: runs and answers"]
        os.kill(process.pid, 19)
        done = quick("doctor")
    assert done.code == 1
    assert "did not answer within 5 seconds" in lines(done, "Bot")[0]


def test_a_chat_that_has_the_store_is_named(shell: Shell, quick: Quick) -> None:
    """It is no bot, and nothing is wrong with it."""
    with shell.start("chat") as chat:
        chat.says("hello")
        chat.writes("hello")
        done = quick("doctor")
    assert done.code == 0
    assert f"process {chat.process.pid}" in lines(done, "Bot")[0]


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ((3, 40, 1), Verdict.WARNING),
        ((3, 51, 2), Verdict.WARNING),
        ((3, 50, 6), Verdict.WARNING),
        ((3, 44, 5), Verdict.WARNING),
        ((3, 45, 9), Verdict.WARNING),
        ((3, 51, 3), Verdict.OK),
        ((3, 52, 0), Verdict.OK),
        ((3, 50, 7), Verdict.OK),
        ((3, 44, 6), Verdict.OK),
        ((4, 0, 0), Verdict.OK),
    ],
)
def test_versions_of_sqlite_with_the_bug_are_known(version: tuple[int, ...], verdict: Verdict) -> None:
    """All before 3.51.3 but for the two series that got the mending."""
    assert check_sqlite(version).verdict is verdict


def test_packages_are_compared_with_what_is_needed() -> None:
    """Those of this installation fit; of a program that is not installed nothing is known."""
    assert check_packages().verdict is Verdict.OK
    assert check_packages("no-such-program-at-all").verdict is Verdict.WARNING


def test_a_damaged_message_is_not_looked_for(shell: Shell, quick: Quick) -> None:
    """The doctor is quick; every record is opened by `palaver db verify`."""
    begin(shell, ME, "one")
    damage(shell.home / "palaver.db")
    assert quick("doctor").code == 0


def test_it_explains_itself_with_an_example(quick: Quick) -> None:
    """--help ends with a line that can be copied."""
    assert "Example: palaver doctor" in quick("doctor", "--help").out
