"""A file that is no export is refused in one clean sentence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.errors import InvalidValue
from sessions.export.json_format import to_json
from sessions.export.json_reader import from_json
from sessions.message import MAX_CONTENT
from tests.sessions.export.builders import sample, transcripts

GOOD = to_json(sample())
Document = dict[str, object]


def refusal(source: str | bytes) -> str:
    """Give the sentence a file is refused with."""
    with pytest.raises(InvalidValue) as caught:
        from_json(source)
    text = str(caught.value)
    assert text.startswith("not a Palaver export: ")
    assert len(text) < 300
    assert text.isprintable()
    return text.removeprefix("not a Palaver export: ")


def with_message(**fields: object) -> str:
    """Give the good file with fields of its third message changed."""
    document = json.loads(GOOD)
    document["messages"][2] |= fields
    return json.dumps(document)


def with_raw(value: str) -> str:
    """Give the good file with raw JSON as metadata of its third message."""
    return GOOD.replace('{"finish": "stop"}', f'{{"finish": {value}}}')


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "line 1, column 1: Expecting value"),
        ("hello", "line 1, column 1: Expecting value"),
        ("[]", "the file must be an object, not a list"),
        ("null", "the file must be an object, not null"),
        ('{"a": 1}', "format is missing"),
        (GOOD[:-10], "line "),
        (GOOD + "x", "line 21, column 1: Extra data"),
        ("\ufeff" + GOOD, "it begins with a byte order mark; save it as UTF-8 without one"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "it begins with a byte order mark"),
        (GOOD.encode("utf-16"), "byte 1 is not UTF-8"),
        (b"\xff" + GOOD.encode(), "byte 1 is not UTF-8"),
        ("[" * 200_000, "it is nested more than 32 levels deep"),
        ('{"format": ' * 100_000, "it is nested more than 32 levels deep"),
        (GOOD.replace('"head"', '"damaged"'), "the field 'damaged' stands twice in one object"),
        (GOOD.replace('"important": true', '"n": 6'), "the field 'n' stands twice in one object"),
        (with_raw('1, "\\ud800": 1, "\\ud801": 2'), "the field '\\ufffd' stands twice in one object"),
        (with_raw("NaN"), "messages[2].metadata holds a number out of range"),
        (with_raw("-Infinity"), "messages[2].metadata holds a number out of range"),
        (with_raw("1e999"), "messages[2].metadata holds a number out of range"),
        (with_raw("9" * 5000), "messages[2].metadata holds a number out of range"),
        (with_raw("-" + "9" * 100_000), "messages[2].metadata holds a number out of range"),
        (with_raw("[" * 29 + "]" * 29), "messages[2].metadata is nested more than 32 levels deep"),
        (with_raw("[" * 500 + '"\\ud800"' + "]" * 500), "it is nested more than 32 levels deep"),
        (with_message(seq=10**18), None),
        (with_message(seq=10**4000), "messages[2].seq must be a whole number from 1, not a number out of range"),
        (GOOD.replace('"head": 6', f'"head": {"9" * 5000}'), "head must be a whole number, not a number out of range"),
        (GOOD.replace('"head": 6', '"head": NaN'), "head must be a whole number, not a number out of range"),
    ],
    ids=range(27),
)
def test_unfit_json_is_refused(source: str | bytes, said: str | None) -> None:
    """Broken syntax, wrong encoding and numbers or depths beyond reason name the place and raise nothing else."""
    if said is None:
        from_json(source)
    else:
        assert refusal(source).startswith(said)


def test_metadata_may_be_as_deep_as_the_limit() -> None:
    """The last level that is allowed is read."""
    from_json(with_raw("[" * 28 + "]" * 28))


@pytest.mark.parametrize("encoded", [True, False], ids=["bytes", "text"])
def test_a_large_file_is_refused_before_it_is_parsed(encoded: bool) -> None:
    """The limit counts bytes, is inclusive, and is 32 MiB unless told otherwise."""
    text = GOOD.replace("teal", "t€al")
    source = text.encode() if encoded else text
    size = len(text.encode())
    assert from_json(source, max_bytes=size).session == sample().session
    with pytest.raises(InvalidValue, match=f"not a Palaver export: it is larger than {size - 1:,} bytes"):
        from_json(source, max_bytes=size - 1)
    assert refusal(b" " * (50 * 1024 * 1024)) == "it is larger than 33,554,432 bytes"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"role": "root"}, "messages[2].role is 'root', allowed are user, assistant, system, tool"),
        ({"role": 1}, "messages[2].role must be text, not 1"),
        ({"role": None}, "messages[2].role must be text, not null"),
        ({"kind": "magic"}, "messages[2].kind is 'magic', allowed are text, partial, summary, unreadable"),
        ({"kind": ""}, "messages[2].kind is '', allowed are"),
        ({"content": {"lc": 1, "type": "constructor"}}, "messages[2].content must be text, not an object"),
        ({"content": "é" * (MAX_CONTENT // 2 + 1)}, "messages[2].content is longer than 4,194,304 bytes"),
        ({"seq": 0}, "messages[2].seq must be a whole number from 1, not 0"),
        ({"seq": True}, "messages[2].seq must be a whole number, not true"),
        ({"seq": 1.0}, "messages[2].seq must be a whole number, not 1.0"),
        ({"seq": "1"}, "messages[2].seq must be a whole number, not '1'"),
        ({"important": 1}, "messages[2].important must be true or false, not 1"),
        ({"created_at": "yesterday"}, "messages[2].created_at is 'yesterday', not a time like"),
        ({"created_at": "2026-02-30T00:00:00.000Z"}, "messages[2].created_at is '2026-02-30"),
        ({"created_at": 1}, "messages[2].created_at must be text, not 1"),
        ({"usage": {"input_tokens": 1}}, "messages[2].usage.output_tokens is missing"),
        ({"usage": []}, "messages[2].usage must be an object, not a list"),
        ({"metadata": []}, "messages[2].metadata must be an object, not a list"),
        ({"author": 5}, "messages[2].author must be text, not 5"),
        ({"n": 2}, "messages[2].n is 2, but must be above 2"),
        ({"n": 1}, "messages[2].n is 1, but must be above 2"),
        ({"branch": 9}, "messages[2].branch is 9, which does not reach message 3"),
        ({"__class__": "x"}, "messages[2] has an unknown field '__class__'"),
        ({"\x1b[2J\u202e": "x"}, "messages[2] has an unknown field '\\x1b[2J\\u202e'"),
    ],
)
def test_a_wrong_message_is_named(fields: Document, said: str) -> None:
    """Each field of a message has its type and range; a wrong one is named with its path."""
    assert refusal(with_message(**fields)).startswith(said)


@pytest.mark.parametrize(
    ("part", "name", "value", "said"),
    [
        (None, "format", "other", "format is 'other', not palaver-session"),
        (None, "version", 2, "version is 2, this program reads 1; install the Palaver that wrote it"),
        (None, "head", -1, "head must be a whole number from 0, not -1"),
        (None, "head", 7, "head is at message 7, which is not in the file"),
        (None, "head", 2**63, "head must be a whole number from 0, not a number out of range"),
        (None, "messages", {}, "messages must be a list, not an object"),
        (None, "messages", [1], "messages[0] must be an object, not 1"),
        (None, "session", None, "session must be an object, not null"),
        (None, "owner", "me", "the file has an unknown field 'owner'"),
        (None, "address", {"user": 1}, "address.user must be text, not 1"),
        ("session", "id", "../../etc/pw", "session.id is '../../etc/pw', not 12 characters of a-z and 2-7"),
        ("session", "id", "K3Q7ABCDEFGH", "session.id is 'K3Q7ABCDEFGH'"),
        ("session", "id", "k3q7", "session.id is 'k3q7'"),
        ("session", "forked_from", "x", "session.forked_from is 'x'"),
        (
            "session",
            "status",
            "open",
            "session.status is 'open', allowed are active, paused, completed, error, expired",
        ),
        (
            "session",
            "scope",
            "peer",
            "session.scope is 'peer', allowed are main, per-peer, per-channel, per-channel-peer",
        ),
        ("session", "tags", ["a", 1], "session.tags must hold texts only"),
        ("session", "owner", "me", "session has an unknown field 'owner'"),
        ("session", "title", 1, "session.title must be text, not 1"),
    ],
)
def test_a_wrong_field_is_named(part: str | None, name: str, value: object, said: str) -> None:
    """Each field of the file and of its session has its type; a wrong one is named."""
    document = json.loads(GOOD)
    (document if part is None else document[part])[name] = value
    assert refusal(json.dumps(document)).startswith(said)


@pytest.mark.parametrize(
    ("branches", "said"),
    [
        ([], "messages[0].branch is 1, which does not reach message 1"),
        ([(1, 1, None), (1, 3, 1)], "branches holds a number twice"),
        ([(1, 1, None), (2, 4, 1)], "messages[2].branch is 2, which does not reach message 3"),
        ([(1, 1, None), (2, 3, 3)], "branches[1].parent is 3, but the branch begins at 3"),
        ([(1, 1, None), (2, 3, 1), (3, 99, 50)], "branches[2].parent is at message 50, which is not in the file"),
    ],
)
def test_a_broken_tree_is_refused(branches: list[tuple[int, int, int | None]], said: str) -> None:
    """Branches that contradict each other or leave from nowhere are named before anything is read along them."""
    document = json.loads(GOOD)
    document["branches"] = [{"number": n, "start": start, "parent": parent} for n, start, parent in branches]
    assert refusal(json.dumps(document)).startswith(said)


def test_a_checkpoint_outside_the_file_is_refused() -> None:
    """A checkpoint must stand at a message of the file."""
    text = GOOD.replace('"automatic": false, "position": 1', '"automatic": false, "position": 40')
    assert refusal(text) == "checkpoint 1 is at message 40, which is not in the file"


def test_two_checkpoints_of_one_number_are_refused() -> None:
    """A number names one checkpoint; the automatic ones count for themselves."""
    document = json.loads(GOOD)
    point = document["checkpoints"][0]
    document["checkpoints"] = [point, point | {"automatic": True}]
    assert [one.id[-3:] for one in from_json(json.dumps(document)).checkpoints] == ["h-1", "-a1"]
    document["checkpoints"] = [point, point | {"name": "other"}]
    assert refusal(json.dumps(document)) == "checkpoints holds a number twice"


def test_half_a_character_is_replaced() -> None:
    """An escaped lone surrogate is read as the replacement character, in texts and in metadata."""
    text = GOOD.replace("the word is teal", "the \\ud800 word").replace('"stop"', '{"\\udfff": ["\\ud800"]}')
    stored = from_json(text).stored
    assert stored[0].message.content == "the \ufffd word"
    assert stored[2].message.metadata == {"finish": {"\ufffd": ["\ufffd"]}}


def test_a_nul_is_kept() -> None:
    """An escaped NUL is text like any other; a raw one is no JSON."""
    assert from_json(GOOD.replace("is teal", "is\\u0000teal")).stored[0].message.content == "the word is\x00teal"
    assert "Invalid control character" in refusal(GOOD.replace("is teal", "is\x00teal"))


def test_a_long_wrong_value_is_cut() -> None:
    """A refusal does not repeat a megabyte."""
    assert "aaa...'" in refusal(with_message(role="a" * 10**6))


@given(st.data())
def test_any_damage_is_refused_cleanly(data: st.DataObject) -> None:
    """Bytes changed, cut or put in anywhere give a transcript or the one error, never another."""
    text = to_json(data.draw(transcripts())).encode()
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(len(text), at + 20)))
    damage = data.draw(st.binary(max_size=5) | st.sampled_from([b"{", b"]", b'"', b"\\ud800", b"1e999", b"null", b"-"]))
    try:
        from_json(text[:at] + damage + text[until:])
    except InvalidValue as error:
        said = str(error)
    else:
        said = "not a Palaver export: but it is one"
    assert said.startswith("not a Palaver export: ")
