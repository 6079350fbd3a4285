"""The form in which the row of a session waits in a store until all of the session has arrived: JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from operator import attrgetter

from sessions.plain_json import encode_json
from sessions.records import Arrival, SessionRow

_BLOBS = ("key_idx", "owner_idx", "profile", "wrapped", "commitment", "mac")  # the fields that hold bytes
_PLAIN = tuple(field.name for field in fields(SessionRow) if field.name not in _BLOBS)
_NAMES = (*_PLAIN, *_BLOBS)
_plain, _blobs = attrgetter(*_PLAIN), attrgetter(*_BLOBS)
_Value = int | str | None


def encode_arrival(arrival: Arrival) -> bytes:
    """Write as JSON; bytes, sealed or not, as hex digits. Of the other row there is only what differs."""
    values = _values(arrival.row)
    other = None if arrival.instead is None else _differing(values, _values(arrival.instead))
    return encode_json([values, other, arrival.sources])


def decode_arrival(data: bytes) -> Arrival:
    """Read what `encode_arrival` made."""
    values, other, sources = json.loads(data)
    row = SessionRow(**_read(zip(_NAMES, values, strict=True)))  # type: ignore[arg-type]  # as they were written
    if other is None:
        return Arrival(row, None, tuple(sources))
    instead = row.copy()
    for name, value in _read(other.items()).items():
        setattr(instead, name, value)
    return Arrival(row, instead, tuple(sources))


def _values(row: SessionRow) -> list[_Value]:
    return [*_plain(row), *(blob.hex() for blob in _blobs(row))]


def _differing(values: list[_Value], others: list[_Value]) -> dict[str, _Value]:
    return {name: other for name, value, other in zip(_NAMES, values, others, strict=True) if other != value}


def _read(named: Iterable[tuple[str, _Value]]) -> dict[str, _Value | bytes]:
    return {name: bytes.fromhex(str(value)) if name in _BLOBS else value for name, value in named}
