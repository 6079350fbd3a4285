"""palaver sessions import: files that come back whole, and files that are refused."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from sessions.errors import NotFound
from sessions.export.json_reader import from_json
from sessions.manager import SessionManager
from tests.bot.operator.conversations import ME, Quick, audited, begin, history, listed, telegram, within
from tests.bot.operator.terminal import at_terminal
from tests.bot.shell import Shell
from tests.bot.test_cli_pair import running
from tests.sessions.export.test_documents import AINATIVE, CLINVK

ANN, BOB = telegram("42"), telegram("43")


@pytest.fixture
def ids(shell: Shell) -> list[str]:
    """Two conversations, of Ann and of Bob."""
    return [
        begin(shell, ANN, "hello", "how are you", title="Greetings", days_ago=2),
        begin(shell, BOB, "quarterly report", days_ago=1),
    ]


@pytest.fixture
def archive(quick: Quick, ids: list[str], tmp_path: Path) -> Path:
    """A file with both."""
    path = tmp_path / "all.json"
    assert quick("sessions", "export", "--all", "-o", str(path)).code == 0
    return path


@pytest.fixture
def elsewhere(tmp_path: Path) -> Shell:
    """Another machine, on which nothing was ever said."""
    return Shell(tmp_path / "elsewhere")


def same(one: Path, other: Path) -> bool:
    """Compare two exports but for the moment at which they were written."""
    plain = ([line for line in path.read_text().splitlines() if '"exported_at"' not in line] for path in (one, other))
    return next(plain) == next(plain)


def test_what_was_exported_comes_back_on_another_machine(
    quick: Quick, elsewhere: Shell, archive: Path, ids: list[str], tmp_path: Path
) -> None:
    """A store is made there; exported again it is the same, and everybody goes on where they were."""
    home = {"PALAVER_HOME": str(elsewhere.home)}
    done = quick("sessions", "import", str(archive), **home)
    assert (done.code, done.out.splitlines()) == (0, ["2 conversations with 3 stored messages imported.", *ids])
    assert "A new key was made" in done.err
    again = tmp_path / "again.json"
    assert quick("sessions", "export", "--all", "-o", str(again), **home).code == 0
    assert same(archive, again)
    assert {one.person for one in listed(elsewhere).values()} == {"telegram:42", "telegram:43"}

    async def current(sessions: SessionManager) -> str:
        return (await sessions.get_or_create_session(ANN)).id

    assert within(elsewhere, current) == ids[0]
    entry = audited(elsewhere)[1]
    assert (entry.kind, entry.about) == ("import", {"sessions": ids, "count": 2, "messages": 3})


def test_nothing_is_imported_twice_unless_that_is_asked_for(
    quick: Quick, shell: Shell, archive: Path, ids: list[str]
) -> None:
    """With --new-id they come in beside the first, set aside."""
    refused = quick("sessions", "import", str(archive))
    assert (refused.code, refused.out) == (1, "")
    assert f"session {ids[0]} is here already; import it beside that one with --new-id" in refused.err
    assert set(listed(shell)) == set(ids)
    done = quick("sessions", "import", "-i", str(archive), "--new-id")
    assert done.code == 0
    new = done.out.splitlines()[1:]
    known = listed(shell)
    assert [known[one].session.status.value for one in (*ids, *new)] == ["active", "active", "paused", "paused"]
    assert [one.content for one in history(shell, new[0])] == ["hello", "how are you"]


def test_the_bot_that_runs_imports(quick: Quick, shell: Shell, archive: Path, ids: list[str], tmp_path: Path) -> None:
    """Also encrypted files, and from a path that is relative to the shell; its refusals are said here."""
    phrase, sealed = tmp_path / "phrase", tmp_path / "x.json.enc"
    phrase.write_text("correct horse battery staple\n")
    phrase.chmod(0o600)
    assert quick("sessions", "export", "--all", "-o", str(sealed), "--passphrase-file", str(phrase)).code == 0
    with running(shell):
        refused = quick("sessions", "import", os.path.relpath(archive, "."))
        assert (refused.code, "is here already" in refused.err) == (1, True)
        done = quick("sessions", "import", str(archive), "--new-id", "--user", "me")
        assert done.out.startswith("2 conversations with 3 stored messages imported.")
        secret = quick("sessions", "import", str(sealed), "--new-id", "--passphrase-file", str(phrase))
        assert secret.out.startswith("2 conversations with 3 stored messages imported.")
    assert len(listed(shell)) == 6
    assert audited(shell)[0].by == f"shell:{ME.user_id}"


def test_an_encrypted_file_needs_its_passphrase(
    quick: Quick, elsewhere: Shell, archive: Path, ids: list[str], tmp_path: Path
) -> None:
    """Another one, or none, is an error of the key; a file that was cut off leaves nothing."""
    phrase, other, sealed = tmp_path / "phrase", tmp_path / "other", tmp_path / "x.json.enc"
    for path, words in ((phrase, "correct horse battery staple\n"), (other, "correct horse battery stable\n")):
        path.write_text(words)
        path.chmod(0o600)
    quick("sessions", "export", "--all", "-o", str(sealed), "--passphrase-file", str(phrase))
    home = {"PALAVER_HOME": str(elsewhere.home)}
    none = quick("sessions", "import", str(sealed), **home)
    assert (none.code, "give its passphrase" in none.err) == (78, True)
    wrong = quick("sessions", "import", str(sealed), "--passphrase-file", str(other), **home)
    assert (wrong.code, "the passphrase does not open this file" in wrong.err) == (78, True)
    cut = tmp_path / "cut.json.enc"
    cut.write_bytes(sealed.read_bytes()[:-20])
    short = quick("sessions", "import", str(cut), "--passphrase-file", str(phrase), **home)
    assert (short.code, "can not be verified" in short.err) == (4, True)
    assert listed(elsewhere) == {}
    done = quick("sessions", "import", str(sealed), "--passphrase-file", str(phrase), **home)
    assert (done.code, set(listed(elsewhere))) == (0, set(ids))


def test_a_passphrase_is_asked_for_at_a_terminal(
    shell: Shell, elsewhere: Shell, ids: list[str], tmp_path: Path
) -> None:
    """Twice to export and once to import, without showing it."""
    sealed, phrase = tmp_path / "x.json.enc", "correct horse battery staple"
    with at_terminal(shell, "sessions", "export", "--all", "-o", str(sealed), "--passphrase") as terminal:
        for asked in ("Passphrase: ", "Repeat for confirmation: "):
            terminal.shows(asked)
            terminal.types(f"{phrase}\r")
        terminal.shows("under the passphrase")
        assert terminal.ends() == 0
        assert phrase not in terminal.shown
    with at_terminal(elsewhere, "sessions", "import", str(sealed)) as terminal:
        terminal.shows("Passphrase: ")
        terminal.types(f"{phrase}\r")
        terminal.shows("2 conversations with 3 stored messages imported.")
        assert terminal.ends() == 0
    assert set(listed(elsewhere)) == set(ids)


def test_a_folder_is_imported_whole_or_not_at_all(
    quick: Quick, elsewhere: Shell, archive: Path, ids: list[str], tmp_path: Path
) -> None:
    """Every file that ends in .json, in order of name; one that is wrong keeps all of them out."""
    folder = tmp_path / "folder"
    folder.mkdir()
    archive.replace(folder / "a.json")
    (folder / "b.json").write_text(json.dumps([CLINVK, {**AINATIVE, "messages": [{"role": "user"}]}]))
    (folder / "notes.txt").write_text("none of it")
    home = {"PALAVER_HOME": str(elsewhere.home)}
    refused = quick("sessions", "import", "--dir", str(folder), **home)
    assert (refused.code, refused.out) == (1, "")
    assert "b.json: not a Palaver export: [1].messages[0].content is missing" in refused.err
    assert listed(elsewhere) == {}
    (folder / "b.json").write_text(json.dumps([CLINVK, AINATIVE]))
    done = quick("sessions", "import", "--dir", str(folder), **home)
    assert (done.code, done.out.splitlines()[0]) == (0, "4 conversations with 6 stored messages imported.")
    backends = {(one.session.backend, one.person) for one in listed(elsewhere).values()}
    assert ("claude", f"console:{ME.user_id}") in backends
    assert ("anthropic", f"console:{ME.user_id}") in backends


def test_whoever_imports_says_whose_it_is(quick: Quick, shell: Shell, archive: Path, ids: list[str]) -> None:
    """Somebody who has written here, or a user of the console."""
    one = quick("sessions", "import", str(archive), "--new-id", "--person", "telegram:43").out.splitlines()[1:]
    other = quick("sessions", "import", str(archive), "--new-id", "--user", "eve").out.splitlines()[1:]
    people = [listed(shell)[session_id].person for session_id in (*one, *other)]
    assert people == ["telegram:43"] * 2 + ["console:eve"] * 2
    nobody = quick("sessions", "import", str(archive), "--new-id", "--person", "telegram:99")
    assert (nobody.code, "telegram:99" in nobody.err) == (1, True)


def test_a_title_is_for_one_conversation(
    quick: Quick, shell: Shell, archive: Path, ids: list[str], tmp_path: Path
) -> None:
    """With several nothing is imported."""
    several = quick("sessions", "import", str(archive), "--new-id", "--title", "Mine")
    assert (several.code, "--title is for a single conversation" in several.err) == (1, True)
    assert len(listed(shell)) == 2
    path = tmp_path / "one.json"
    quick("sessions", "export", ids[0], "-o", str(path))
    done = quick("sessions", "import", str(path), "--new-id", "--title", "Mine")
    assert listed(shell)[done.out.splitlines()[1]].session.title == "Mine"


def zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("../../x.json", "0" * 10_000_000)
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped(), "it is a zip file"),
        (b"[" * 200_000, "levels deep"),
        (b'{"format": "palaver-session", "version": ' + b"9" * 5000 + b"}", "version"),
        (b'{"format": "palaver-session", "version": NaN}', "version"),
        (b'{"format": "palaver-session", "version": 1e999}', "version"),
        (b'{"format": "palaver-session", "format": "palaver-session"}', "stands twice"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "neither an object nor a list"),
        (b"{}", "has no format, no messages and no backend"),
        (
            json.dumps({**AINATIVE, "messages": [{"role": "root", "content": ""}]}).encode(),
            "messages[0].role is 'root'",
        ),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_a_file_that_is_none_is_refused_in_one_sentence(
    quick: Quick, shell: Shell, tmp_path: Path, content: bytes, words: str
) -> None:
    """No traceback, no conversation, and nothing beside the file."""
    path = tmp_path / "x.json"
    path.write_bytes(content)
    done = quick("sessions", "import", str(path))
    assert (done.code, done.out) == (1, "")
    line = done.err.splitlines()[-1]
    assert line.startswith("palaver: x.json: not a Palaver export: ")
    assert words in line
    assert len(line) < 300
    assert listed(shell) == {}
    assert sorted(one.name for one in tmp_path.iterdir()) == ["home", "x.json"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ({"evil": "x"}, "has an unknown field 'evil'"),
        ({"user_id": None}, "has no user_id"),
        ({"user_id": "a\nb"}, "user_id holds a control character"),
        ({"chat_kind": "odd"}, "'odd' is not a valid ChatKind"),
        ({"platform": "irc"}, "has an unknown platform; known are console, telegram, discord"),
    ],
)
def test_an_address_that_is_none_is_refused(
    quick: Quick, elsewhere: Shell, archive: Path, tmp_path: Path, address: dict[str, str | None], words: str
) -> None:
    """It is told whose it was, and nothing is taken in."""
    whole = json.loads(archive.read_text())
    said = whole["sessions"][-1]["address"] | address
    whole["sessions"][-1]["address"] = {name: value for name, value in said.items() if value is not None}
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(whole))
    done = elsewhere.run("sessions", "import", str(path))
    assert (done.code, done.out) == (1, "")
    assert f"address of session {whole['sessions'][-1]['session']['id']}" in done.err
    assert words in done.err
    assert listed(elsewhere) == {}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Name files, or a folder"),
        (["x.json", "--dir", "."], 2, "Name files, or a folder"),
        (["x.json", "--user", "a", "--person", "b:c"], 2, "only one of --person and --user"),
        (["/nonexistent.json"], 1, "/nonexistent.json can not be read (No such file or directory)"),
        (["/dev/null"], 1, "/dev/null is not a regular file"),
        (["--dir", "/nonexistent"], 1, "/nonexistent is no folder"),
        (["--dir", "/dev/fd"], 1, "holds no files that end in .json"),
    ],
)
def test_what_can_not_be_done_is_said(quick: Quick, arguments: list[str], code: int, words: str) -> None:
    """On standard error, with the code that belongs to it."""
    done = quick("sessions", "import", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_an_import_can_be_erased_like_everything_else(quick: Quick, elsewhere: Shell, archive: Path) -> None:
    """Nothing is special about it afterwards."""
    quick("sessions", "import", str(archive), PALAVER_HOME=str(elsewhere.home))
    ids = list(listed(elsewhere))

    async def erase(sessions: SessionManager) -> list[str]:
        for session_id in ids:
            await sessions.delete_session(session_id)
            with pytest.raises(NotFound):
                await sessions.get_session(session_id)
        return await sessions.verify()

    assert within(elsewhere, erase) == []


def test_an_export_in_chat_is_imported_too(quick: Quick, shell: Shell, ids: list[str], tmp_path: Path) -> None:
    """One conversation in a file of its own, with or without what is known beside its words."""
    path = tmp_path / "one.json"
    quick("sessions", "export", ids[0], "--bare", "-o", str(path))
    assert from_json(path.read_bytes()).address == {}
    done = quick("sessions", "import", str(path), "--new-id")
    assert listed(shell)[done.out.splitlines()[1]].person == f"console:{ME.user_id}"
