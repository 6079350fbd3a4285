"""The body of a request of the bot: a document, and files beside it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from tests.fakes.discord.document import Document
from tests.fakes.discord.refusal import ApiRefusal

FILE_BYTES, REQUEST_BYTES, FILES = 10 * 1024 * 1024, 25 * 1024 * 1024, 10


@dataclass(frozen=True, slots=True)
class Body:
    """What came in; `listed` holds the document when it is a list."""

    document: Document = field(default_factory=dict)
    files: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    listed: list[Document] | None = None

    @property
    def value(self) -> object:
        """The document as it was sent."""
        return self.document if self.listed is None else self.listed


async def read_body(request: web.Request) -> Body:
    """Read JSON or a form with files, and refuse what is too large."""
    if request.content_type.startswith("multipart/"):
        return await _read_form(request)
    raw = await request.read()
    return _parsed(raw, {})


async def _read_form(request: web.Request) -> Body:
    document, files = b"", {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = bytes(await part.read())
        if part.name == "payload_json":
            document = content
        elif match := re.fullmatch(r"files\[(\d+)\]", part.name or ""):
            files[int(match[1])] = (part.filename or "unknown", content)
    _check_sizes([content for _, content in files.values()])
    return _parsed(document, files)


def _check_sizes(contents: list[bytes]) -> None:
    if any(len(content) > FILE_BYTES for content in contents) or sum(map(len, contents)) > REQUEST_BYTES:
        raise ApiRefusal(413, 40005)
    if len(contents) > FILES:
        raise ApiRefusal(400, 30015)


def _parsed(raw: bytes, files: dict[int, tuple[str, bytes]]) -> Body:
    try:
        value = json.loads(raw) if raw else {}
    except ValueError:
        raise ApiRefusal(400, 50109) from None
    if isinstance(value, list):
        return Body(listed=[item for item in value if isinstance(item, dict)])
    if not isinstance(value, dict):
        raise ApiRefusal(400, 50109)
    return Body(value, files)
