"""Looking: what all commands that only look have in common."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.operator.when import parse_end, parse_moment
from bot.shell import complain, settings_for
from config.errors import SettingsError
from config.settings import Settings
from sessions.errors import SessionError
from sessions.message import JsonValue

INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended
# JSON leaves these as they are, and some terminals act on them.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")


def look(work: Callable[[Settings], Awaitable[int]], *, home: Path | None, config_file: Path | None) -> int:
    """Run `work` with the settings; give the code to end with, after saying what went wrong."""

    async def run(settings: Settings) -> int:
        return await work(settings)

    try:
        return asyncio.run(run(settings_for(home=home, config_file=config_file)))
    except (SettingsError, SessionError) as error:
        return complain(error)


def zone_of(settings: Settings) -> tzinfo:
    """Give the time zone in which the operator says dates."""
    return ZoneInfo(settings.sessions.timezone)


def since_of(text: str | None, settings: Settings) -> datetime | None:
    """Read `--since`. Raises `InvalidValue`."""
    return None if text is None else parse_moment(text, zone_of(settings))


def until_of(text: str | None, settings: Settings) -> datetime | None:
    """Read `--until`: a day is included whole. Raises `InvalidValue`."""
    return None if text is None else parse_end(text, zone_of(settings))


def as_json(value: Mapping[str, JsonValue]) -> str:
    """Write an object on one line, in which a terminal finds nothing to act on."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
