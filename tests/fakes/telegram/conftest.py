"""What the tests of the stand-in need: the server, and the real library as its client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from telegram import Bot

from tests.conftest import ManualClock
from tests.fakes.telegram.server import FakeTelegram


@pytest.fixture(autouse=True)
def _newest_form_of_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library warns of the older form of retry_after wherever it meets one."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest_asyncio.fixture
async def telegram(clock: ManualClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram.running(clock=clock) as server:
        yield server


@pytest_asyncio.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    url = telegram.url
    async with Bot(telegram.token, base_url=f"{url}/bot", base_file_url=f"{url}/file/bot") as bot:
        yield bot


@pytest.fixture
def raw(telegram: FakeTelegram) -> str:
    return f"{telegram.url}/bot{telegram.token}"
