"""The quick reader takes what is usual, reads it as the careful one does, and leaves that one the rest."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.operator.quick_reader import read_quickly
from sessions.errors import InvalidValue
from sessions.export.json_format import to_json
from sessions.export.json_reader import from_json
from sessions.export.transcript import Transcript
from sessions.reset_policy import ResetPolicy
from tests.sessions.export.builders import HOSTILE, hostile_text, sample, transcripts


def usual(**more: object) -> Transcript:
    """Give a conversation with everything that is usual: branches, a checkpoint, usage, an author, plain metadata."""
    whole, places = (
        sample(),
        {"platform": "telegram", "account": "1", "chat_id": "a:b", "user_id": ":", "chat_kind": "private"},
    )
    session = replace(whole.session, metadata={"source": "a:b", "kept": True, "parts": 3, "none": None}, backend="a:b")
    return replace(whole, session=session, address=places, **more)  # type: ignore[arg-type]  # fields of a transcript


USUAL = to_json(usual())
FIELD = re.compile(r'"(\w+)": (?:"[^"\n]*"|[\w.]+|\[\]|\{\})(?=[,}])')
PIECES = (
    ":", ",",
    '"', "\\", "{", "}", "[", "]", "0", "-", ".5", "null", "true", "NaN", '"n": 1, ', '"a": "b", ', "\t", "\n",
    '"content": "", ', '"usage": null, ', '"kind": null, ', "\\u003a", "\\ud800", '\\":', "\x00", "\ufeff", "9" * 20,
)  # fmt: skip


@given(transcripts())
def test_what_it_reads_the_careful_reader_reads_the_same(transcript: Transcript) -> None:
    """Whatever is in the conversation."""
    text = to_json(transcript)
    quick = read_quickly(text)
    assert quick is None or quick == from_json(text)
    assert read_quickly(text.encode()) == quick


@given(st.lists(hostile_text, min_size=6, max_size=6))
def test_it_takes_what_is_usual(words: list[str]) -> None:
    """Whatever the words are, colons and quotes among them."""
    whole = usual()
    said = [
        one._replace(message=one.message._replace(content=text)) for one, text in zip(whole.stored, words, strict=True)
    ]
    text = to_json(replace(whole, stored=said))
    assert read_quickly(text) == from_json(text) is not None


def test_it_takes_one_without_address() -> None:
    """And without messages."""
    text = to_json(replace(usual(), address={}, messages=(), stored=(), branches=(), checkpoints=(), head=0))
    assert read_quickly(text) == from_json(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        to_json(usual(policy=ResetPolicy(idle=timedelta(hours=1)))),
        to_json(sample()),
        USUAL.replace('"seq": 1', '"seq": 1.0'),
        USUAL.replace(":", "\\u003a", 1),
        USUAL.replace("teal", "\\u003a"),
        USUAL.replace('"author": "echo"', '"author": null'),
        USUAL.replace('"parts": 3', f'"parts": {10**4000}'),
        "",
        "[" * 100_000,
    ],
    ids=[
        "a rule",
        "nested",
        "a float",
        "an escaped name",
        "an escaped colon",
        "null",
        "many digits",
        "nothing",
        "deep",
    ],
)
def test_it_leaves_the_rest(text: str) -> None:
    """What is unusual is for the careful reader, whether that takes it or not."""
    assert read_quickly(text) is None


@pytest.mark.parametrize("found", list(FIELD.finditer(USUAL)), ids=lambda found: f"{found[1]} at {found.start()}")
def test_a_field_that_stands_twice_is_never_read(found: re.Match[str]) -> None:
    """Wherever it is: who looks at such a file with another program may see the other one."""
    text = f"{USUAL[: found.end()]}, {found[0]}{USUAL[found.end() :]}"
    assert read_quickly(text) is None
    with pytest.raises(InvalidValue, match="twice"):
        from_json(text)


def test_nor_is_one_that_an_escaped_colon_makes_up_for() -> None:
    """Then there are as many colons as fields, and the escape gives it away."""
    text = USUAL.replace("teal", "\\u003a", 1).replace('"head": 6', '"head": 6, "head": 6')
    assert read_quickly(text) is None
    with pytest.raises(InvalidValue, match="twice"):
        from_json(text)


@given(st.data())
def test_a_damaged_text_is_not_read_where_the_careful_reader_refuses_it(data: st.DataObject) -> None:
    """Nor read differently: some signs left out, put in or doubled, wherever."""
    text = USUAL
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.sampled_from(("", text[start:end] * 2, *PIECES, *HOSTILE))) + text[end:]
    quick = read_quickly(text)
    assert quick is None or quick == from_json(text)
