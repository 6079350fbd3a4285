"""Rows that somebody changed by hand: every command that reads names what is damaged, and goes on where it can."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from sessions.manager import SessionManager
from sessions.message import Usage
from tests.bot.operator.conversations import ME, Quick, begin, telegram, within
from tests.bot.shell import Shell

ANN = telegram("42")
FAR, FIRST, LAST = 9 * 10**18, -(1 << 63), (1 << 63) - 1
CODES = {0, 1, 4}  # what a command ends with that did what it could, or said in words why it could not


@pytest.fixture
def ids(shell: Shell) -> list[str]:
    """A conversation of mine with a checkpoint and a fork, and one of Ann's."""

    async def fill(sessions: SessionManager) -> list[str]:
        mine = await sessions.new_session(ME, title="mine")
        for said in ("teal one", "teal two"):
            await sessions.add_message(mine.id, role="user", content=said)
            await sessions.add_message(mine.id, role="assistant", content=f"re: {said}", usage=Usage(5, 7, 1))
        await sessions.save_checkpoint(mine.id, name="here")
        fork = await sessions.fork(mine.id)
        await sessions.add_message(fork.id, role="user", content="teal three")
        hers = await sessions.get_or_create_session(ANN)
        await sessions.add_message(hers.id, role="user", content="teal four")
        await sessions.set_chat_resets(ANN, idle=timedelta(minutes=45))
        await sessions.mailbox.receive("telegram:1", [("1", b"said")])
        await sessions.mailbox.post(sessions.mailbox.parcel("telegram:1", b"answer"))
        return [mine.id, fork.id, hers.id]

    ids = within(shell, fill)
    gone = begin(shell, telegram("43"), "goodbye")
    within(shell, lambda sessions: sessions.delete_session(gone))
    return ids


