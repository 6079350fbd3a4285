"""From settings to a backend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.models.choose import ModelSettings, make_backend
from bot.models.errors import ModelRefused
from tests.bot.models.talk import KEY, Vendor, ask, hear
from tests.fakes.model_server import Answer

ROOT = Path(__file__).parents[3]


async def test_echo_is_the_default() -> None:
    """Without any setting there is a backend that answers."""
    backend = make_backend(ModelSettings())

    assert backend.name == "echo"
    assert (await hear(backend, ask("hello"))).text.startswith("You said: “hello”")
    await backend.close()


async def test_the_settings_reach_the_service(vendor: Vendor) -> None:
    """Name, key, address and time limits are those of the settings."""
    url = vendor.server.openai_url if vendor.name == "openai" else vendor.server.anthropic_url
    backend = make_backend(
        ModelSettings(backend=vendor.name, name="m-1", base_url=url, api_key=KEY, idle_timeout=0.2, retries=0)
    )
    vendor.server.then(Answer(words=("a",), ending="stall"))
    heard = await hear(backend, ask("hi"))
    await backend.close()

    assert backend.name == vendor.name
    assert vendor.server.requests[0].body["model"] == "m-1"
    assert KEY in str(vendor.server.requests[0].headers)
    assert heard.error is not None
    assert "1 second" in heard.error.advice


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (ModelSettings(backend="gpt"), r"model\.backend is 'gpt'; it can be echo, openai, anthropic"),
        (ModelSettings(backend="openai", api_key=KEY), r"Set model\.name"),
        (ModelSettings(backend="openai", name="m"), r"Set model\.api_key"),
        (ModelSettings(backend="anthropic", name="m"), r"Set model\.api_key"),
        (ModelSettings(backend="anthropic", name="m", base_url="here"), r"model\.base_url"),
    ],
)
def test_a_setting_that_can_not_work_is_refused_at_once(settings: ModelSettings, named: str) -> None:
    """The error names the setting, before anything is sent."""
    with pytest.raises(ModelRefused, match=named):
        make_backend(settings)


def test_the_repr_of_settings_holds_no_key() -> None:
    """Settings can be logged."""
    assert KEY not in repr(ModelSettings(api_key=KEY))


def test_echo_loads_no_sdk() -> None:
    """Who needs no service does not pay for its SDK."""
    code = (
        "import sys; from bot.models import ModelSettings, make_backend; make_backend(ModelSettings());"
        "print([name for name in ('openai', 'anthropic', 'httpx', 'httpx2', 'pydantic') if name in sys.modules])"
    )

    assert _python("-c", code) == "[]"


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_missing_sdk_says_how_to_install_it(name: str) -> None:
    """Without the SDK the error is one line with the command to type."""
    code = (
        f"from bot.models import *\ntry: make_backend(ModelSettings(backend={name!r}, name='m', api_key='k'))\n"
        "except ModelError as error: print(error.advice)"
    )

    assert f"pip install palaver[{name}]" in _python("-S", "-c", code)


def _python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
