"""The HTML export shows text as text, and loads and runs nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.export.characters import one_line, visible
from sessions.export.facts import body
from sessions.export.html import iter_html, to_html
from sessions.export.transcript import Transcript
from sessions.message import Message
from sessions.session import Session
from tests.sessions.export.builders import a_session, a_transcript, hostile_text, sample, transcripts

HEAD = {"html", "head", "meta", "title", "style", "body"}
TAGS = HEAD | {"h1", "bdi", "dl", "dt", "dd", "main", "article", "h2", "strong", "time", "pre", "footer"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "id", "datetime", "dir"}
GOLDEN = Path(__file__).parent / "golden" / "sample.html"


class Page(HTMLParser):
    """Collects tags, attributes and the text of each element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.others: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.texts.setdefault(tag, []).append("")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


@given(transcripts(), st.booleans())
def test_only_our_own_tags_are_there(transcript: Transcript, full: bool) -> None:
    """Whatever people say or are called, the page has the same elements and all are closed."""
    page = Page(to_html(transcript, include_metadata=full))
    assert set(page.tags) <= TAGS
    assert page.attributes <= ATTRIBUTES
    assert page.tags.count("article") == page.tags.count("pre") == len(transcript.messages)
    assert page.open == page.others == []


@given(st.lists(hostile_text, max_size=4))
def test_text_is_shown_as_it_was_said(contents: list[str]) -> None:
    """A browser shows the words that were said, with controls made visible."""
    transcript = a_transcript(*contents)
    shown = [text.removeprefix("\n") for text in Page(to_html(transcript)).texts.get("pre", [])]
    assert shown == [visible(body(message)) for message in transcript.messages]


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<a href='javascript:alert(1)'>x</a>",
        '<img src="data:image/svg+xml;base64,AAAA" onerror=alert(1)>',
        "</title><script src=//evil.example></script>",
        "</style><style>@import url(//evil.example)</style>",
        '"><base href=//evil.example>',
        "</pre><form action=//evil.example><input name=q>",
    ],
)
def test_markup_in_texts_titles_and_names_is_escaped(attack: str) -> None:
    """Markup is shown with its angle brackets, wherever it stands."""
    transcript = sample()
    message = transcript.messages[0]._replace(content=attack, author=attack)
    session = a_session(title=attack, id=attack)
    text = to_html(_with(transcript, message, session, attack))
    assert attack not in text
    assert set(Page(text).tags) <= TAGS
    assert attack in Page(text).texts["pre"][0]
    assert Page(text).texts["title"] == [attack]


def _with(transcript: Transcript, message: Message, session: Session, word: str) -> Transcript:
    return replace(transcript, messages=(message,), session=session, address={word: word})


def test_the_page_allows_itself_nothing() -> None:
    """The policy forbids everything but its own style, before anything else is read."""
    text = to_html(sample())
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';"
    assert policy in text
    assert text.index(policy) < text.index("<title>")


def test_the_page_refers_to_nothing_outside() -> None:
    """No address, link, import or script is in the page itself."""
    assert not re.search(r"https?:|//|url\(|@import|<script|<link|href|src=|\bon[a-z]+=", to_html(sample()))


def test_it_fits_a_phone_and_the_dark() -> None:
    """The page sets a viewport and has colours for both schemes."""
    text = to_html(sample())
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text
    assert "prefers-color-scheme: dark" in text


def test_special_messages_are_marked() -> None:
    """A reply that broke off, a summary and an unreadable message say so."""
    text = to_html(sample())
    assert all(f"· <strong>{mark}</strong>" in text for mark in ("partial reply", "unreadable", "summary", "important"))


def test_the_title_is_one_line_without_tricks() -> None:
    """A title that reorders or hides its letters is shown plainly."""
    transcript = a_transcript()
    text = to_html(_with(transcript, a_transcript("x").messages[0], a_session(title="\u202efdp\n.exe\x00"), "w"))
    assert f"<title>{one_line('fdp .exe')}␀</title>" in text


def test_without_metadata_only_title_and_messages_remain() -> None:
    """Leaving metadata out leaves no list of facts, no author and no tokens."""
    text = to_html(sample(), include_metadata=False)
    assert not any(tag in text for tag in ("<dl>", "<footer>", "tokens:", "grace", "colours"))
    assert "the word is teal" in text


def test_pieces_join_to_the_page() -> None:
    """The generator gives the same text as the function."""
    assert "".join(iter_html(sample())) == to_html(sample())


def test_sample_stays_as_recorded() -> None:
    """The page of a conversation with every kind of message is the recorded one."""
    assert to_html(sample()) == GOLDEN.read_text(encoding="utf-8")
