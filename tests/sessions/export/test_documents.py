"""Files with many conversations, read piece by piece; and those of other programs."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import starmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.errors import InvalidValue
from sessions.export.archive import ArchiveText
from sessions.export.documents import MAX_CHARACTERS, Documents
from sessions.export.foreign import read_any
from sessions.export.json_format import to_json
from sessions.export.json_reader import from_json
from sessions.export.times import to_ms
from sessions.export.transcript import Transcript
from sessions.message import Usage
from sessions.session import Status
from tests.sessions.export.builders import NOON, transcripts

CLINVK = {
    "id": "abc123def",
    "backend": "claude",
    "backend_session_id": "sess_abc123",
    "model": "claude-opus-4-5-20251101",
    "status": "active",
    "created_at": "2025-01-27T10:00:00Z",
    "last_used_at": "2025-01-27T11:30:00.123456789+01:00",
    "workdir": "/projects/myapp",
    "prompt": "fix the bug in auth.go",
    "token_usage": {"input": 1234, "output": 5678, "cached": 500, "total": 6912},
    "tags": ["bugfix", "auth"],
    "metadata": {"exit_code": 0, "duration_seconds": 2.5},
}
AINATIVE = {
    "id": "abc123def456",
    "title": "REST API Development",
    "created_at": "2024-01-15T10:30:00Z",
    "updated_at": "2024-01-15T14:22:00Z",
    "provider": "anthropic",
    "model": "claude-3-5-sonnet-20241022",
    "metadata": {"tags": ["go", "rest-api"], "project": "backend-service"},
    "messages": [
        {"role": "user", "content": "How do I create a REST API in Go?", "timestamp": "2024-01-15T10:30:05Z"},
        {"role": "assistant", "content": "I'll help you create a REST API in Go..."},
    ],
}


class Drip:
    """A source that gives a few bytes at a time, whatever is asked for."""

    def __init__(self, data: bytes, size: int) -> None:
        self._source, self._size = io.BytesIO(data), size
        self.read_bytes = 0

    def read(self, size: int) -> bytes:
        data = self._source.read(min(self._size, size))
        self.read_bytes += len(data)
        return data


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def archived(*several: Transcript) -> str:
    text = ArchiveText(NOON)
    return text.begin() + "".join("".join(text.add(one)) for one in several) + text.end()


def parsed(text: str | bytes, size: int = 1 << 20, *, max_characters: int = MAX_CHARACTERS) -> list[tuple[str, object]]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(Documents(Drip(data, size), max_characters=max_characters))


@given(st.lists(transcripts(), max_size=3), st.sampled_from([1, 7, 1 << 20]))
def test_an_archive_is_read_back_whole(several: list[Transcript], size: int) -> None:
    """Each conversation as it is read from a file of its own, however the bytes come in."""
    text = archived(*several)
    assert json.loads(text)["format"] == "palaver-archive"
    found = parsed(text, size)
    assert [where for where, _ in found] == [f"sessions[{index}]" for index in range(len(several))]
    assert [read_any(value) for _, value in found] == [from_json(to_json(one)) for one in several]


@given(transcripts())
def test_a_single_conversation_is_read_as_it_is_otherwise(transcript: Transcript) -> None:
    """With the same values, under no path."""
    text = to_json(transcript)
    ((where, value),) = parsed(text, 5)
    assert (where, read_any(value)) == ("", from_json(text))


@pytest.mark.parametrize("between", [", ", "\n,\n"], ids=["theirs", "ours"])
def test_one_conversation_is_in_memory_at_a_time(between: str) -> None:
    """Of a large file only a little more has been read than what was given."""
    one = json.dumps({"x": "y" * 100_000})
    source = Drip(f"[{between.join([one] * 100)}]".encode(), 1 << 20)
    documents = iter(Documents(source))
    for number in range(1, 100):
        assert next(documents)[0] == f"[{number - 1}]"
        assert source.read_bytes < number * 100_100 + 1_000_000


@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_the_line_is_told_also_far_into_a_file(size: int) -> None:
    """Whatever of it was let go before."""
    one = json.dumps({"x": ["y" * 1000] * 10}, indent=0)
    text = f"[{', '.join([one] * 60)}, {one[:-20]}"
    with pytest.raises(InvalidValue, match=f"line {text.count(chr(10)) + 1}, column"):
        parsed(text, size)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither an object nor a list"),
        ("  7", "neither an object nor a list"),
        ("\ufeff[]", "byte order mark"),
        (b"[\xff]", "not UTF-8"),
        (b'["\xc3', "not UTF-8"),
        ("[", "Expecting value"),
        ("[{}", "',' is missing"),
        ("[{} {}]", "',' is missing"),
        ("[{},]", "Expecting value"),
        ("[{}] []", "line 1: something stands behind its end"),
        ('{"a": 1', "',' is missing"),
        ('{"a": 1,}', "name of a field"),
        ('{"a" 1}', "':' is missing"),
        ('{"a": 1, "a": 2}', "stands twice"),
        ('[{"a": 1, "a": 2}]', "stands twice"),
        ('{"a":\n\n nope}', "line 3, column 2: Expecting value"),
        ('["' + "x" * 5000, "larger than 4,096 characters"),
        ("[" + "[" * 200_000, "larger than 4,096|levels deep"),
        ('{"format": "palaver-archive", "version": 2, "sessions": []}', "version is not 1"),
        ('{"format": "other", "version": 1, "sessions": []}', "format is 'other'"),
        ('{"format": "palaver-archive", "version": 1, "sessions": [], "more": 1}', "unknown field 'more'"),
    ],
)
def test_what_is_no_such_file_is_refused_in_one_sentence(text: str | bytes, words: str) -> None:
    """It tells what is wrong, and where."""
    with pytest.raises(InvalidValue, match=words):
        parsed(text, 100, max_characters=4096)


def test_deep_lists_are_refused() -> None:
    """They would overflow the stack."""
    with pytest.raises(InvalidValue, match="levels deep"):
        parsed("[" + "[" * 200_000)


def test_a_zip_file_is_refused() -> None:
    """Nothing is ever unpacked, so nothing can come out of its folder or grow without end."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("../../x.json", "{}")
    with pytest.raises(InvalidValue, match="zip file"):
        parsed(data.getvalue())


