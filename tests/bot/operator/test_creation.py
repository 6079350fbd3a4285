"""palaver sessions create and fork: also beside a running bot."""

from __future__ import annotations

import json
import re

import pytest

from sessions.session import Status
from tests.bot.operator.conversations import ME, Quick, begin, history, listed, telegram
from tests.bot.shell import ROOT, Shell
from tests.bot.test_cli_pair import running

PAUSED, ACTIVE = Status.PAUSED, Status.ACTIVE


def created(shell: Shell, *options: str, **settings: str) -> str:
    done = shell.run("sessions", "create", *options, "--json", **settings)
    assert done.code == 0, done
    return str(json.loads(done.out)["id"])


def test_a_conversation_is_begun_with_all_that_was_said(shell: Shell) -> None:
    """Also where nothing was stored before; title, tags, provider, model and metadata are really there."""
    done = shell.run(
        *("sessions", "create", "--title", "API Development", "--tags", "golang, api,rest", "--provider", "echo"),
        *("--model", "m-1", "--metadata", '{"project":"myapp","priority":3}'),
    )
    (ident,) = listed(shell)
    assert done.lines == [
        f"ID: {ident}",
        "Title: API Development",
        "Tags: golang, api, rest",
        "Provider: echo",
        "Model: m-1",
        "Status: active",
        "Activated: `palaver chat` goes on in it.",
    ]
    session, person = listed(shell)[ident].session, listed(shell)[ident].person
    assert person == f"console:{ME.user_id}"
    assert (session.title, session.tags, session.backend, session.model) == (
        "API Development",
        ("golang", "api", "rest"),
        "echo",
        "m-1",
    )
    assert dict(session.metadata) == {"workdir": str(ROOT), "project": "myapp", "priority": 3}


def test_it_is_activated(shell: Shell) -> None:
    """The next chat goes on in it, and the one before is archived."""
    old = begin(shell, ME, "hello")
    ident = created(shell, "--title", "Next")
    shell.chat("said here")
    assert [message.content for message in history(shell, ident)][:1] == ["said here"]
    assert listed(shell)[old].session.status is Status.COMPLETED
    assert listed(shell)[ident].session.status is ACTIVE


def test_without_activation_the_current_one_stays(shell: Shell) -> None:
    """The new one waits, and is listed and resumed like any other."""
    old = begin(shell, ME, "hello")
    ident = created(shell, "--title", "Draft", "--no-activate")
    assert (listed(shell)[old].session.status, listed(shell)[ident].session.status) == (ACTIVE, PAUSED)
    assert "I was sent 2 messages" in shell.chat("more").out
    assert ident in shell.chat("/session list").out
    assert "I was sent 1 message " in shell.run("resume", ident, "first words").out


def test_default_tags_are_added_and_know_who_runs_it(shell: Shell) -> None:
    """${USER} is the login name, for conversations begun anywhere; another variable is refused."""
    tags = {"PALAVER_SESSIONS__DEFAULT_TAGS": "all, by-${USER}"}
    ident = created(shell, "--title", "T", "--tags", "mine,all", **tags)
    assert listed(shell)[ident].session.tags == ("all", f"by-{ME.user_id}", "mine")
    shell.chat("/new", "hello", **tags)
    (other,) = set(listed(shell)) - {ident}
    assert listed(shell)[other].session.tags == ("all", f"by-{ME.user_id}")
    done = shell.run("sessions", "create", "--title", "T", PALAVER_SESSIONS__DEFAULT_TAGS="${HOME}")
    assert done.code == 78
    assert "${USER} is known in them, ${HOME} is not" in done.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "--metadata is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("", "--metadata is not JSON: Expecting value at line 1, column 1"),
        ("{'a': 1}", "--metadata is not JSON"),
        ("[1]", 'must be an object like {"project":"myapp"}, not a list'),
        ('"text"', "not a text"),
        ("3", "not a number"),
        ("null", "not null"),
        ('{"a": NaN}', "--metadata holds NaN, which is no JSON number"),
        ('{"a": 1, "a": 2}', "--metadata names 'a' twice"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps({"a": "x" * 70_000}), "too long"),
    ],
)
def test_metadata_that_is_no_object_is_refused(shell: Shell, quick: Quick, text: str, words: str) -> None:
    """It says what is wrong and where, and no conversation is begun."""
    begin(shell, ME, "hello")
    done = quick("sessions", "create", "--title", "T", "--metadata", text)
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert len(listed(shell)) == 1


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "Missing option '--title'"),
        (["--title", " "], 1, "a title needs at least one visible character"),
        (["--title", "T", "--tags", "x" * 51], 1, "a tag has at most 50 characters"),
        (["--title", "T", "--provider", "gemini"], 1, "'gemini' is no provider that Palaver speaks to: echo, openai"),
        (["--title", "T", "--user", ""], 1, "user_id"),
    ],
)
def test_what_can_not_be_begun_is_said(shell: Shell, quick: Quick, options: list[str], code: int, words: str) -> None:
    """Nothing is begun then, and the current conversation stays."""
    ident = begin(shell, ME, "hello")
    done = quick("sessions", "create", *options)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert {one: listed(shell)[one].session.status for one in listed(shell)} == {ident: ACTIVE}


