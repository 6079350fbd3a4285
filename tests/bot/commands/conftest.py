"""A person whose conversations are kept in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bot.commands.person import Person, manager
from tests.conftest import ManualClock


@pytest.fixture
async def ann(clock: ManualClock) -> AsyncIterator[Person]:
    async with manager(clock) as sessions:
        yield Person(sessions, clock)
