"""Readers: from what a file, a variable or a flag holds to a value; a `ValueError` says what is allowed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import time
from pathlib import Path

from pydantic import SecretStr

SCOPES = ("main", "per-peer", "per-channel", "per-channel-peer")
_KEY_SIZE = 32
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_PERSON = re.compile(r"(console|telegram|discord):\S+")


def none_if_empty(value: object) -> object:
    """Read an empty text as nothing."""
    return None if value == "" else value


def none_if_off(value: object) -> object:
    """Read `off` as nothing."""
    return None if isinstance(value, str) and value.strip().lower() == "off" else value


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


def check_person(value: str) -> str:
    """Let `platform:id` pass."""
    if not _PERSON.fullmatch(value):
        raise ValueError("must be a list of platform:id, like telegram:42 (platforms: console, telegram, discord)")
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
