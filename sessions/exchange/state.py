"""State: a session as it goes to another machine: its stamps on a line, and then the lossless export."""

from __future__ import annotations

import json

from sessions.errors import InvalidValue
from sessions.exchange.facts import Facts, Stamps, decode_stamps, encode_stamps, observed
from sessions.exchange.packing import MOST_CONTENT
from sessions.exchange.trouble import BadBundle
from sessions.export.json_format import to_json
from sessions.export.json_reader import from_json
from sessions.export.strict_json import parse
from sessions.export.times import to_ms
from sessions.export.transcript import Transcript
from sessions.session import Session

_MOST_STAMPS = 4 * 1024 * 1024  # bytes


def write_state(transcript: Transcript, stamps: Stamps) -> bytes:
    """Write a session with all that is known of it."""
    return json.dumps(encode_stamps(stamps)).encode() + b"\n" + to_json(transcript).encode()


def read_state(content: bytes) -> tuple[Transcript, Stamps]:
    """Read what `write_state` made. Raises `BadBundle`."""
    line, _, text = content.partition(b"\n")
    try:
        stamps = decode_stamps(parse(line, max_bytes=_MOST_STAMPS))
        transcript = from_json(text, max_bytes=MOST_CONTENT)
    except InvalidValue as error:
        raise BadBundle(f"it holds no session: {error}") from None
    return transcript, stamped(stamps, transcript.session)


def stamped(stamps: Stamps, session: Session) -> Stamps:
    """Give the stamps of a session, with what was changed since they were made."""
    return observed(stamps, Facts.of(session), to_ms(session.updated_at))
