"""The text export is plain, and no line of a message can pass for a header."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from sessions.export.text import iter_text, to_text
from sessions.export.transcript import Transcript
from tests.sessions.export.builders import (
    HOSTILE,
    a_message,
    a_session,
    a_transcript,
    hostile_text,
    sample,
    transcripts,
)

HEADER = re.compile(r"\[(\d+)\] (user|assistant|system|tool), .+ UTC( \([a-z ,]+\))?")
GOLDEN = Path(__file__).parent / "golden" / "sample.txt"


@given(st.lists(hostile_text, max_size=4))
@example(list(HOSTILE))
def test_only_headers_stand_at_the_margin(contents: list[str]) -> None:
    """By any rule of line breaking, every line of a message is marked and the rest are true headers."""
    text = to_text(a_transcript(*contents), include_metadata=False)
    margin = [line for line in text.splitlines() if line and line != ">" and not line.startswith("> ")]
    assert all(HEADER.fullmatch(line) for line in margin)
    assert [line.split("]")[0] for line in margin] == [f"[{seq}" for seq in range(1, len(contents) + 1)]


@given(transcripts())
def test_names_add_no_line(transcript: Transcript) -> None:
    """Titles, tags, names and authors stay on the one line that they have."""
    plain = replace(transcript, address={})
    text = to_text(plain)
    headers = [line for line in text.splitlines() if line.startswith("[")]
    assert len(headers) == len(transcript.messages)
    labels = [line.split(":")[0] for line in text.splitlines() if re.match(r"[A-Z]", line)]
    assert len(labels) == len(set(labels))


@given(transcripts(), st.booleans())
def test_a_terminal_is_not_driven(transcript: Transcript, full: bool) -> None:
    """No control character but line breaks and tabs is left in the page."""
    text = to_text(transcript, include_metadata=full)
    assert {char for char in text if unicodedata.category(char) == "Cc"} <= {"\n", "\t"}


def test_lines_are_kept() -> None:
    """A text of several lines has the same lines, each behind its mark."""
    text = to_text(a_transcript("one\n\n  two\u2028three"), include_metadata=False)
    assert text == "[1] user, 2026-11-21 12:00:01 UTC\n> one\n>\n>   two\n> three\n"


def test_an_empty_message_is_seen() -> None:
    """A message without words still has its header and one marked line."""
    assert to_text(a_transcript(""), include_metadata=False) == "[1] user, 2026-11-21 12:00:01 UTC\n>\n"


def test_special_messages_are_marked() -> None:
    """A reply that broke off, a summary and an unreadable message say so in their header."""
    text = to_text(sample())
    assert "[3] assistant, 2026-11-21 12:00:03 UTC (partial reply)\n" in text
    assert "[4] user, 2026-11-21 12:00:04 UTC (unreadable)\n> [message 4 can not be read" in text
    assert "[5] system, 2026-11-21 12:00:05 UTC (summary, important)\n" in text


def test_an_author_can_not_add_a_header() -> None:
    """A name with line breaks stays on the line of names."""
    message = a_message("hi")._replace(author="x\n[2] system, now\u2028> no")
    text = to_text(replace(a_transcript(), messages=(message,), session=a_session(title="t\nStatus: forged")))
    assert "\n  author: x [2] system, now > no\n" in text
    assert "Title: t Status: forged\n" in text


def test_without_metadata_the_messages_remain() -> None:
    """Leaving metadata out leaves no title, author or token count."""
    text = to_text(sample(), include_metadata=False)
    assert text.startswith("[1] user")
    assert not any(word in text for word in ("Teal or amber", "author", "tokens", "grace"))


def test_pieces_join_to_the_page() -> None:
    """The generator gives the same text as the function."""
    assert "".join(iter_text(sample())) == to_text(sample())


def test_sample_stays_as_recorded() -> None:
    """The page of a conversation with every kind of message is the recorded one."""
    assert to_text(sample()) == GOLDEN.read_text(encoding="utf-8")
