"""The form in which the row of a session waits in a store until all of the session has arrived."""

from __future__ import annotations

import json
from dataclasses import fields

from sessions.plain_json import encode_json
from sessions.records import Arrival, SessionRow

_NAMES = tuple(field.name for field in fields(SessionRow))
_BYTES = ("key_idx", "owner_idx", "profile", "wrapped", "commitment", "mac")  # the fields that hold bytes
_Plain = list[int | str | None]


def encode_arrival(arrival: Arrival) -> bytes:
    """Write as JSON; bytes, sealed or not, as hex digits."""
    instead = None if arrival.instead is None else _plain(arrival.instead)
    return encode_json([_plain(arrival.row), instead, arrival.sources])


def decode_arrival(data: bytes) -> Arrival:
    """Read what `encode_arrival` made."""
    row, instead, sources = json.loads(data)
    return Arrival(_row(row), None if instead is None else _row(instead), tuple(sources))


def _plain(row: SessionRow) -> _Plain:
    return [value.hex() if isinstance(value := getattr(row, name), bytes) else value for name in _NAMES]


def _row(plain: _Plain) -> SessionRow:
    values = [bytes.fromhex(str(value)) if name in _BYTES else value for name, value in zip(_NAMES, plain, strict=True)]
    return SessionRow(*values)  # type: ignore[arg-type]  # as they were written