def test_half_characters_become_whole() -> None:
    """A lone surrogate can not be stored."""
    assert parsed('[{"a": "\\ud800"}]') == [("[0]", {"a": "\ufffd"})]


def test_clinvk_is_read() -> None:
    """The prompt is what was said; what has no place of its own is kept as metadata."""
    transcript = read_any(CLINVK)
    session = transcript.session
    assert (session.backend, session.model, session.status) == ("claude", "claude-opus-4-5-20251101", Status.PAUSED)
    assert session.tags == ("bugfix", "auth")
    assert session.usage == Usage(1234, 5678, 500)
    assert session.created_at == datetime(2025, 1, 27, 10, tzinfo=UTC)
    assert session.last_activity_at == datetime(2025, 1, 27, 10, 30, 0, 123_000, tzinfo=UTC)
    assert session.metadata == {
        "exit_code": 0,
        "duration_seconds": 2.5,
        "backend_session_id": "sess_abc123",
        "workdir": "/projects/myapp",
        "imported_from": "clinvk",
        "imported_id": "abc123def",
    }
    assert [(one.role, one.content) for one in transcript.messages] == [("user", "fix the bug in auth.go")]
    assert read_any(CLINVK).session.id == session.id != read_any({**CLINVK, "id": "other"}).session.id


