"""A backend that is made when it is first asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot.deferred_backend import DeferredBackend
from bot.models.choose import ModelSettings
from bot.models.errors import ModelRefused
from tests.bot.models.talk import ask, hear
from tests.bot.shell import ROOT, Shell


async def test_it_answers_as_the_backend_it_stands_for() -> None:
    """The name is known before, the words come when they are asked for."""
    backend = DeferredBackend(ModelSettings())
    assert backend.name == "echo"

    heard = await hear(backend, ask("hello"))
    assert "hello" in heard.text
    assert heard.finished is not None
    await backend.close()


async def test_settings_that_can_not_work_are_told_by_the_first_reply() -> None:
    """Making it never fails; asking it does, with advice, as often as one asks."""
    backend = DeferredBackend(ModelSettings(backend="openai", name="x"))
    for _ in range(2):
        assert isinstance((await hear(backend, ask("hello"))).error, ModelRefused)
    await backend.close()


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_who_only_looks_around_does_not_load_the_sdk(shell: Shell, vendor: str) -> None:
    """A chat of commands alone starts as quickly with a real model as with the echo."""
    settings = {"PALAVER_MODEL__BACKEND": vendor, "PALAVER_MODEL__NAME": "x", "PALAVER_MODEL__API_KEY": "k"}
    program = "import sys; from bot.cli import main; main(); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program, "chat", "/session"],
        cwd=ROOT,
        env=shell.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Conversation" in done.stdout
    assert vendor not in done.stderr.split()
