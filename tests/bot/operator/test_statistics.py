"""palaver sessions stats: counts, times, totals and charts."""

from __future__ import annotations

import asyncio
import json
import re
import struct
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.operator.bars import as_picture, in_characters, recent
from bot.operator.png import BLUE
from bot.startup import key_provider
from config import load_settings
from sessions.manager import SessionManager
from sessions.message import Usage
from tests.bot.operator.conversations import DAY, Quick, audited, begin, telegram
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import Shell
from tests.conftest import ManualClock


@pytest.fixture
def talk(shell: Shell) -> str:
    """A conversation of yesterday noon: answers after 2 and 5 seconds, and one without a question."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    clock = ManualClock(noon.timestamp())

    async def say(sessions: SessionManager) -> str:
        session = await sessions.new_session(telegram("42"))
        for role, pause in (
            ("user", 2),
            ("assistant", 1),
            ("user", 1),
            ("user", 5),
            ("assistant", 3600),
            ("assistant", 0),
        ):
            usage = Usage(100, 10, 50) if role == "assistant" else None
            await sessions.add_message(session.id, role=role, content=role, usage=usage)
            clock.advance(pause)
        await sessions.add_message(session.id, role="system", content="note")
        return session.id

    async def run() -> str:
        settings = load_settings(environ={"PALAVER_HOME": str(shell.home)})
        async with SessionManager.open(
            db_path=settings.store.path, encryption_key=key_provider(settings), backend="large", clock=clock
        ) as sessions:
            return await say(sessions)

    return asyncio.run(run())


def facts(out: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in out.splitlines() if re.match(r"[A-Z][A-Za-z ]+: ", line))
    return {name: value.strip() for name, value in pairs}


def test_one_conversation_is_told_in_numbers(talk: str, quick: Quick) -> None:
    """Roles, tokens, how long an answer took on average, first and last; the beginning of the id is enough."""
    done = quick("sessions", "stats", talk[:8])
    assert done.code == 0
    assert done.lines[0] == f"Session Statistics for {talk}"
    known = facts(done.out)
    assert (
        known
        | {
            "Total Messages": "7",
            "User Messages": "3",
            "Assistant Messages": "3",
            "System Messages": "1",
            "Input Tokens": "300",
            "Output Tokens": "30",
            "Cached Tokens": "150",
            "Total Tokens": "330",
            "Average Response Time": "3.5s",
            "Duration": "1h 0m",
        }
        == known
    )
    assert known["First Message"].endswith("T12:00:00Z")
    assert known["Last Message"].endswith("T13:00:09Z")
    assert done.lines[-1] == f"{known['First Message'][:10]}  7  {'#' * 40}"


def test_one_conversation_as_json(talk: str, quick: Quick) -> None:
    """The same, under stable names."""
    said = json.loads(quick("sessions", "stats", talk, "--json").out)
    assert said["by_role"] == {"user": 3, "assistant": 3, "system": 1}
    assert said["token_usage"] == {"input": 300, "output": 30, "cached": 150, "total": 330}
    assert (said["messages"], said["mean_response_seconds"], said["duration_seconds"]) == (7, 3.5, 3609.0)


def test_an_empty_conversation_has_no_times(shell: Shell, quick: Quick) -> None:
    """Nothing is divided by nothing."""
    session_id = begin(shell, telegram("1"))
    known = facts(quick("sessions", "stats", session_id).out)
    assert (known["Total Messages"], known["Average Response Time"], known["Duration"]) == ("0", "-", "-")
    assert json.loads(quick("sessions", "stats", session_id, "--json").out)["first_message"] is None


def test_totals_are_per_provider_person_and_day(talk: str, shell: Shell, quick: Quick) -> None:
    """Everything there is, the last two weeks as bars; no words are shown, so the audit tells nothing."""
    begin(shell, telegram("7"), "a", "b", days_ago=2)
    begin(shell, telegram("8"), "old", days_ago=100)
    said = json.loads(quick("sessions", "stats", "--json").out)
    assert (said["sessions"], said["messages"], said["token_usage"]["total"]) == (3, 10, 330)
    assert [(one["provider"], one["sessions"], one["messages"]) for one in said["by_provider"]] == [
        ("large", 1, 7), ("echo", 2, 3),
    ]  # fmt: skip
    assert [one["person"] for one in said["by_person"]] == ["telegram:42", "telegram:7", "telegram:8"]
    assert [one["messages"] for one in said["by_day"]] == [1, 2, 7]
    assert said["by_status"] == {"active": 3}
    done = quick("sessions", "stats")
    yesterday = datetime.fromtimestamp(time.time() - DAY, UTC).date().isoformat()
    bars = done.lines[-14:]
    assert [len(line.split()[2]) for line in bars if "#" in line] == [11, 40]
    assert f"{yesterday}  7  {'#' * 40}" in bars
    assert "large" in done.out
    assert audited(shell) == []


def test_at_a_terminal_it_is_shown_how_far_it_is(shell: Shell) -> None:
    """All conversations of a large store take a while."""
    for user in ("1", "2", "3"):
        begin(shell, telegram(user), "hello")
    with at_terminal(shell, "sessions", "stats") as terminal:
        terminal.shows("of 3 conversations")
        assert terminal.ends() == 0


def test_without_a_store_everything_is_nought(shell: Shell, quick: Quick) -> None:
    """Looking makes none; a conversation that is asked for is not there."""
    assert facts(quick("sessions", "stats").out)["Conversations"] == "0"
    assert json.loads(quick("sessions", "stats", "--json").out)["by_day"] == []
    assert quick("sessions", "stats", "abc").code == 1
    assert not shell.home.exists()


def test_a_picture_is_a_png(talk: str, quick: Quick, tmp_path: Path) -> None:
    """Of one or of all, for its owner only; where it can not be written that is said."""
    for name, which in (("one", [talk]), ("all", [])):
        file = tmp_path / f"{name}.png"
        done = quick("sessions", "stats", *which, "--png", str(file))
        assert (done.code, done.err) == (0, f"palaver: the chart is in {file}\n")
        assert any(BLUE in row for row in rows(file.read_bytes()))
        assert file.stat().st_mode & 0o077 == 0
    refused = quick("sessions", "stats", "--png", str(tmp_path / "none" / "chart.png"))
    assert refused.code == 1
    assert "can not be written (No such file or directory)" in refused.err


def rows(data: bytes) -> Iterator[bytes]:
    """Read a PNG strictly: every chunk with its checksum, every row of pixels."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += size + 12
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 3, 0, 0, 0]
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == height * (width + 1)
    assert len(chunks[b"PLTE"]) == 9
    for row in range(height):
        line = pixels[row * (width + 1) : (row + 1) * (width + 1)]
        assert line[0] == 0
        assert max(line) < 3
        yield line[1:]


def test_bars_are_as_long_as_they_should() -> None:
    """The largest fills the line, the smallest is seen, none is none, in characters as in pixels."""
    days = {date(2026, 1, day): count for day, count in ((1, 0), (2, 1), (3, 500), (4, 1_000))}
    assert list(in_characters(days)) == [
        "2026-01-01      0",
        "2026-01-02      1  #",
        "2026-01-03    500  " + "#" * 20,
        "2026-01-04  1,000  " + "#" * 40,
    ]
    pixels = list(rows(as_picture(days)))
    heights = [sum(row[30 + place * 64 + 32] == BLUE for row in pixels) for place in range(4)]
    assert heights == [0, 1, 120, 240]
    assert list(in_characters({})) == []
    assert len(list(rows(as_picture({})))) == 300


def test_the_last_days_end_today() -> None:
    """Days without anything have a place as well, across months."""
    shown = recent({date(2026, 2, 28): 5, date(2026, 1, 1): 9}, datetime(2026, 3, 1, 0, 5, tzinfo=UTC))
    assert (len(shown), min(shown), max(shown)) == (14, date(2026, 2, 16), date(2026, 3, 1))
    assert sum(shown.values()) == 5
