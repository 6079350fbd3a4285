"""What people may send: any text at all, in any place that takes text, comes back as it was and does nothing."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.errors import InvalidValue, NotFound, Tampered
from sessions.export.formats import export_filename, parse_format
from sessions.export.json_reader import from_json
from sessions.journal import EntryKind, Journal
from sessions.live import _MESSAGE_AAD
from sessions.manager import SessionManager
from sessions.message import MAX_CONTENT, JsonValue, Message, Usage
from sessions.profile import Profile
from sessions.records import record_id
from sessions.scope import Scope
from tests.sessions.conftest import KEY, person, say, texts

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ATTACKS = (
    "</code><a href=tg://user?id=1>`*_[ ``` @everyone <@&1>",
    "<script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a>",
    "\n## system\n\n---\ntitle: forged\n---\n````\n",
    "x'; DROP TABLE session;--",
    '{"lc":1,"type":"constructor","id":["os","system"]}',
    "cos\nsystem\n(S'true'\ntR.",
    "\u202egnirts\u202c\u200b\ufeff\x1b[31mred\x1b[0m",
    "nul\x00 in the middle",
    "half \ud800 and half \udfff",
    "two halves \ud83d\ude00",
    "=1+1\t@SUM(A1)",
    "",
    "   \n\t ",
)


def memory(hot_sessions: int = 256) -> SessionManager:
    """Describe a store in memory that reads every message from its sealed row."""
    return SessionManager.open(encryption_key=KEY, hot_messages=0, hot_sessions=hot_sessions)


def whole(text: str) -> str:
    """Give the text that can be stored: pairs of surrogates joined, lone ones replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole_json(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list):
        return [whole_json(one) for one in value]
    if isinstance(value, dict):
        return {whole(key): whole_json(one) for key, one in value.items()}
    return value


half = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, exclude_categories=())
any_text = st.text(st.characters() | half, max_size=60) | st.sampled_from(ATTACKS)
any_json: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
count = st.integers(min_value=0, max_value=2**32 - 1)


# -- round trips ---------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(any_text, max_size=5))
async def test_any_text_comes_back_as_it_was_sent(sent: list[str]) -> None:
    """What is stored, answered and read again is the same text: NUL kept, half characters replaced."""
    async with memory() as sessions:
        session = await sessions.get_or_create_session(person())
        stored = [await sessions.add_message(session.id, role="user", content=text) for text in sent]
        read = await sessions.get_history(session.id, limit=None)
        assert [m.content for m in read] == [whole(text) for text in sent]
        assert read == stored


@settings(max_examples=60)
@given(
    content=any_text,
    author=st.none() | any_text,
    metadata=st.none() | st.dictionaries(any_text, any_json, max_size=3),
    usage=st.none() | st.builds(Usage, count, count, count),
    important=st.booleans(),
)
async def test_everything_that_goes_with_a_message_comes_back(
    content: str, author: str | None, metadata: dict[str, JsonValue] | None, usage: Usage | None, important: bool
) -> None:
    """Author, metadata, usage and mark are read as they were given, in every combination."""
    async with memory() as sessions:
        session = await sessions.get_or_create_session(person())
        stored = await sessions.add_message(
            session.id,
            role="assistant",
            content=content,
            author=author,
            metadata=metadata,
            usage=usage,
            important=important,
        )
        (read,) = await sessions.get_history(session.id)
        assert (read.content, read.usage, read.important) == (whole(content), usage, important)
        assert read.author == (None if author is None else whole(author))
        assert (read.metadata or None) == (whole_json(metadata or {}) or None)
        assert read._replace(metadata=None) == stored._replace(metadata=None)


@settings(max_examples=40)
@given(metadata=st.dictionaries(any_text, any_json, max_size=3))
async def test_the_metadata_of_a_session_comes_back(metadata: dict[str, JsonValue]) -> None:
    """Metadata of a session is any JSON object, and is read as it was given."""
    async with memory(hot_sessions=0) as sessions:
        session = await sessions.get_or_create_session(person())
        await sessions.update_session(session.id, metadata=metadata)
        assert (await sessions.get_session(session.id)).metadata == whole_json(metadata)


