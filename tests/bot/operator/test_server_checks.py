"""palaver doctor where conversations are kept on a PostgreSQL server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.operator.finding import Finding, Verdict
from bot.operator.server_checks import judge_server
from sessions.postgres.schema import LATEST
from sessions.postgres.state import ServerState
from tests.bot.shell import Shell

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)
SOUND = ServerState(
    schema_version=LATEST,
    sessions=2,
    newest=MS - 60_000,
    version="15.4",
    version_number=150_004,
    clock=MS + 1_000,
    encrypted=True,
    room=90,
)


def judged(state: ServerState) -> dict[str, Finding]:
    return {one.what: one for one in judge_server("postgresql://db", state, NOW)}


def test_a_sound_server_has_no_warning() -> None:
    """Everything that can be asked is told, and is ok."""
    found = judged(SOUND)
    assert {one.verdict for one in found.values()} == {Verdict.OK}
    assert list(found) == ["Store", "Server", "Durability", "Clock", "Connection", "Connections"]
    assert found["Store"].found == f"postgresql://db answers, 2 sessions, schema {LATEST}"


@pytest.mark.parametrize(
    ("state", "what", "verdict", "words"),
    [
        (SOUND._replace(version="13.9", version_number=130_009), "Server", Verdict.PROBLEM, "PostgreSQL 13.9"),
        (SOUND._replace(unsafe=("fsync",)), "Durability", Verdict.PROBLEM, "fsync is off"),
        (
            SOUND._replace(unsafe=("fsync", "full_page_writes")),
            "Durability",
            Verdict.PROBLEM,
            "fsync and full_page_writes are off",
        ),
        (SOUND._replace(standby=True), "Store", Verdict.WARNING, "it is a standby"),
        (SOUND._replace(schema_version=LATEST - 1), "Store", Verdict.WARNING, "is the newest"),
        (SOUND._replace(clock=MS + 3_600_000), "Clock", Verdict.PROBLEM, "the server's 2026-01-31 13:00"),
        (SOUND._replace(clock=MS - 3_600_000), "Clock", Verdict.PROBLEM, "the server's 2026-01-31 11:00"),
        (SOUND._replace(newest=MS + 3_600_000), "Clock", Verdict.PROBLEM, "something was stored at 2026-01-31 13:00"),
        (SOUND._replace(newest=1 << 62), "Clock", Verdict.PROBLEM, "a time that is none"),
        (SOUND._replace(encrypted=False, address="8.8.8.8"), "Connection", Verdict.WARNING, "not encrypted"),
        (SOUND._replace(encrypted=False, address="10.0.0.7"), "Connection", Verdict.OK, "private network"),
        (SOUND._replace(encrypted=False), "Connection", Verdict.OK, "this machine"),
        (SOUND._replace(room=9), "Connections", Verdict.WARNING, "9 free"),
        (SOUND._replace(room=-1), "Connections", Verdict.WARNING, "0 free"),
    ],
)
def test_what_is_wrong_with_a_server_is_found(state: ServerState, what: str, verdict: Verdict, words: str) -> None:
    """Each with how to mend it, unless there is nothing to mend; and nothing else is."""
    found = judged(state)
    assert found[what].verdict is verdict
    assert words in found[what].found
    assert bool(found[what].mend) is (verdict is not Verdict.OK)
    assert [one.what for one in found.values() if one.verdict is not Verdict.OK] == [what] * (verdict is not Verdict.OK)


def test_what_only_speaks_the_protocol_is_no_problem() -> None:
    """Of a database that tells nothing of this, nothing is said."""
    found = judged(ServerState(schema_version=LATEST))
    assert list(found) == ["Store", "Server", "Durability"]
    assert {one.verdict for one in found.values()} == {Verdict.OK}


def test_doctor_asks_the_server_and_not_sqlite(tmp_path: Path, database: str) -> None:
    """The bug of SQLite's log is none there; the clocks are compared, and the server's own settings are looked at."""
    shell = Shell(tmp_path / "home", {"PALAVER_STORE__URL": database})
    shell.chat("hello")
    said = {one["what"]: one for one in json.loads(shell.run("doctor", "--json").out)}
    assert "SQLite" not in said
    assert said["Server"]["found"].startswith("PostgreSQL ")
    assert "answers, 1 session" in said["Store"]["found"]
    assert said["Clock"]["verdict"] == said["Connection"]["verdict"] == said["Key"]["verdict"] == "ok"
    assert "Durability" in said
