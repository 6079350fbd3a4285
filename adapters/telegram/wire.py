"""Wire: how requests go to Telegram."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from telegram import Bot
from telegram.error import BadRequest, TelegramError
from telegram.request import BaseRequest, HTTPXRequest, RequestData

if TYPE_CHECKING:
    from telegram._utils.types import JSONDict, ODVInput

from adapters.refusal import ChannelRefused

CONNECTIONS = 64
SECONDS, FILE_SECONDS = 15.0, 120.0  # that a request, or a file on its way, may take


class TokenRefused(TelegramError, ChannelRefused):
    """Telegram does not know the token."""

    def __init__(self) -> None:
        super().__init__(
            "Telegram refuses the token of the bot: copy it again from @BotFather, and look at api_url if you set it"
        )


class Flooded(TelegramError):
    """Too much was sent; nothing may be for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__("too many requests")


class Wire(HTTPXRequest):
    """Requests over HTTP, whose refusals say what to do, and which logs nothing of what is said."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        write_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        connect_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        pool_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Send a request; give status and body."""
        status, body = await super().do_request(
            url, method, request_data, read_timeout, write_timeout, connect_timeout, pool_timeout
        )
        if status == HTTPStatus.UNAUTHORIZED:
            raise TokenRefused
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Flooded(_retry_after(body))
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise BadRequest("Request Entity Too Large")
        return status, body

    @staticmethod
    def parse_json_payload(payload: bytes) -> JSONDict:
        """Read an answer."""
        try:
            parsed = json.loads(payload.decode(errors="replace"))
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise TelegramError("Invalid server response")
        return parsed


def connect(token: str, api_url: str) -> Bot:
    """Make a bot that speaks through a server; nothing is sent yet."""
    base = api_url.rstrip("/")
    wire = Wire(
        connection_pool_size=CONNECTIONS,
        read_timeout=SECONDS,
        write_timeout=SECONDS,
        connect_timeout=SECONDS,
        pool_timeout=SECONDS,
        media_write_timeout=FILE_SECONDS,
    )
    return Bot(token, base_url=f"{base}/bot", base_file_url=f"{base}/file/bot", request=wire, get_updates_request=wire)


def _retry_after(body: bytes) -> float:
    try:
        return max(0.0, float(json.loads(body)["parameters"]["retry_after"]))
    except (ValueError, KeyError, TypeError):
        return 1.0