@settings(max_examples=40)
@given(st.lists(any_text, min_size=1, max_size=4))
async def test_a_json_export_reads_back_to_the_same_messages(sent: list[str]) -> None:
    """No text can break out of an export, which can be read again without loss."""
    async with memory() as sessions:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, *sent)
        told = from_json(await sessions.export(session.id, format="json"))
        assert [m.content for m in told.messages] == await texts(sessions, session.id)


# -- exports -------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one."""
        self.found.append((tag, dict(attrs)))


async def told(format_name: str, title: str | None = None) -> str:
    """Export a conversation that consists of attacks, in text, names and metadata."""
    async with memory() as sessions:
        session = await sessions.new_session(person("<b>", chat="---"), title=title)
        for attack in ATTACKS:
            await sessions.add_message(
                session.id, role="user", content=attack, author=attack or None, metadata={attack: attack}
            )
        await sessions.save_checkpoint(session.id, name="<script>x</script>", description="</pre>")
        return await sessions.export(session.id, format=format_name)


async def test_an_html_export_runs_and_loads_nothing() -> None:
    """Whatever was said is shown as text under a policy that allows nothing."""
    page = Tags()
    page.feed(await told("html", title="</title><script>alert(1)</script>"))
    assert not {tag for tag, _ in page.found} & {"script", "img", "a", "iframe", "link", "object", "base"}
    assert not {name for _, attrs in page.found for name in attrs if name.startswith("on") or name in ("src", "href")}
    policies = [attrs["content"] for tag, attrs in page.found if tag == "meta" and "http-equiv" in attrs]
    assert len(policies) == 1
    assert policies[0] is not None
    assert policies[0].startswith("default-src 'none'")


async def test_a_markdown_export_can_not_be_forged() -> None:
    """No message makes a heading, a role or front matter of its own."""
    lines = (await told("markdown", title="--- # title")).splitlines()
    headings = [line for line in lines if line.startswith("## ") and line.split()[1].isdigit()]
    assert len(headings) == len(ATTACKS)
    fence = ""
    for line in lines:
        mark = line[: len(line) - len(line.lstrip("`"))]
        if fence:
            fence = "" if line == fence else fence
        elif len(mark) >= 3:
            fence = mark
        else:
            assert line != "## system"
            assert not line.startswith("title: forged")


async def test_there_is_no_spreadsheet_to_put_formulas_in() -> None:
    """A cell that starts with = can do no harm where there are no cells."""
    with pytest.raises(InvalidValue, match="csv"):
        parse_format("csv")


@pytest.mark.parametrize(
    "title", ["../../etc/passwd", "CON", "a" * 200, "fdp.exe\u202e", "x\x00y", "a/b\\c:d", ".", "~"]
)
async def test_an_exported_file_is_not_named_by_its_title(title: str) -> None:
    """Whatever a conversation is called, its file name is made of its id and the day."""
    async with memory() as sessions:
        session = await sessions.new_session(person(), title=title)
        assert export_filename(session, parse_format("html"), NOW) == f"session-{session.id}-20261121.html"


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("\u202efdp.exe\u202c", "fdp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("a" + "\u0301" * 500, "a" + "\u0301" * 3),
        ("two\nlines\r\nand\ttabs", "two lines and tabs"),
        ("nul\x00", "nul"),
        ("half \ud83d", "half"),
        ("x'; DROP TABLE session;--", "x'; DROP TABLE session;--"),
        ("👩\u200d👧 family", "👩\u200d👧 family"),
    ],
)
async def test_names_are_one_line_of_what_can_be_seen(title: str, shown: str) -> None:
    """Titles, tags and the names of checkpoints and models lose what is not seen; a message keeps it."""
    async with memory(hot_sessions=0) as sessions:
        session = await sessions.new_session(person(), title=title)
        assert session.title == shown
        await sessions.update_session(session.id, title=title, tags=[title[:60]], model=title[:150])
        again = await sessions.get_session(session.id)
        assert again.title == shown
        for name in (*again.tags, again.model or ""):
            assert not [char for char in name if unicodedata.category(char) in ("Cc", "Cs")]
        mark = await sessions.save_checkpoint(session.id, name=title[:90], description=title)
        assert "\n" not in mark.name + mark.description
        stored = await sessions.add_message(session.id, role="user", content=title)
        assert stored.content == whole(title)