def edit(shell: Shell, sql: str, *values: object) -> None:
    """Change the store as somebody who keeps to no rule."""
    with closing(sqlite3.connect(shell.home / "palaver.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(sql, values)


def look_everywhere(quick: Quick, ids: list[str], folder: Path) -> list[str]:
    """Run every command that reads; what raises fails the test. Give what went wrong in words."""
    mine, fork, hers = ids
    said = []
    for line in (
        "sessions list",
        "sessions list --json --sort tokens",
        "sessions list --sort title --tag x",
        f"sessions show {mine}",
        f"sessions show {fork} --json",
        f"sessions show {hers} --summary",
        "sessions search teal",
        "sessions search teal --json --person telegram:42 --since 2020-01-01",
        "sessions stats",
        f"sessions stats --json --force --png {folder / 'days.png'}",
        f"sessions stats {mine}",
        f"sessions stats {fork} --json",
        f"sessions export --all --format json --force -o {folder / 'all.json'}",
        f"sessions export {fork} --format markdown --force -o {folder / 'fork.md'}",
        "sessions clean --older-than 1d --dry-run",
        "people list",
        "people list --json",
        "people links",
        f"people export telegram:42 --force -o {folder / 'ann.json'}",
        "keys status",
        "keys status --json",
        "keys verify",
        "audit list",
        "audit list --json --since 2020-01-01",
        "audit verify",
        "db verify",
        "db verify --json",
        "doctor",
        "doctor --json",
        "resets preview",
        f"db backup --force {folder / 'copy.db'}",
        "resume --last hello",
    ):
        done = quick(*line.split())
        assert done.code in CODES, (line, done)
        assert "Traceback" not in done.err, (line, done)
        said.append(f"{line}: {done.code} {done.err}")
    return said


DAMAGE = {
    "wrapped empty": ("UPDATE session SET wrapped = x'' WHERE number = ?", 1),
    "wrapped short": ("UPDATE session SET wrapped = x'c50101' WHERE number = ?", 3),
    "commitment empty": ("UPDATE session SET commitment = x'' WHERE number = ?", 1),
    "profile empty": ("UPDATE session SET profile = x'' WHERE number = ?", 3),
    "status unknown": ("UPDATE session SET status = 'odd' WHERE number = ?", 1),
    "activity far": ("UPDATE session SET last_activity_at = ?, updated_at = 9000000000000000000", FAR),
    "activity before": ("UPDATE session SET last_activity_at = ?, updated_at = -9000000000000000000", FIRST),
    "reset far": ("UPDATE session SET next_reset_at = ?", LAST),
    "head far": ("UPDATE session SET head = ?, stored = 9000000000000000000", FAR),
    "counts before": ("UPDATE session SET message_count = ?, input_tokens = -1, entries = -1", FIRST),
    "tokens last": ("UPDATE session SET input_tokens = ?, output_tokens = 9223372036854775807", LAST),
    "number far": ("UPDATE session SET number = ? WHERE number = 3", FAR),
    "id odd": ("UPDATE session SET id = 'not an ' || char(10) || 'id' WHERE number = ?", 1),
    "message far": ("UPDATE message SET at = ?", FAR),
    "message before": ("UPDATE message SET at = ? WHERE id & 1", FIRST),
    "message in the year 10000": ("UPDATE message SET at = ?", 253_402_300_800_000),
    "message of another role": ("UPDATE message SET role = ?, kind = -1, keep = 9", 77),
    "message without body": ("UPDATE message SET body = ?", b""),
    "message of nobody": ("INSERT INTO message VALUES (?, 1, 1, 1, 1, 1, x'')", -5),
    "entry odd": ("UPDATE journal SET kind = ?, at = -1, body = x'00'", 99),
    "audit number far": ("UPDATE audit SET number = ? WHERE number = (SELECT max(number) FROM audit)", FAR),
    "audit number last": ("UPDATE audit SET number = ? WHERE number = (SELECT max(number) FROM audit)", LAST),
    "audit number before": ("UPDATE audit SET number = ? WHERE number = 1", -3),
    "audit time far": ("UPDATE audit SET at = ?", FAR),
    "audit time before": ("UPDATE audit SET at = ?, body = x'', link = x''", FIRST),
    "letter odd": ("UPDATE letter SET state = ?, attempts = 9000000000000000000, body = x''", -1),
    "parcel odd": ("UPDATE parcel SET sent = ?, channel = x''", FIRST),
    "preference odd": ("UPDATE preference SET revision = ?, body = x''", FAR),
    "key made far": ("UPDATE keyring SET created_at = ?", FAR),
    "key of a strange source": ("UPDATE keyring SET parameters = '[', provider = ?", "odd"),
    "erased far": ("INSERT INTO erasure VALUES (?)", FAR),
    "lineage odd": ("INSERT INTO lineage VALUES (?, 2)", FIRST),
    "census far": ("UPDATE census SET sessions = ?", LAST),
    "born far": ("UPDATE installation SET created_at = ?", FAR),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_changed_row_ends_no_command_with_a_traceback(
    shell: Shell, quick: Quick, ids: list[str], tmp_path: Path, damage: str
) -> None:
    """Each reads what it can, and `db verify` says that something is damaged."""
    sql, value = DAMAGE[damage]
    edit(shell, sql, value)
    said = look_everywhere(quick, ids, tmp_path)
    harmless = ("born far", "erased far")  # nothing is ever worked out from them
    assert damage in harmless or [line for line in said if line.startswith("db verify: 4")], said


def test_keys_status_counts_what_is_no_wrapped_key(shell: Shell, quick: Quick, ids: list[str]) -> None:
    """Beside the keys there are, with where to look for it; `keys verify` names the conversations."""
    edit(shell, "UPDATE session SET wrapped = x'' WHERE number = 1")
    edit(shell, "UPDATE session SET wrapped = x'c50101' WHERE number = 2")
    done = quick("keys", "status")
    assert done.code == 0
    assert done.lines[2].split() == ["?", "?", "damaged", "?", "2", "0", "no"]
    assert "2 sessions have a wrapped key that is none; palaver keys verify names them" in done.err
    (first, second) = json.loads(quick("keys", "status", "--json").out)["keys"]
    assert (first["state"], first["sessions"]) == ("primary", 1)
    assert (second["key"], second["state"], second["sessions"]) == ("?", "damaged", 2)
    told = quick("keys", "verify")
    assert told.code == 1
    assert [line[:21] for line in told.lines] == [f"session {ident}:" for ident in ids[:2]]


def test_a_damaged_wrapped_key_keeps_no_other_from_being_rotated(shell: Shell, quick: Quick, ids: list[str]) -> None:
    """The rest moves, and it is said of which it could not."""
    edit(shell, "UPDATE session SET wrapped = x'' WHERE number = 1")
    done = quick("keys", "rotate", "--deep")
    assert f"session {ids[0]}" in done.out + done.err
    assert quick("sessions", "show", ids[2]).code == 0


@pytest.mark.parametrize("at", [FAR, FIRST, -1, 253_402_300_800_000])
def test_stats_leave_out_times_that_are_none(shell: Shell, quick: Quick, ids: list[str], at: int) -> None:
    """The message is counted, on no day, and it is said that there is one such."""
    edit(shell, "UPDATE message SET at = ? WHERE id = (1 << 24) + 1", at)
    whole = quick("sessions", "stats", "--json")
    assert whole.code == 0
    told = json.loads(whole.out)
    read, dated = sum(told["by_role"].values()), sum(day["messages"] for day in told["by_day"])
    assert (read, dated, told["messages"]) == (10, 8, 10), "a fork reads the damaged one as well"
    assert "1 message has a time that is none; palaver db verify names its conversation" in whole.err
    one = quick("sessions", "stats", ids[0], "--json")
    told = json.loads(one.out)
    assert (told["messages"], sum(day["messages"] for day in told["by_day"])) == (4, 3)
    assert "1 message has a time that is none" in one.err
    assert quick("sessions", "stats", ids[2]).err == ""


def test_the_audit_is_listed_around_what_was_changed(shell: Shell, quick: Quick, ids: list[str]) -> None:
    """An entry with an impossible number or time is shown as what does not open, and all others as they are."""
    before = json.loads(quick("audit", "list", "--json", "-n", "100").out)
    assert before
    edit(shell, "INSERT INTO audit VALUES (?, 1, x'', x'')", FAR)
    edit(shell, "INSERT INTO audit VALUES (?, ?, x'', x'')", 5_000, FAR)
    edit(shell, "INSERT INTO audit VALUES (?, ?, x'', x'')", -7, FIRST)
    listed = json.loads(quick("audit", "list", "--json", "-n", "100").out)
    assert [entry["number"] for entry in listed] == [FAR, 5_000, *(entry["number"] for entry in before), -7]
    assert [entry["kind"] for entry in listed if entry["number"] in (FAR, 5_000, -7)] == [None] * 3
    assert [entry for entry in listed if entry["kind"] is not None] == before
    number, words = quick("audit", "list").lines[1].split(maxsplit=1)
    assert (number, "does not open" in words) == (str(FAR), True)
    assert quick("audit", "verify").code == 4


def test_nothing_is_added_behind_the_last_number_there_can_be(shell: Shell, quick: Quick, ids: list[str]) -> None:
    """What must be told of is refused in words, since the audit is damaged; nothing was done then."""
    edit(shell, "INSERT INTO audit VALUES (?, 1, x'', x'')", LAST)
    done = quick("sessions", "delete", ids[0], "--yes")
    assert done.code == 4
    assert "the audit can not be verified" in done.err
    assert quick("sessions", "list").out.count(ids[0]) == 1


@pytest.mark.parametrize("at", [FAR, FIRST])
def test_a_store_whose_newest_time_is_none_is_looked_at(shell: Shell, quick: Quick, ids: list[str], at: int) -> None:
    """`doctor` says it, and `db verify` gives no time where there is none."""
    edit(shell, "UPDATE session SET updated_at = ?", at)
    found = quick("doctor")
    assert "a time that is none" in found.out
    done = quick("db", "verify", "--json")
    assert (done.code, json.loads(done.out)["newest"]) == (4, None)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("at", [253_402_300_799_000, -62_135_596_800_000])
def test_a_time_that_is_none_in_some_zones_is_not_shown_in_them(
    shell: Shell, quick: Quick, ids: list[str], at: int, zone: str
) -> None:
    """The first and the last hours there are lie outside of the calendar of whoever lives elsewhere."""
    edit(shell, "UPDATE session SET created_at = ?1, last_activity_at = ?1, updated_at = ?1", at)
    edit(shell, "UPDATE audit SET at = ?", at)
    edit(shell, "UPDATE message SET at = ?", at)
    for line in ("sessions list", f"sessions show {ids[0]}", "sessions stats", "audit list", "people list", "doctor"):
        done = quick(*line.split(), PALAVER_SESSIONS__TIMEZONE=zone)
        assert done.code in CODES, (line, done)


def test_an_id_that_was_changed_does_nothing_to_a_terminal(shell: Shell, quick: Quick, ids: list[str]) -> None:
    """Codes that a terminal obeys are shown, not sent, wherever the id of a damaged row is said."""
    edit(shell, "UPDATE session SET id = char(7) || 'red' || char(10) || 'line' WHERE number = 1")
    for line in ("sessions list", "db verify", "keys verify", "people list", "sessions stats", "sessions search teal"):
        done = quick(*line.split())
        assert "\a" not in done.out + done.err, line
        assert not any(text.startswith("line") for text in done.lines), line
