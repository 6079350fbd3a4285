"""The Markdown export can not be forged, and says all it should."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sessions.errors import InvalidValue
from sessions.export.facts import body
from sessions.export.markdown import iter_markdown, to_markdown
from sessions.export.transcript import Transcript
from sessions.message import JsonValue, Message
from tests.sessions.export.builders import (
    HOSTILE,
    a_message,
    a_session,
    a_transcript,
    hostile_text,
    sample,
    transcripts,
)

HEADING = re.compile(
    r"## \d+ · (user|assistant|system|tool) · -?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    r"( · (partial reply|summary|unreadable))?( · important)?"
)
GOLDEN = Path(__file__).parent / "golden" / "sample.md"


def parse_markdown(text: str) -> list[tuple[str, str]]:
    """Read role and content of each message: written from the description of the format alone."""
    lines = text.split("\n")
    at = lines.index("---", 1) + 1 if lines[0] == "---" else 0
    found = []
    while at < len(lines):
        if not lines[at].startswith("## "):
            at += 1
            continue
        heading = HEADING.fullmatch(lines[at])
        assert heading, lines[at]
        while not re.fullmatch("`{3,}", lines[at]):
            at += 1
        end = lines.index(lines[at], at + 1)
        found.append((heading[1], "\n".join(lines[at + 1 : end])))
        at = end + 1
    return found


def fence_aware_headings(lines: list[str]) -> list[str]:
    """Give the lines outside of fences that a reader of Markdown could take for a heading or a rule."""
    fence, found = "", []
    for line in lines:
        bare = line.lstrip(" ")
        mark = re.match("`{3,}|~{3,}", bare)
        if fence:
            if mark and mark[0].startswith(fence) and not bare[len(mark[0]) :].strip() and len(line) - len(bare) < 4:
                fence = ""
        elif mark and len(line) - len(bare) < 4:
            fence = mark[0]
        elif re.match(r"#{1,6}\s|-{3,}|={3,}", bare):
            found.append(line)
    return found


def said(messages: list[Message]) -> list[tuple[str, str]]:
    """Give what the export must say."""
    return [(message.role, body(message)) for message in messages]


@given(st.lists(hostile_text, min_size=1, max_size=4))
@example(list(HOSTILE))
def test_no_text_can_pass_for_another_message(contents: list[str]) -> None:
    """A parser gets the same messages back, whatever stands in them."""
    transcript = a_transcript(*contents)
    assert parse_markdown(to_markdown(transcript)) == said(list(transcript.messages))


@given(transcripts(), st.booleans())
def test_nothing_can_be_forged_by_any_rule_of_line_breaking(transcript: Transcript, full: bool) -> None:
    """Titles, names, tags, metadata and texts add no heading, rule or front matter for any reader."""
    text = to_markdown(transcript, include_metadata=full)
    rules = ["---", "---"] if full else []
    for lines in (text.split("\n"), re.split("\r\n|\r|\n", text), text.splitlines()):
        headings = fence_aware_headings(lines)
        assert headings[: len(rules)] == rules
        assert [line.split(" ")[1] for line in headings[len(rules) :]] == [str(one.seq) for one in transcript.messages]
        assert all(HEADING.fullmatch(line) for line in headings[len(rules) :])
    assert parse_markdown(text) == said(list(transcript.messages))


@given(transcripts())
def test_a_real_parser_sees_headings_notes_and_fences_only(transcript: Transcript) -> None:
    """CommonMark gives one heading and one fence per message, at most one line of notes, and no HTML."""
    text = to_markdown(transcript)
    tokens = MarkdownIt("commonmark").parse(text[text.index("\n---\n") + 5 :])
    blocks = [token for token in tokens if token.nesting >= 0 and token.type != "inline"]
    assert [token.tag for token in blocks if token.type == "heading_open"] == ["h2"] * len(transcript.messages)
    fences = [token.content for token in blocks if token.type == "fence"]
    assert fences == [_normal(body(message)) + "\n" for message in transcript.messages]
    assert {token.type for token in blocks} <= {"heading_open", "fence", "paragraph_open"}
    spoken = [child for token in tokens for child in token.children or []]
    assert {child.type for child in spoken} <= {"text", "code_inline"}
    codes = [json.loads(child.content) for child in spoken if child.type == "code_inline"]
    assert codes == [value for message in transcript.messages for value in (message.author, message.metadata) if value]


def _normal(text: str) -> str:
    return re.sub("\r\n|\r", "\n", text + "\n")[:-1].replace("\x00", "\ufffd")


@given(transcripts())
def test_front_matter_is_plain_values_on_one_line_each(transcript: Transcript) -> None:
    """Each line of the front matter is a name and a JSON value, which YAML reads alike."""
    values = _front_matter(to_markdown(transcript))
    session = transcript.session
    assert values["id"] == session.id
    assert values["title"] == (session.title or None)
    assert values.get("tags", []) == list(session.tags)
    assert values.get("model", "") == (session.model or "")
    assert values.get("metadata", {}) == session.metadata
    assert values.get("address", {}) == transcript.address
    assert values["messages"] == len(transcript.messages)


def _front_matter(text: str) -> dict[str, object]:
    lines = text[4 : text.index("\n---\n", 4)].splitlines()
    pairs = [line.split(": ", 1) for line in lines if not line.startswith("  - ") and line != "checkpoints:"]
    return {name: json.loads(value) for name, value in pairs}


@given(transcripts())
def test_checkpoints_stand_in_the_front_matter(transcript: Transcript) -> None:
    """Every checkpoint is one item with its name as it was given."""
    text = to_markdown(transcript)
    lines = text[: text.index("\n---\n", 4)].splitlines()
    items = [json.loads(line[4:]) for line in lines if line.startswith("  - ")]
    assert [item["name"] for item in items] == [one.name for one in transcript.checkpoints]


def test_without_metadata_only_headings_and_texts_remain() -> None:
    """Leaving metadata out leaves no title, tag, author or token count."""
    text = to_markdown(sample(), include_metadata=False)
    assert text.startswith("## 1 · user · 2026-11-21 12:00:01 UTC\n\n```\nthe word is teal\n```\n\n## 2 ")
    assert not any(word in text for word in ("Teal or amber", "colours", "author", "tokens", "finish", "grace"))


def test_special_messages_are_marked() -> None:
    """A reply that broke off, a summary and an unreadable message say so in their heading."""
    text = to_markdown(sample())
    assert "## 3 · assistant · 2026-11-21 12:00:03 UTC · partial reply\n" in text
    assert "## 4 · user · 2026-11-21 12:00:04 UTC · unreadable\n" in text
    assert "[message 4 can not be read: the stored data was changed or is damaged]" in text
    assert "## 5 · system · 2026-11-21 12:00:05 UTC · summary · important\n" in text
    assert "unreadable: 1\n" in text


def test_text_is_kept_as_it_was() -> None:
    """Quotes, angle brackets and ampersands are not turned into entities."""
    assert "\nif a < b && s != \"x\" & 'y':\n" in to_markdown(a_transcript("if a < b && s != \"x\" & 'y':"))


def test_only_the_current_branch_is_shown() -> None:
    """What was said on a branch that was left is not in the page one reads."""
    assert "the word is amber" not in to_markdown(sample())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**5000], ids=["nan", "inf", "5000 digits"])
def test_metadata_that_is_no_json_is_named(value: JsonValue) -> None:
    """A number that JSON can not carry is an error that says where it stands."""
    message = a_message("hi")._replace(metadata={"x": [value]})
    transcript = replace(a_transcript(), messages=(message,))
    with pytest.raises(InvalidValue, match="metadata of message 1 can not be exported"):
        to_markdown(transcript)


def test_backticks_in_a_name_stay_in_its_code_span() -> None:
    """An author's backticks are inside a longer pair of marks, so what follows them is no markup."""
    message = a_message("hi")._replace(author="a`<b>``<img src=x>`")
    text = to_markdown(replace(a_transcript(), messages=(message,)))
    assert '\nauthor ```"a`<b>``<img src=x>`"```\n' in text


def test_an_untitled_empty_conversation_is_a_page() -> None:
    """No messages and no title still give valid front matter."""
    text = to_markdown(replace(a_transcript(), session=a_session(title=None)))
    assert text.endswith("---\n\n")
    assert "title: null\n" in text


def test_pieces_join_to_the_document() -> None:
    """The generator gives the same text as the function, in more than one piece when it is long."""
    transcript = a_transcript(*["x" * 1000] * 100)
    pieces = list(iter_markdown(transcript))
    assert len(pieces) > 1
    assert "".join(pieces) == to_markdown(transcript)


def test_sample_stays_as_recorded() -> None:
    """The page of a conversation with every kind of message is the recorded one."""
    assert to_markdown(sample()) == GOLDEN.read_text(encoding="utf-8")
