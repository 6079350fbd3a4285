"""A running fake service, and each vendor pointed at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bot.models.talk import Vendor
from tests.fakes.model_server import ModelServer


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer.open() as running:
        yield running


@pytest.fixture(params=["openai", "anthropic"])
async def vendor(request: pytest.FixtureRequest, server: ModelServer) -> AsyncIterator[Vendor]:
    chosen = Vendor(str(request.param), server)
    yield chosen
    await chosen.close()
