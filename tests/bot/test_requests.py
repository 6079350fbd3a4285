"""What the control socket of a running bot makes of requests that no command line of ours sends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pwd
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bot.application import Application, open_application
from bot.control import SOCKET, ControlServer, ask
from bot.operation_table import OPERATIONS
from bot.pair_requests import APPROVE, REFUSE, REVOKE
from bot.startup import key_provider
from config import load_settings
from sessions.address import Address
from sessions.message import JsonValue
from sessions.session import Status

ANN = Address(platform="telegram", account="1", chat_id="1", user_id="1")
ME = f"shell:{pwd.getpwuid(os.geteuid()).pw_name}"
ID = "abcdefgh2345"
ODD: tuple[JsonValue, ...] = (
    None,
    True,
    7,
    -1,
    10**40,
    1e300,
    float("nan"),
    "",
    "\0",
    "x" * 2_000,
    "/dev/null",
    [],
    [7],
    [[]],
    {},
    {"a": {"b": [None]}},
    {"": "\0"},
)
FIELDS = {
    "sessions": ["all", "among", "status", "person", "until", "sessions", "session", "seconds", "keep", "title"],
    "changes": ["user", "tags", "model", "backend", "metadata", "aside", "tag", "untag", "set", "unset"],
    "keys": ["key", "source", "path", "deep", "after"],
    "imports": ["files", "folder", "keys", "new_ids", "console"],
    "notes and people": ["kind", "about", "code"],
}


@asynccontextmanager
async def bot(home: Path) -> AsyncIterator[tuple[Application, Path]]:
    """Have a bot listen in this process."""
    settings = load_settings(environ={"PALAVER_HOME": str(home), "PALAVER_SESSIONS__TIMEZONE": "UTC"})
    async with (
        open_application(settings, key_provider(settings)) as application,
        ControlServer(home / SOCKET, application.controls()),
    ):
        yield application, home / SOCKET


async def said(path: Path, data: bytes) -> Mapping[str, JsonValue]:
    """Write bytes into the socket, and read the answer to them."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    with closing(writer):
        writer.write(data)
        writer.write_eof()
        answer: dict[str, JsonValue] = json.loads(await reader.readline())
    return answer


@pytest.mark.parametrize("by", ["telegram:1", "shell:somebody-else", "", None, 7])
async def test_an_operator_is_named_by_the_system(tmp_path: Path, by: JsonValue) -> None:
    """Whoever a request says it comes from: the audit has the login of the process that sent it."""
    async with bot(tmp_path / "home") as (application, path):
        session = await application.sessions.new_session(ANN)
        assert await ask(path, {"do": "audit note", "by": by, "kind": "read", "about": {"how": "list"}}) == {}
        done = await ask(path, {"do": "erase sessions", "by": by, "sessions": [session.id]})
        assert done == {"sessions": 1, "messages": 0}
        assert [entry.by for entry in await application.sessions.audit.newest(2)] == [ME, ME]


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("read", {"how": "show", "session": ID}),
        ("read", {"how": "list", "sessions": [ID, ID]}),
        ("read", {"how": "search", "person": None}),
        ("read", {"how": "search", "person": "telegram:42"}),
        ("export", {"session": ID, "format": "markdown"}),
        ("export", {"count": 3, "format": "json", "person": "console:ann"}),
        ("export", {"sessions": [], "count": 0, "format": "person"}),
        ("key", {"done": "written out for recovery", "key": "00ff"}),
    ],
)
async def test_what_the_command_line_notes_is_noted(tmp_path: Path, kind: str, about: Mapping[str, JsonValue]) -> None:
    """Every look at words of others that there is, as it is."""
    async with bot(tmp_path / "home") as (application, path):
        assert await ask(path, {"do": "audit note", "kind": kind, "about": dict(about)}) == {}
        (entry,) = await application.sessions.audit.newest()
        assert (entry.kind, entry.about) == (kind, dict(about))


@pytest.mark.parametrize(
    ("kind", "about", "words"),
    [
        ("lunch", {}, "'lunch'"),
        ("erasure", {"sessions": [ID]}, "'erasure'"),
        ("reset", {"how": "archive"}, "'reset'"),
        ("read", {"how": "any words"}, "'how'"),
        ("read", {"how": "list", "words": "any"}, "'words'"),
        ("read", {"how": "show", "session": "any words"}, "'session'"),
        ("read", {"how": "list", "sessions": ["any words"]}, "'sessions'"),
        ("read", {"how": "search", "person": "any words"}, "'person'"),
        ("export", {"count": "many", "format": "json"}, "'count'"),
        ("export", {"count": True, "format": "json"}, "'count'"),
        ("export", {"count": 3, "format": "carrier pigeon"}, "'format'"),
        ("key", {"done": "nothing at all", "key": "00ff"}, "'done'"),
        ("key", {"done": "written out for recovery", "key": "any words"}, "'key'"),
        ("read", "any words", "'about'"),
        (7, {}, "'kind'"),
    ],
)
async def test_nothing_else_gets_into_the_audit(tmp_path: Path, kind: JsonValue, about: JsonValue, words: str) -> None:
    """A kind, a field or a value that no command notes is refused, and the refusal names it."""
    async with bot(tmp_path / "home") as (application, path):
        answer = await ask(path, {"do": "audit note", "kind": kind, "about": about})
        assert answer is not None
        assert answer["code"] == 1
        assert words in str(answer["error"])
        assert await application.sessions.audit.newest() == []


