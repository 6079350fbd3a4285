"""Cuts: an archive of ours falls into the texts of its conversations, and nothing else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.export.cuts import OtherLayout, cuts
from sessions.export.json_format import to_json
from sessions.export.transcript import Transcript
from tests.sessions.export.builders import HOSTILE, sample, transcripts
from tests.sessions.export.test_documents import Drip, archived

SIZES = (1, 7, 300, 1 << 20)
ARCHIVE = archived(sample(), sample(), sample())
SIGNS = ("\n,\n", "\n]}\n", ",", "\n", " ", "]", "}", "{", '"', "\\", ":", '"sessions": [\n', "\ufeff", *HOSTILE)


def cut(text: str | bytes, size: int = 1 << 20, **how: int) -> list[tuple[int, bytes]]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(cuts(Drip(data, size), **how))


@given(st.lists(transcripts(), min_size=1, max_size=4), st.sampled_from(SIZES))
def test_an_archive_falls_into_the_texts_of_its_conversations(several: list[Transcript], size: int) -> None:
    """Each is what its own file would hold, and stands where it is said to, however the bytes come in."""
    data = archived(*several).encode()
    found = cut(data, size, piece=size)
    assert [text.decode() + "\n" for _, text in found] == [to_json(one) for one in several]
    assert all(data[offset : offset + len(text)] == text for offset, text in found)


@given(st.data())
def test_if_each_text_is_json_then_so_is_the_file(data: st.DataObject) -> None:
    """Whatever is put into it, left out or doubled: a file that nobody can read is never taken in."""
    text = ARCHIVE
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + data.draw(st.sampled_from(("", text[start:end] * 2, *SIGNS))) + text[end:]
    raw = text.encode("utf-8", "surrogatepass")
    try:
        values = [json.loads(piece.decode()) for _, piece in cut(raw, data.draw(st.sampled_from(SIZES)))]
    except (OtherLayout, ValueError):
        return
    assert json.loads(raw)["sessions"] == values


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", ARCHIVE[1:], "\ufeff" + ARCHIVE, " " + ARCHIVE, to_json(sample()),
        json.dumps(json.loads(ARCHIVE)), json.dumps(json.loads(ARCHIVE), indent=2),
        ARCHIVE.replace('"version": 1', '"version": 2', 1), ARCHIVE.replace("palaver-archive", "palaver-person", 1),
        ARCHIVE.replace('"exported_at"', '"exported_by"', 1),
    ],
)  # fmt: skip
def test_another_layout_is_told_at_once(text: str) -> None:
    """Before anything is given."""
    with pytest.raises(OtherLayout):
        next(cuts(Drip(text.encode(), 1 << 20)))


@pytest.mark.parametrize("end", ["", "]}", "\n]}", "\n]}\n\n", "\n]}\n ", "\n]}}\n", "\n,\n]}\n {}"])
def test_another_end_is_told_at_the_end(end: str) -> None:
    """What stands behind the list is not ours to guess at."""
    with pytest.raises(OtherLayout):
        cut(ARCHIVE.removesuffix("\n]}\n") + end)


def test_an_empty_archive_has_nothing_to_cut() -> None:
    """The careful reader takes it."""
    with pytest.raises(OtherLayout):
        cut(archived())


def test_what_is_longer_than_a_conversation_may_be_is_not_held() -> None:
    """Of a file without an end no more is read than that and as much again."""
    source = Drip(ARCHIVE.encode().replace(b"\n,\n", b"\n, \n") * 50, 1 << 20)
    with pytest.raises(OtherLayout):
        list(cuts(source, most=len(ARCHIVE) * 2, piece=1000))
    assert source.read_bytes < len(ARCHIVE) * 6


def test_one_conversation_is_in_memory_at_a_time() -> None:
    """Of a large file only a little more has been read than what was given."""
    data = archived(*[sample()] * 200).encode()
    source = Drip(data, 1 << 20)
    for offset, text in cuts(source, piece=4096):
        assert source.read_bytes <= offset + len(text) + 3 * 4096
