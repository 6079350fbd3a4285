"""The JSON export is complete, and reads back without loss."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessions.errors import InvalidValue
from sessions.export.json_format import iter_json, to_json
from sessions.export.json_reader import from_json
from sessions.export.transcript import StoredMessage, Transcript
from sessions.message import JsonValue, Usage
from tests.sessions.export.builders import a_message, a_transcript, sample, transcripts

GOLDEN = Path(__file__).parent / "golden" / "sample.json"


@given(transcripts())
def test_nothing_is_lost(transcript: Transcript) -> None:
    """What is read back equals what was written, and written again gives the same bytes."""
    text = to_json(transcript)
    assert from_json(text) == transcript
    assert to_json(from_json(text.encode())).encode() == text.encode()


@given(transcripts())
def test_without_metadata_words_and_branches_remain(transcript: Transcript) -> None:
    """The smaller file reads back too, with every message, branch and checkpoint and no person in it."""
    text = to_json(transcript, include_metadata=False)
    back = from_json(text)
    assert to_json(back, include_metadata=False) == text
    assert [one.message.content for one in back.stored] == [one.message.content for one in transcript.stored]
    assert (back.branches, back.checkpoints, back.head) == (
        transcript.branches,
        transcript.checkpoints,
        transcript.head,
    )
    assert back.address == back.session.metadata == {}
    assert {(one.message.author, one.message.usage, one.message.metadata) for one in back.stored} <= {
        (None, None, None)
    }


@given(transcripts())
def test_any_json_reader_can_read_it(transcript: Transcript) -> None:
    """The standard parser finds the messages, one on each line, as text and not as escapes."""
    text = to_json(transcript)
    document = json.loads(text)
    assert document["format"] == "palaver-session"
    assert document["version"] == 1
    assert [one["content"] for one in document["messages"]] == [one.message.content for one in transcript.stored]
    assert sum(line.startswith('{"n": ') for line in text.split("\n")) == len(transcript.stored)


def test_text_is_not_escaped_beyond_need() -> None:
    """Letters of all scripts stand as they are."""
    assert '"content": "žluťoučký 😀 שלום"' in to_json(a_transcript("žluťoučký 😀 שלום"))


@given(st.text(st.characters(), max_size=20))
@example("\ud800")
def test_it_is_always_utf_8(content: str) -> None:
    """Halves of characters, wherever they come from, do not reach the file."""
    message = a_message(content)._replace(author=content, metadata={"x": content})
    text = to_json(replace(a_transcript("x"), stored=(StoredMessage(1, 1, message),)))
    assert from_json(text.encode()).stored[0].message.metadata is not None


def test_other_branches_are_in_it() -> None:
    """What was said before a restore is in the file, and not on the branch one reads."""
    back = from_json(to_json(sample()))
    assert "the word is amber" in [one.message.content for one in back.stored]
    assert "the word is amber" not in [message.content for message in back.messages]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("-inf"), 10**5000, b"x", [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],
    ids=["nan", "inf", "5000 digits", "bytes", "depth"],
)
def test_metadata_that_could_not_be_read_back_is_named(value: JsonValue) -> None:
    """A file that no reader would take is not written; the error says which message is to blame."""
    message = a_message("hi", seq=7)._replace(metadata={"x": value})
    transcript = replace(a_transcript("hi"), stored=(StoredMessage(1, 1, message),))
    with pytest.raises(InvalidValue, match=r"metadata of message 7 of session [a-z2-7]{12} can not be exported"):
        to_json(transcript)


def test_empty_and_missing_are_kept_apart() -> None:
    """No metadata and empty metadata, no usage and a usage of nothing, come back as they were."""
    bare = a_message("a")
    given_ = a_message("b", seq=2)._replace(metadata={}, usage=Usage(), author="")
    stored = (StoredMessage(1, 1, bare), StoredMessage(2, 1, given_))
    transcript = replace(a_transcript("a", "b"), stored=stored)
    assert from_json(to_json(transcript)).stored == stored


def test_pieces_join_to_the_document() -> None:
    """The generator gives the same text as the function, in more than one piece when it is long."""
    transcript = a_transcript(*["x" * 1000] * 100)
    pieces = list(iter_json(transcript))
    assert len(pieces) > 1
    assert "".join(pieces) == to_json(transcript)


def test_sample_stays_as_recorded() -> None:
    """The recorded file is what is written today, so that today's files can be read tomorrow."""
    assert to_json(sample()) == GOLDEN.read_text(encoding="utf-8")


def test_recorded_file_reads_back() -> None:
    """The recorded file gives the conversation it was made from."""
    assert from_json(GOLDEN.read_bytes()) == sample()