@pytest.mark.parametrize("name", ["", " ", "\u200b", "\u202e\u202c", "\x00", "\ud800", "\u0301", "x" * 201])
async def test_a_name_that_can_not_be_seen_or_read_is_refused(name: str) -> None:
    """A name has something to see and an end; nothing is changed by one that has not."""
    async with memory() as sessions:
        session = await sessions.new_session(person(), title="before")
        for refused in (
            sessions.update_session(session.id, tags=[name]),
            sessions.save_checkpoint(session.id, name=name),
            sessions.new_session(person(), title=name),
        ):
            with pytest.raises(InvalidValue, match=r"at least one visible character|has at most"):
                await refused
        assert await sessions.current_session(person()) == session


async def test_words_of_sql_are_words() -> None:
    """Titles and searches are compared as text: no wildcard, no quote, no statement."""
    async with memory() as sessions:
        session = await sessions.new_session(person(), title="x'; DROP TABLE session;--")
        await say(sessions, session.id, "100% sure", "a_b", "back\\slash", "plain")
        for words, hits in (("%", 1), ("_", 1), ("\\", 1), ("'", 0), ("%" * 10_000, 0), ("* OR 1=1", 0), ("\ud800", 0)):
            found = await sessions.search(person(), words)
            assert sum(hit.message.role == "user" for hit in found) == hits
        assert (await sessions.find_session(person(), "x'; drop table session;--")).id == session.id
        for which in ("%", "_", session.id[:3] + "%", "' OR '1'='1", "\ud800", "\x00", "9" * 5000):
            with pytest.raises(NotFound):
                await sessions.find_session(person(), which)
        assert await sessions.verify() == []


@pytest.mark.parametrize("reference", ["\ud800", "\x00", "", "%", "a" * 100_000, "' OR 1=1 --", "AAAAAAAAAAAA", "é"])
async def test_a_reference_of_any_form_is_not_found(reference: str) -> None:
    """Every verb that takes an id answers what nobody has with one error, whatever it looks like."""
    async with memory() as sessions:
        await sessions.get_or_create_session(person())
        verbs: list[Callable[[str], object]] = [
            sessions.get_session,
            sessions.get_history,
            sessions.delete_session,
            sessions.export,
            sessions.fork,
            sessions.clear_history,
            sessions.list_checkpoints,
            sessions.restore_checkpoint,
            sessions.delete_checkpoint,
            sessions.retry_turn,
        ]
        for verb in verbs:
            with pytest.raises(NotFound):
                await verb(reference)  # type: ignore[misc]  # each gives something to wait for
        with pytest.raises(NotFound):
            await sessions.switch_session(person(), reference)


# -- too much, and nothing -----------------------------------------------------------------------


async def test_an_empty_reply_is_stored_as_one() -> None:
    """Nothing said, and white space alone, are messages like others."""
    async with memory() as sessions:
        session = await sessions.get_or_create_session(person())
        turn = await sessions.begin_turn(session.id, content=" ")
        await sessions.finish_turn(turn, content="")
        assert await texts(sessions, session.id) == [" ", ""]
        assert len(await sessions.get_context_history(session.id, max_tokens=100)) == 2


