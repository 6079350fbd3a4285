"""Wire: how requests go to Telegram."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from httpx import create_ssl_context
from telegram import Bot
from telegram.error import BadRequest, NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

if TYPE_CHECKING:
    from telegram._utils.types import JSONDict, ODVInput, UploadFileDict

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


class Wire(BaseRequest):
    """Requests over HTTP, whose refusals say what to do, and which logs nothing of what is said.

    Not by the library's own way: with many chats at once that takes five to nine times as long.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def read_timeout(self) -> float:
        """The seconds that an answer may take if nothing else is said."""
        return SECONDS

    async def initialize(self) -> None:
        """Begin, or begin again; connections are made when they are needed."""
        self._closed = False

    async def shutdown(self) -> None:
        """Close all connections."""
        session, self._session, self._closed = self._session, None, True
        if session is not None:
            await session.close()

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
        """Send a request; give status and body. Only `read_timeout` can be chosen."""
        seconds = float(read_timeout) if isinstance(read_timeout, int | float) else SECONDS
        status, body = await self._exchange(url, method, request_data, seconds)
        if status == HTTPStatus.UNAUTHORIZED:
            raise TokenRefused
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Flooded(_retry_after(body))
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise BadRequest("Request Entity Too Large")
        return status, body

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise NetworkError("closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=create_ssl_context()),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self.USER_AGENT},
                trust_env=True,  # a proxy is named by the environment
            )
        return self._session

    async def _exchange(
        self, url: str, method: str, request_data: RequestData | None, read: float
    ) -> tuple[int, bytes]:
        files = request_data.multipart_data if request_data else {}
        writing = FILE_SECONDS if files else SECONDS
        limits = aiohttp.ClientTimeout(
            total=2 * SECONDS + writing + read, connect=2 * SECONDS, sock_connect=SECONDS, sock_read=read
        )
        try:
            async with self._open().request(
                method,
                url,
                data=_form(request_data.json_parameters if request_data else {}, files),
                timeout=limits,
                allow_redirects=False,
            ) as answer:
                return answer.status, await answer.read()
        except TimeoutError:
            raise TimedOut from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The name of it and no more: the rest may hold the address, and so the token.
            raise NetworkError(type(error).__name__) from None

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
    wire = Wire()
    return Bot(token, base_url=f"{base}/bot", base_file_url=f"{base}/file/bot", request=wire, get_updates_request=wire)


def _form(said: Mapping[str, str], files: UploadFileDict) -> aiohttp.FormData | None:
    """Write what is said as a form, with the files if there are any."""
    if not said and not files:
        return None
    form = aiohttp.FormData(quote_fields=False)  # names of files are UTF-8, which Telegram shows as they are
    for name, value in said.items():
        form.add_field(name, value)
    for name, (filename, content, media_type) in files.items():
        form.add_field(name, content, filename=filename, content_type=media_type)
    return form


def _retry_after(body: bytes) -> float:
    try:
        return max(0.0, float(json.loads(body)["parameters"]["retry_after"]))
    except (ValueError, KeyError, TypeError):
        return 1.0
