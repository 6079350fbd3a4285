"""What is checked before anything is sent."""

from __future__ import annotations

import logging

import pytest

from bot.models.errors import ModelRefused
from bot.models.vendor import checked_address, checked_key
from tests.bot.models.talk import Vendor, ask, hear
from tests.fakes.model_server import Answer


@pytest.mark.parametrize("key", ["sk-canary\n", "sk canary", "sk-canarÿ", "sk-canary\x00"])
def test_a_damaged_key_is_refused_without_showing_it(key: str) -> None:
    """A key with a line break or blank never gets as far as a header, nor into the error."""
    with pytest.raises(ModelRefused, match=r"model\.api_key") as refused:
        checked_key(key, base_url=None)

    assert "canar" not in str(refused.value)


def test_a_missing_key_is_refused_only_where_one_is_needed() -> None:
    """The vendor wants a key; a server of one's own may do without."""
    assert checked_key(None, base_url="http://127.0.0.1/v1") == "no-key"
    with pytest.raises(ModelRefused, match=r"Set model\.api_key"):
        checked_key("", base_url="")


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8080/v1",
        "ftp://example.org",
        "http://",
        "http://[",
        "http://host:port/v1",
        "https://me:sk-canary@host/v1",
    ],
)
def test_an_address_that_can_not_work_is_refused(address: str) -> None:
    """The setting is named; an address that holds a password is not repeated."""
    with pytest.raises(ModelRefused, match=r"model\.base_url") as refused:
        checked_address(address, default="https://example.org")

    assert "canary" not in str(refused.value)


def test_an_address_is_the_given_one_or_the_vendors() -> None:
    """Nothing else decides where words go."""
    assert checked_address("http://127.0.0.1:1/v1", default="https://example.org") == "http://127.0.0.1:1/v1"
    assert checked_address(None, default="https://example.org") == "https://example.org"


async def test_words_and_keys_stay_out_of_the_debug_log(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """Debugging the whole program does not write conversations to the log."""
    caplog.set_level(logging.DEBUG)
    vendor.server.then(Answer(words=("canary-reply",)))
    await hear(vendor.backend(), ask("canary-words"))
    logging.getLogger("something.else").debug("the log is on")

    assert "the log is on" in caplog.text
    assert "canary" not in caplog.text