@pytest.mark.parametrize("status", ["paused", "completed", "expired", "error"])
async def test_each_change_of_a_status_is_told(tmp_path: Path, status: str) -> None:
    """With what it was and what it is; one that changes nothing is not told."""
    async with bot(tmp_path / "home") as (application, path):
        session = await application.sessions.new_session(ANN)
        request: dict[str, JsonValue] = {"do": "set status", "sessions": [session.id], "status": status}
        assert await ask(path, request) == {"changed": [[session.id, "active", True]]}
        await ask(path, request)
        (entry,) = await application.sessions.audit.newest()
        assert entry.kind == ("reset" if status == "completed" else "status")
        assert entry.about == {"session": session.id, "before": "active", "after": status} | (
            {"how": "archive"} if status == "completed" else {}
        )
        assert entry.by == ME
        await ask(path, request | {"status": "active"})
        (entry, *_) = await application.sessions.audit.newest()
        assert (entry.kind, entry.about["before"], entry.about["after"]) == ("status", status, "active")
        assert (await application.sessions.get_session(session.id)).status is Status.ACTIVE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"hello\n", "not JSON"),
        (b'{"do": "vacuum"\n', "not JSON"),
        (b"\xff\n", "not UTF-8"),
        ('{"do": "vacuum"}\n'.encode("utf-16"), "not UTF-8"),
        (b"[" * 60_000 + b"\n", "nested"),
        (b"1" * 6_000 + b"\n", "not JSON"),
        (b"[]\n", "a list"),
        (b"null\n", "null"),
        (b"{}\n", '"do"'),
        (b'{"do": 1}\n', '"do"'),
        (b'{"do": "wash up"}\n', "'wash up'"),
        (b'{"do": "' + b"x" * 70_000 + b'"}\n', "65536 bytes"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(
    tmp_path: Path, data: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever came, the answer says what is wrong with it, and the log has nothing to tell."""
    async with bot(tmp_path / "home") as (_, path):
        answer = await said(path, data)
    assert answer["code"] == 2
    assert words in str(answer["error"])
    assert len(str(answer["error"])) < 300
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"do": "rename session"}, "'title'"),
        ({"do": "rename session", "title": "x"}, "'session'"),
        ({"do": "rename session", "title": 7, "session": ID}, "'title' has to be a text, this is a number"),
        ({"do": "set status", "sessions": "x", "status": "paused"}, "'sessions' has to be a list of texts"),
        ({"do": "set status", "sessions": [], "status": "tired"}, "active, paused, completed, error, expired"),
        ({"do": "clean sessions", "seconds": 10**30}, "'seconds'"),
        ({"do": "clean sessions", "seconds": 5, "keep": "no"}, "'keep' has to be true or false, this is a text"),
        ({"do": "erase sessions", "all": 1}, "'all' has to be true or false"),
        ({"do": "keys.step", "after": "x"}, "'after' has to be a whole number"),
        ({"do": "keys.add", "source": "moon", "path": "/dev/null"}, "'source'"),
        ({"do": "import sessions", "console": "ann", "files": ["/dev/null"], "keys": [1]}, "'keys'"),
        ({"do": APPROVE}, "'code'"),
        ({"do": REVOKE, "person": []}, "'person' has to be a text, this is a list"),
    ],
)
async def test_an_argument_that_is_wrong_is_named(
    tmp_path: Path, request_: Mapping[str, JsonValue], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Missing, of another type or without meaning: the answer has its name and what it has to be."""
    async with bot(tmp_path / "home") as (_, path):
        answer = await ask(path, request_)
    assert answer is not None
    assert words in str(answer["error"]), answer
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("fields", FIELDS)
async def test_no_argument_is_a_mishap(tmp_path: Path, fields: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each operation with each odd value for each argument answers in words that were meant for it."""
    sound: dict[str, JsonValue] = {"title": "x", "user": "ann", "console": "ann", "person": "telegram:1"}
    async with bot(tmp_path / "home") as (application, path):
        names = [*OPERATIONS.controls(application.sessions), APPROVE, REFUSE, REVOKE]
        session = await application.sessions.new_session(ANN)
        for name in names:
            for field in FIELDS[fields]:
                for odd in ODD:
                    answer = await ask(path, {**sound, "do": name, "session": session.id, field: odd})
                    assert answer is not None
                    assert "something went wrong" not in str(answer.get("error")), (name, field, odd, caplog.text)
            session = await application.sessions.new_session(ANN)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