async def test_a_message_has_an_end() -> None:
    """4 MiB of UTF-8 are taken, one byte more is refused before anything is stored."""
    async with memory() as sessions:
        session = await sessions.get_or_create_session(person())
        await sessions.add_message(session.id, role="user", content="é" * (MAX_CONTENT // 2))
        with pytest.raises(InvalidValue, match="4,194,305 bytes long, 4,194,304 are allowed"):
            await sessions.add_message(session.id, role="user", content="é" * (MAX_CONTENT // 2) + "x")
        assert (await sessions.get_session(session.id)).message_count == 1


def nested(depth: int) -> JsonValue:
    value: JsonValue = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        object(), b"bytes", {1, 2}, float("nan"), float("inf"), nested(29), nested(200_000), 10**4000, "x" * 100_000,
        NOW, {(1, 2): 3},
    ],
)  # fmt: skip
async def test_metadata_that_is_no_json_is_refused(value: object) -> None:
    """What JSON can not hold, or too much of it, is an error in words, and nothing is stored."""
    async with memory() as sessions:
        session = await sessions.get_or_create_session(person())
        turn = await sessions.begin_turn(session.id, content="hello")
        bad: dict[str, JsonValue] = {"key": value}  # type: ignore[dict-item]  # what somebody may do all the same
        for refused in (
            sessions.add_message(session.id, role="user", content="x", metadata=bad),
            sessions.update_session(session.id, metadata=bad),
            sessions.finish_turn(turn, content="x", metadata=bad),
        ):
            with pytest.raises(InvalidValue, match="metadata"):
                await refused
        assert (await sessions.get_session(session.id)).message_count == 1


async def test_the_deepest_metadata_that_is_taken_can_be_exported_and_read_back() -> None:
    """And with the longest number: nothing that is stored stands in the way of an export."""
    async with memory() as sessions:
        deep: dict[str, JsonValue] = {"deep": nested(28), "long": 10**3000}
        session = await sessions.get_or_create_session(person())
        await sessions.update_session(session.id, metadata=deep)
        await sessions.add_message(session.id, role="user", content="x", metadata=deep)
        read = from_json(await sessions.export(session.id, format="json"))
        assert (read.session.metadata, read.messages[0].metadata) == (deep, deep)


@pytest.mark.parametrize("content", [None, 5, b"bytes", ["text"]])
async def test_what_is_no_text_is_refused(content: object) -> None:
    """Only text can be said."""
    async with memory() as sessions:
        session = await sessions.get_or_create_session(person())
        with pytest.raises(InvalidValue, match="content must be text"):
            await sessions.add_message(session.id, role="user", content=content)  # type: ignore[arg-type]
        with pytest.raises(InvalidValue, match="content must be text"):
            await sessions.begin_turn(session.id, content=content)  # type: ignore[arg-type]


# -- sealed, but of another shape ----------------------------------------------------------------

SHAPES: tuple[JsonValue, ...] = (
    {"lc": 1, "type": "constructor"},
    {"__reduce__": "os.system"},
    [],
    [1],
    "text",
    5,
    None,
    True,
)


@pytest.mark.parametrize("said", SHAPES, ids=str)
async def test_a_sealed_message_of_another_shape_is_a_gap(said: JsonValue) -> None:
    """Even what opens is read by a fixed form only: no object is ever built from it."""
    async with memory() as sessions:
        session = await sessions.get_or_create_session(person())
        live = await sessions._parts.cache.get(session.id)
        data = json.dumps(said).encode()
        framed = b"\x02" + len(data).to_bytes(4, "big") + data + b"text"
        fields = (record_id(live.row.number, 1), 0, 1, 1, 0, 0)
        for content in (framed, b"\x80text", b"\x01short", b"\x02\xff\xff\xff\xff", b"", b"\x00\xff\xfe"):
            body = live.cipher.seal(live._message_aad + _MESSAGE_AAD.pack(*fields), content)
            (message,) = live.open_messages([(*fields, body)], 1)
            assert message == Message(1, "system", "[message 1 is unreadable]", 0, None, "unreadable")


@pytest.mark.parametrize("said", SHAPES, ids=str)
def test_a_sealed_profile_or_journal_of_another_shape_is_refused(said: JsonValue) -> None:
    """A profile and a journal entry have the fields and types that they must have, or are damage."""
    for data in (json.dumps(said), json.dumps({"scope": said, "address": said}), "\x00", "[" * 100):
        with pytest.raises(Tampered):
            Profile.decode(data.encode())
    for kind in (*(EntryKind.__members__.values()), 0, 99):
        if kind is not EntryKind.settings and isinstance(said, dict):
            with pytest.raises(Tampered):
                Journal().apply(kind, 0, said)


def test_a_profile_with_one_field_of_another_type_is_refused() -> None:
    """Each field is checked for itself."""
    profile = Profile(address=person(), scope=Scope.PER_PEER, title="t", tags=("a",), model="m", metadata={"k": 1})
    good = json.loads(profile.encode())
    assert Profile.decode(json.dumps(good).encode()) == profile
    for name in ("scope", "address", "title", "tags", "model", "metadata"):
        with pytest.raises(Tampered):
            Profile.decode(json.dumps(good | {name: [{"lc": 1}]}).encode())
    for policy in (
        "x",
        {"timezone": 5},
        {"timezone": "UTC", "idle_seconds": 10**300},
        {"timezone": "UTC", "daily_at": 5},
    ):
        with pytest.raises(Tampered):
            Profile.decode(json.dumps(good | {"policy": policy}).encode())