def test_ainative_code_is_read() -> None:
    """With its messages, its tags and its project; a message without a time comes when the one before it did."""
    transcript = read_any(AINATIVE)
    session = transcript.session
    assert (session.title, session.backend) == ("REST API Development", "anthropic")
    assert session.tags == ("go", "rest-api")
    assert session.metadata["project"] == "backend-service"
    assert [one.role for one in transcript.messages] == ["user", "assistant"]
    assert {one.created_ms for one in transcript.messages} == {to_ms(datetime(2024, 1, 15, 10, 30, 5, tzinfo=UTC))}
    assert transcript.head == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({**AINATIVE, "messages": [{"role": "robot", "content": ""}]}, r"sessions\[1\].messages\[0\].role is 'robot'"),
        ({**AINATIVE, "messages": [{"role": "user"}]}, r"sessions\[1\].messages\[0\].content is missing"),
        ({**AINATIVE, "created_at": "yesterday"}, r"sessions\[1\].created_at is 'yesterday', not a time"),
        ({**AINATIVE, "title": 7}, r"sessions\[1\].title must be text, not 7"),
        ({**CLINVK, "status": "odd"}, r"sessions\[1\].status is 'odd', allowed are active"),
        ({**CLINVK, "token_usage": {"input": -1}}, r"sessions\[1\].token_usage.input must be a whole number"),
        ({**CLINVK, "more": float("inf")}, r"sessions\[1\].more holds a number out of range"),
        ({**AINATIVE, "metadata": {"tags": "go"}}, r"sessions\[1\].metadata.tags must be a list, not 'go'"),
        ({**AINATIVE, "metadata": {"tags": ["go", 7]}}, r"sessions\[1\].metadata.tags must hold texts only"),
        ({**AINATIVE, "metadata": {"project": 7}}, r"sessions\[1\].metadata.project must be text, not 7"),
        ({**AINATIVE, "metadata": {"project": ["a"]}}, r"sessions\[1\].metadata.project must be text, not a list"),
        (
            {**AINATIVE, "messages": [{"role": "user", "content": "", "deep": deep(29)}]},
            r"sessions\[1\].messages\[0\].deep is nested more than 32",
        ),
        ({"id": "x"}, r"sessions\[1\] has no format, no messages and no backend"),
        (["x"], r"sessions\[1\] must be an object, not a list"),
        ({"format": "palaver-session", "version": 2}, r"sessions\[1\].version is 2"),
    ],
)
def test_errors_name_the_field_with_its_path(value: object, words: str) -> None:
    """Within its file, so that it can be found."""
    with pytest.raises(InvalidValue, match=words):
        read_any(value, "sessions[1]")


def test_what_a_program_says_nothing_of_is_kept_as_metadata_whatever_it_is() -> None:
    """The metadata of clinvk has no tags and no project, and what AINative Code leaves out may be null."""
    odd = {"tags": "go", "project": 7}
    kept = read_any({**CLINVK, "metadata": odd}).session
    assert (kept.tags, {name: kept.metadata[name] for name in odd}) == (("bugfix", "auth"), odd)
    none = read_any({**AINATIVE, "metadata": {"tags": None, "project": None, "priority": 1}}).session
    assert (none.tags, none.metadata["priority"]) == ((), 1)


def used(text: Iterable[bytes]) -> float:
    """Give the seconds of the processor that it takes to refuse a file."""
    begun = time.process_time()
    with pytest.raises(InvalidValue):
        list(starmap(_read, Documents(_Joined(text))))
    return time.process_time() - begun


def _read(where: str, value: object) -> Transcript:
    return read_any(value, where)


class _Joined:
    """A source whose bytes are made as they are read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = filter(None, pieces)

    def read(self, size: int) -> bytes:
        return next(self._pieces, b"")


MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("begin", "filling", "end"),
    [
        (b"", b" ", b""),
        (b"", b" \r\n\t", b"{}"),
        (b"{", b"\n", b"}"),
        (b"[1", b" ", b"]"),
        (b'{"id": "', b"x", b'"}'),
        (b'{"id": "', b"x", b""),
        (b'{"', b"x", b'": 1}'),
        (b"[", b"1", b"]"),
        (b'{"id": ', b"1", b"}"),
        (b'{"id": -', b"1", b""),
        (b'{"id": 1.', b"1", b"}"),
        (b'{"id": [', b" ", b"]}"),
        (b'{"id": "', b"\\\\", b'"}'),
    ],
)
def test_a_large_file_of_nothing_is_refused_as_fast_as_it_is_read(begin: bytes, filling: bytes, end: bytes) -> None:
    """A hundred megabytes of blanks, of one text or of one number take seconds: nothing is read over and over."""
    block = filling * (MEGABYTE // len(filling))
    assert used([begin, *[block] * 100, end]) < 5


def test_a_backup_of_another_program_is_read() -> None:
    """A list of conversations, or an object that holds one."""
    for text in (json.dumps([CLINVK, AINATIVE]), json.dumps({"version": "1", "sessions": [CLINVK, AINATIVE]})):
        assert [read_any(value, where).session.backend for where, value in parsed(text)] == ["claude", "anthropic"]
