"""Formats by name, file names, and messages alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.errors import InvalidValue
from sessions.export.formats import (
    SUFFIXES,
    ExportFormat,
    export,
    export_filename,
    format_history,
    iter_export,
    parse_format,
)
from sessions.export.html import to_html
from sessions.export.json_format import to_json
from sessions.export.markdown import to_markdown
from sessions.export.text import to_text
from tests.sessions.export.builders import NOON, SESSION_ID, a_session, hostile_text, sample


@pytest.mark.parametrize("full", [True, False])
def test_each_format_by_its_name(full: bool) -> None:
    """The name chooses the writer, whole or in pieces."""
    writers = {"markdown": to_markdown, "json": to_json, "html": to_html, "text": to_text}
    for name, write in writers.items():
        expected = write(sample(), include_metadata=full)
        assert export(sample(), format=parse_format(name), include_metadata=full) == expected
        assert "".join(iter_export(sample(), format=parse_format(name), include_metadata=full)) == expected


@pytest.mark.parametrize(
    ("name", "known"),
    [("markdown", "markdown"), ("MD", "markdown"), (" txt ", "text"), ("json", "json"), ("html", "html")],
)
def test_names_and_suffixes_are_understood(name: str, known: str) -> None:
    """A format may be called by its name or its suffix, in any case."""
    assert parse_format(name) == known


@pytest.mark.parametrize("name", ["", "pdf", "markdown json", "../x"])
def test_unknown_formats_are_refused(name: str) -> None:
    """Another name is an error that lists the formats."""
    with pytest.raises(InvalidValue, match="is not one of markdown, json, html, text"):
        parse_format(name)


@pytest.mark.parametrize(("form", "suffix"), SUFFIXES.items())
def test_file_names(form: ExportFormat, suffix: str) -> None:
    """A file is called by id, day and format."""
    assert export_filename(a_session(), form, NOON) == f"session-{SESSION_ID}-20261121.{suffix}"


@given(hostile_text | st.sampled_from(["../../etc/passwd", "CON", "", "x" * 300, "\u202efdp.exe", "\x00"]))
def test_a_title_never_reaches_the_file_name(title: str) -> None:
    """The name is the same whatever the title is."""
    assert export_filename(a_session(title=title), "markdown", NOON) == f"session-{SESSION_ID}-20261121.md"


def test_an_odd_id_makes_no_path() -> None:
    """Whatever an id holds, the name has only letters, digits and hyphens before its suffix."""
    assert export_filename(a_session(id="../../A\x00b"), "text", NOON) == "session-ab-20261121.txt"


def test_history_as_markdown_and_text() -> None:
    """Messages alone look as in the export without metadata."""
    messages = sample().messages
    assert format_history(messages) == to_markdown(sample(), include_metadata=False)
    assert format_history(messages, "text") == to_text(sample(), include_metadata=False)
    assert format_history([]) == ""


def test_history_in_another_format_is_refused() -> None:
    """A format that history does not have is an error that lists those it has."""
    with pytest.raises(InvalidValue, match="is not one of messages, markdown, text"):
        format_history([], "html")  # type: ignore[arg-type]
