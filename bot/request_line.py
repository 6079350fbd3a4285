"""RequestLine: a request as it comes through the control socket, and what keeps a line from being one."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bot.arguments import form_of
from sessions.errors import InvalidValue
from sessions.message import JsonValue

HALF = "there is half a character (a lone surrogate) in the request; type it again, in characters that are whole"


def parsed(line: bytes) -> Mapping[str, JsonValue]:
    """Read a request. Raises `InvalidValue` naming what keeps it from being one; it quotes nothing of it."""
    if not line.strip():
        raise InvalidValue("the request is empty; it has to be one line of JSON")
    try:
        request = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise InvalidValue(f"the request is not UTF-8 (byte {error.start + 1})") from None
    except json.JSONDecodeError as error:
        raise InvalidValue(f"the request is not JSON: {error.msg} (character {error.pos + 1})") from None
    except ValueError:
        raise InvalidValue("the request is not JSON that can be read: a number in it is too long") from None
    except RecursionError:
        raise InvalidValue("the request is nested too deeply") from None
    if not isinstance(request, dict):
        raise InvalidValue(f'the request is {form_of(request)}; it has to be an object with "do"')
    if not isinstance(request.get("do"), str):
        raise InvalidValue('the request has no "do", a text that names what to do')
    if not is_whole(request):
        raise InvalidValue(HALF)
    return request


def is_whole(request: Mapping[str, JsonValue]) -> bool:
    """Tell whether all of it can be written as UTF-8, as it is to be stored and shown."""
    try:
        json.dumps(request, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True