def test_a_provider_that_does_not_answer_here_is_said(shell: Shell, quick: Quick) -> None:
    """It is kept with the conversation, but who answers is a matter of the settings."""
    done = quick("sessions", "create", "--title", "T", "--provider", "Anthropic")
    assert (done.code, "Provider: anthropic" in done.lines) == (0, True)
    assert "while model.backend is echo, that is who answers" in done.err


def test_a_fork_waits_and_leaves_the_original_as_it_is(shell: Shell, quick: Quick) -> None:
    """It has an id of its own, names its parent, and has what was said; nobody's current conversation changes."""
    source = begin(shell, telegram("42"), "one", "two", title="Plans")
    before = listed(shell)[source]
    done = quick("sessions", "fork", source[:8])
    (ident,) = set(listed(shell)) - {source}
    assert (done.code, done.lines[0], done.lines[-1]) == (0, f"ID: {ident}", f"Forked from: {source}")
    fork = listed(shell)[ident]
    assert (fork.session.status, fork.session.forked_from, fork.person) == (PAUSED, source, "telegram:42")
    assert fork.session.title == "Plans (fork)"
    assert [message.content for message in history(shell, ident)] == ["one", "two"]
    assert listed(shell)[source] == before


def test_a_fork_with_words_is_answered_in(shell: Shell) -> None:
    """The console goes on in the fork; the original is set aside as it was."""
    source = begin(shell, ME, "the word is teal")
    done = shell.run("sessions", "fork", source, "explore", "another way", "--title", "Other")
    assert (done.code, "“explore another way”" in done.out) == (0, True)
    assert "I was sent 2 messages" in done.out
    (ident,) = set(listed(shell)) - {source}
    assert f"this is conversation {ident}, forked from {source}" in done.err
    assert (listed(shell)[ident].session.title, listed(shell)[ident].session.status) == ("Other", ACTIVE)
    assert [message.content for message in history(shell, source)] == ["the word is teal"]
    assert "I was sent 2 messages" in shell.run("resume", source, "back").out, "both can be gone on with"


def test_a_fork_of_anothers_conversation_can_not_be_answered_here(shell: Shell, quick: Quick) -> None:
    """It says whose it is, and nothing is begun."""
    source = begin(shell, telegram("42"), "hello")
    done = quick("sessions", "fork", source, "my words")
    assert (done.code, done.out) == (1, "")
    assert "belongs to telegram:42, so it can not go on at this console" in done.err
    assert list(listed(shell)) == [source]


def test_both_work_beside_a_running_bot(shell: Shell) -> None:
    """It is begun by the bot, for the person at the shell; words can not be answered there, so nothing is forked."""
    source = begin(shell, telegram("42"), "hello")
    mine = begin(shell, ME, "hi")
    with running(shell):
        ident = created(shell, "--title", "T")
        fork = json.loads(shell.run("sessions", "fork", source, "--json").out)
        assert fork["forked_from"] == source
        done = shell.run("sessions", "fork", mine, "words")
        assert (done.code, done.out) == (75, "")
        assert re.search("held by process", done.err)
    assert set(listed(shell)) == {source, mine, ident, fork["id"]}
    assert listed(shell)[ident].person == f"console:{ME.user_id}"
