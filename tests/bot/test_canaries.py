"""What the bot stores and logs tells no word, name, id or token of anybody, whatever is done on both platforms."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from tests.bot.running import DISCORD_TOKEN, TELEGRAM_TOKEN, running
from tests.bot.test_discord_visit import environ as on_discord
from tests.bot.test_telegram_visit import environ as on_telegram
from tests.bot.visit import offered
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.server import FakeTelegram
from tests.sessions.test_canaries import files_in, forms

NAME, USERNAME, USER = "Zebedee", "quillfeather", 7_712_345_678
WORDS = ("marzipan", "calliope", "sarsaparilla", "obsidian")
LINES = (
    "say {0}",
    "/new {1}",
    "say {0}",
    '/checkpoint save "{2}" {3}',
    "/session title {1}",
    "/session tag {2}",
    "/history",
    "/history search {0}",
    "/history export",
    "/history export html",
    "/session list",
    "/fork {3}",
    "/session reset-time 04:00 Europe/Berlin",
    "/link",
    "/mydata",
    "/whoami",
    "/resume {1}",
    "/nonsense {0}",
)


async def test_nothing_on_disk_or_in_the_log_tells_anything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Database, log of the database, lock, socket, temporary files and every log line, at every level of ours."""
    caplog.set_level(logging.DEBUG, logger="adapters")
    caplog.set_level(logging.DEBUG, logger="bot")
    caplog.set_level(logging.DEBUG, logger="sessions")
    home = tmp_path / "home"
    async with FakeTelegram.running(token=TELEGRAM_TOKEN) as telegram, FakeDiscord.running(token=DISCORD_TOKEN) as fake:
        here, there = telegram.person(USER, NAME, username=USERNAME), fake.person(NAME)
        chat, dm = telegram.private_chat(here), fake.dm(there)
        group = telegram.group("Marquetry", members=[here])
        environ = {**on_telegram(telegram), **on_discord(fake), "PALAVER_ACCESS__MESSAGES_PER_MINUTE": "0"}
        async with running(home, environ, paced=False):
            await fake.connected(timeout=10)
            for line in LINES:
                said = line.format(*WORDS)
                await telegram.say(here, said, chat=chat)
                await telegram.say(here, f"@palaver_bot {said}", chat=group)
                await fake.say(there, said, channel=dm)
            await offered(fake)
            await fake.slash(there, "session title", channel=dm, text=WORDS[1])
            await telegram.until(lambda: telegram.pending == 0, timeout=30)
            await asyncio.sleep(1)
            running_files = _found(home, str(there.id))
        assert running_files == {}
    assert _found(home, str(there.id)) == {}
    assert _told(caplog.text.encode(), str(there.id)) == set()
    assert len(files_in(home)) >= 2
    assert _told(f"a log line with {NAME} in it".encode(), str(there.id)) == {NAME}  # the search finds what there is


def _canaries(discord_id: str) -> tuple[str, ...]:
    return (*WORDS, NAME, USERNAME, str(USER), discord_id, TELEGRAM_TOKEN, DISCORD_TOKEN, "Marquetry")


def _told(data: bytes, discord_id: str) -> set[str]:
    return {canary for canary in _canaries(discord_id) if any(form in data for form in forms(canary))}


def _found(home: Path, discord_id: str) -> dict[str, set[str]]:
    files = [path for path in files_in(home) if path.is_file()]
    told = {str(path): _told(path.read_bytes(), discord_id) for path in files}
    return {path: canaries for path, canaries in told.items() if canaries}
