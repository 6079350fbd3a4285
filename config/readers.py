"""Readers: from what a file, a variable or a flag holds to a value; a `ValueError` says what is allowed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import time
from pathlib import Path

from pydantic import SecretStr

from config.login import login

SCOPES = ("main", "per-peer", "per-channel", "per-channel-peer")
_KEY_SIZE = 32
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_PERSON = re.compile(r"console:\S+|telegram:(chat:-?)?[0-9]+|discord:[0-9]+")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ID = re.compile(r"[0-9]{1,20}")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def none_if_empty(value: object) -> object:
    """Read an empty text as nothing."""
    return None if value == "" else value


def none_if_off(value: object) -> object:
    """Read `off` as nothing."""
    return None if isinstance(value, str) and value.strip().lower() == "off" else value


def none_if_same(value: object) -> object:
    """Read `same` as nothing: what holds elsewhere holds."""
    return None if isinstance(value, str) and value.strip().lower() == "same" else value


def read_number(value: object) -> object:
    """Refuse truth values, which would count as 0 and 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def read_time(value: object) -> object:
    """Read a time of day in hours and minutes."""
    if isinstance(value, str) and (match := _TIME.fullmatch(value.strip())):
        return time(int(match[1]), int(match[2]))
    if value is None or (isinstance(value, time) and value == time(value.hour, value.minute)):
        return value
    raise ValueError("must be a time of day like 04:30, or off")


def read_list(value: object) -> object:
    """Read what a variable or a flag can carry: `a, b` or a JSON list."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('must be a list like ["a", "b"], or a, b') from None


def read_word(value: object) -> object:
    """Read one of some words in whatever case."""
    return value.strip().lower() if isinstance(value, str) else value


def read_scope(value: object) -> object:
    """Read a scope in its full or its short spelling."""
    if not isinstance(value, str):
        return value
    name = value.strip().lower()
    return f"per-{name}" if f"per-{name}" in SCOPES else name


def read_path(value: object) -> object:
    """Read a path; `~` is the person's folder, a relative one starts where the program was started."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("must be a path")
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise ValueError("must be a path; nobody on this machine has that name") from None


def check_word(value: str) -> str:
    """Refuse an empty entry."""
    if not value.strip():
        raise ValueError("must be a list of words, none of them empty")
    return value.strip()


def read_tag(value: str) -> str:
    """Put the name of whoever runs the program in the place of `${USER}`."""
    strange = [name for name in _VARIABLE.findall(value) if name != "USER"]
    if strange:
        raise ValueError(f"must be a list of words; ${{USER}} is known in them, ${{{strange[0]}}} is not")
    return check_word(value.replace("${USER}", login()) if "${USER}" in value else value)


def check_person(value: str) -> str:
    """Let `platform:id` pass."""
    if not _PERSON.fullmatch(value):
        raise ValueError(
            "must be a list of platform:id, like telegram:42 (platforms: console, telegram, discord); the id is the "
            "number that the platform gives, never a name"
        )
    return value


def check_operator(value: str) -> str:
    """Let `platform:id` pass, but no chat: behind one there may be anybody."""
    if ":chat:" in value:
        raise ValueError("must be a list of platform:id, like telegram:42; a chat can not be an operator")
    return check_person(value)


def read_id(value: object) -> object:
    """Read a numeric id, with or without quotes."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _ID.fullmatch(text.strip()):
        raise ValueError("must be a list of numeric ids, like 123456789012345678")
    return text.strip()


def check_webhook_secret(value: SecretStr) -> SecretStr:
    """Let pass what Telegram takes as a secret token."""
    if not _WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("must be 1 to 256 of A-Z, a-z, 0-9, _ and -; make one with: openssl rand -hex 32")
    return value


def check_key(value: SecretStr) -> SecretStr:
    """Let base64 of 32 bytes pass: never a phrase, which a machine can guess."""
    try:
        key = base64.b64decode(value.get_secret_value().strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_SIZE:
        raise ValueError("must be base64 of 32 random bytes (44 characters); make one with: openssl rand -base64 32")
    return value


def check_token(value: SecretStr) -> SecretStr:
    """Let one printable word pass."""
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("must be one word without spaces; paste it again, on one line")
    return value
