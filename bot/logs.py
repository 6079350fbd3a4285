"""Logs: what a program that runs writes to standard error: lines of text, or one JSON object a line."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

from bot.redaction import RedactingFilter
from bot.turn_facts import facts
from config.settings import LogSettings

OURS = ("adapters", "bot", "config", "sessions")
CHATTY = ("httpx", "httpcore", "telegram", "discord", "aiosqlite", "apscheduler", "aiohttp")  # heard from warnings on


class TextFormatter(logging.Formatter):
    """Writes a line; one of a turn ends with what is known of it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Write the line."""
        known = " ".join(f"{name}={value}" for name, value in facts().items())
        return f"{super().format(record)} [{known}]" if known else super().format(record)


def make_handler(form: str, stream: TextIO | None = None) -> logging.Handler:
    """Give what writes in a form, without any token and without the text of any error."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_json_formatter() if form == "json" else TextFormatter())
    handler.addFilter(RedactingFilter())
    return handler


def log_to_standard_error(settings: LogSettings | None = None) -> None:
    """Write logs to standard error. Below `info` only this program is heard: libraries write what people said there."""
    settings = settings or LogSettings()
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [make_handler(settings.format)]
    root.setLevel(max(level, logging.INFO))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _json_formatter() -> logging.Formatter:
    from structlog.processors import JSONRenderer
    from structlog.stdlib import ProcessorFormatter

    return ProcessorFormatter(
        foreign_pre_chain=[_completed],
        processors=[ProcessorFormatter.remove_processors_meta, JSONRenderer()],
    )


def _completed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say when, how grave, by whom and in which turn, before what."""
    record: logging.LogRecord = event["_record"]
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return {"time": at, "level": record.levelname.lower(), "logger": record.name, **facts(), **event}
