"""No log line tells a token, whoever writes it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from bot.logs import log_to_standard_error
from bot.redaction import HIDDEN, RedactingFilter
from tests.bot.log_state import log_state_kept

TELEGRAM = "123456789:AAF-abcdefghijklmnopqrstuvwxyz01234"
DISCORD = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz0123456789AB"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Give what a logger with the filter writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    log = logging.getLogger("palaver-redaction-test")
    log.addHandler(handler)
    log.propagate = False
    yield stream
    log.removeHandler(handler)


@pytest.mark.parametrize(
    "line",
    [
        f"POST https://api.telegram.org/bot{TELEGRAM}/getMe 200",
        f"token is {TELEGRAM}",
        f"Authorization: Bot {DISCORD}",
        "PATCH https://discord.com/api/v10/webhooks/1234/aW50ZXJhY3Rpb246MTIz.abc_def-ghi/messages/@original",
        "POST https://discord.com/api/v10/interactions/1234/aW50ZXJhY3Rpb246MTIz/callback",
    ],
)
def test_a_token_is_hidden_and_the_rest_is_kept(written: io.StringIO, line: str) -> None:
    """In the text, in an argument, and in the URL of an interaction."""
    log = logging.getLogger("palaver-redaction-test")
    log.warning(line)
    log.warning("said: %s", line)
    for secret in (TELEGRAM, DISCORD, "aW50ZXJhY3Rpb246MTIz"):
        assert secret not in written.getvalue()
    assert written.getvalue().count(HIDDEN) == 2
    assert line.split(maxsplit=1)[0].split("/bot", maxsplit=1)[0][:4] in written.getvalue()


def test_an_error_is_named_and_not_quoted(written: io.StringIO) -> None:
    """The text of an exception can hold a URL or words of a conversation."""
    log = logging.getLogger("palaver-redaction-test")
    try:
        raise ValueError(f"no answer from /bot{TELEGRAM}/sendMessage: my secret diary")  # noqa: TRY301
    except ValueError:
        log.exception("sending failed")
    assert written.getvalue() == "sending failed (ValueError)\n"


def test_what_holds_no_token_stays_as_it_is(written: io.StringIO) -> None:
    """Times, ids and versions are no tokens."""
    line = "12:34:56 channel 123456789012345678 of discord.py 2.7.1 at 127.0.0.1:8080"
    logging.getLogger("palaver-redaction-test").warning(line)
    assert written.getvalue() == f"{line}\n"


def test_libraries_that_write_urls_are_quiet() -> None:
    """Libraries like httpx are heard from warnings on; the handler has the filter."""
    with log_state_kept():
        log_to_standard_error()
        handlers = logging.getLogger().handlers
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        assert all(any(isinstance(f, RedactingFilter) for f in handler.filters) for handler in handlers)
