"""Parameters: what came with a request, read as the server reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.web_request import FileField

from tests.fakes.telegram.failure import bad
from tests.fakes.telegram.message import Json

PLAIN = {"text", "caption", "description", "short_description", "name", "title", "callback_query_id", "secret_token"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request."""

    name: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one call: strings out of a form, anything out of a JSON document."""

    values: Json = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    @classmethod
    async def read(cls, request: web.Request) -> Parameters:
        """Read them from the query string and from the body, whichever of the four forms it has."""
        values: Json = dict(request.query)
        files: dict[str, Upload] = {}
        if request.content_type == "application/json":
            document = await request.json() if request.can_read_body else {}
            if not isinstance(document, dict):
                raise bad("can't parse the JSON document")
            values.update(document)
        else:
            for name, part in (await request.post()).items():
                if isinstance(part, FileField):
                    with part.file:
                        files[name] = Upload(part.filename, part.file.read(), part.content_type)
                else:
                    values[name] = part.decode() if isinstance(part, bytes | bytearray) else part
        return cls(values, files)

    def as_received(self) -> Json:
        """Give them for a test to look at: lists and objects are parsed, files are named."""
        shown: Json = {name: _shown(name, value) for name, value in self.values.items()}
        return {**shown, **{name: upload.name for name, upload in self.files.items()}}

    def text(self, name: str) -> str:
        """Give a string, empty where there is none."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """Give a whole number, None where there is none."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        try:
            return int(str(value))
        except ValueError:
            raise bad(f'parameter "{name}" must be a number') from None

    def flag(self, name: str) -> bool:
        """Tell whether something is asked for."""
        return self.text(name).lower() in ("true", "1", "yes", "t", "y")

    def parsed(self, name: str) -> object:
        """Give a list or an object, None where there is none."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad(f"can't parse {name}: the JSON is broken") from None

    def mapping(self, name: str) -> Json:
        """Give an object, empty where there is none."""
        value = self.parsed(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise bad(f"object expected as {name.replace('_', ' ')}")
        return value


def _shown(name: str, value: object) -> object:
    if not isinstance(value, str) or name in PLAIN or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
