"""Imports by a crew: what comes in, what is refused and what is left are the same as with one process alone."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.operator.crew import CrewOptions
from bot.operator.encrypted_file import EncryptedWriter
from bot.startup import passphrase_in
from sessions.export.json_format import to_json
from tests.bot.operator.conversations import listed
from tests.bot.operator.crewed import ALONE, PAIR
from tests.bot.operator.machines import (
    CUT_OFF,
    FIELD,
    PLAIN,
    Broken,
    Machines,
    archive,
    counted,
    id_of,
    in_one,
    motley,
    rows,
    ten,
    then,
    told_by_both,
    working,
)
from tests.bot.operator.test_crew import start
from tests.sessions.export.test_documents import AINATIVE, CLINVK

# -- the same as alone ---------------------------------------------------------------------------


def same_as_alone(machines: Machines, *files: Path, folder: Path | None = None, phrase: Path | None = None) -> str:
    """Import files with a crew and alone; give what then is in both stores."""
    found = []
    for name, crew in (("a", ALONE), ("b", PAIR)):
        shell = machines.shell(name)
        with working(seconds=0.05 if crew is PAIR else -1):
            done = machines.imports(shell, crew, *files, folder=folder, phrase=phrase)
        assert (done.code, done.err) == (0, "")
        machines.sound(shell)
        found.append((done.out, rows(shell, f"{PLAIN} FROM session ORDER BY number"), machines.exported(shell)))
        assert (counted(shell)["erasure"], counted(shell)["session"]) == (0, len(found[0][1]))
    assert found[1] == found[0]
    return found[0][2]


def test_an_archive_comes_in_the_same(machines: Machines) -> None:
    """Byte for byte, in the same order, with the same heads, counts and states, and the same words about it."""
    path = machines.folder / "all.json"
    path.write_text(archive(motley()))
    exported = same_as_alone(machines, path)
    whole = json.loads(exported)
    assert machines.imports(machines.shell("more"), replace(PAIR, batch=2), path).code == 0
    assert machines.exported(machines.shell("more")) == exported
    assert len(whole["sessions"]) == 24
    sizes = [len(one["messages"]) for one in whole["sessions"]]
    assert (max(sizes), min(sizes)) == (1_206, 0)
    assert {one["address"]["user_id"] for one in whole["sessions"]} == set("01234")
    statuses = {one["session"]["status"] for one in whole["sessions"]}
    assert statuses == {"active", "paused"}
    assert {bool(one["session"]["forked_from"]) for one in whole["sessions"]} == {True, False}
    assert sum(len(one["branches"]) > 1 for one in whole["sessions"]) == 7
    assert sum(len(one["checkpoints"]) for one in whole["sessions"]) == 7


def test_an_encrypted_archive_comes_in_the_same(machines: Machines) -> None:
    """Members are sent the texts then: they have no key to the file."""
    phrase, path, plain = (machines.folder / name for name in ("phrase", "all.json.enc", "all.json"))
    phrase.write_text("correct horse battery staple\n")
    phrase.chmod(0o600)
    text = archive(motley()[:12])
    plain.write_text(text)
    with path.open("wb") as file, closing(EncryptedWriter(file, passphrase_in(phrase))) as writer:
        writer.write(text.encode())
    sealed = same_as_alone(machines, path, phrase=phrase)
    assert machines.imports(machines.shell("plain"), ALONE, plain).code == 0
    assert machines.exported(machines.shell("plain")) == sealed


def test_a_folder_comes_in_the_same(machines: Machines) -> None:
    """Archives of ours beside single conversations and lists of others."""
    folder = machines.folder / "folder"
    folder.mkdir()
    (folder / "a.json").write_text(archive(motley()[:5]))
    (folder / "b.json").write_text(to_json(motley()[5]))
    (folder / "c.json").write_text(json.dumps([CLINVK, AINATIVE]))
    (folder / "d.json").write_text(archive(motley()[6:9]))
    (folder / "e.json").write_text(json.dumps({**CLINVK, "id": "another"}, indent=1))
    (folder / "f.json").write_text(to_json(motley()[9]))
    whole = json.loads(same_as_alone(machines, folder=folder))
    assert len(whole["sessions"]) == 13


def test_an_archive_that_ends_otherwise_comes_in_the_same(machines: Machines) -> None:
    """The first conversations are laid out as ours are, and what follows is right all the same."""
    made = motley()[:6]
    text = archive(made)
    plain = machines.folder / "plain.json"
    plain.write_text(text)
    assert machines.imports(machines.shell("plain"), ALONE, plain).code == 0
    expected = machines.exported(machines.shell("plain"))
    parts = text.split("\n,\n")
    path = machines.folder / "odd.json"
    path.write_text("\n,\n".join([*parts[:4], f"{parts[4]} , {parts[5]}".rstrip().removesuffix("]}")]) + "\n ] }")
    assert same_as_alone(machines, path) == expected


@pytest.mark.parametrize("pair", [PAIR, replace(PAIR, batch=2)])
def test_a_line_between_is_no_end(machines: Machines, pair: CrewOptions) -> None:
    """A comma on a line of its own also stands within a document that somebody has laid out anew."""
    text = archive(ten())
    plain, path = machines.folder / "plain.json", machines.folder / "pretty.json"
    plain.write_text(text)
    path.write_text(in_one(6, '"head"', '"head"')(text).replace(', "damaged"', '\n,\n"damaged"'))
    assert path.read_text().count("\n,\n") == 19
    for shell, file in ((machines.shell("plain"), plain), (machines.shell("pretty"), path)):
        assert machines.imports(shell, pair, file).code == 0
    assert machines.exported(machines.shell("pretty")) == machines.exported(machines.shell("plain"))


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_one(6, *FIELD), "not a Palaver export: sessions[6].messages[0].role is 'root'"),
        (in_one(8, id_of(8), id_of(1)), f"sessions[8].session.id: {id_of(1)} stands in there twice"),
        (in_one(5, '"telegram"', '"irc"'), f"the address of session {id_of(5)} has an unknown platform"),
        (in_one(4, '"metadata": {', f'"metadata": {{"deep": {"[" * 200}{"]" * 200}, '), "levels deep"),
        (lambda text: text[:-3] + "]} x", "something stands behind its end"),
    ],
    ids=["field", "twice", "address", "deep", "end"],
)
def test_an_error_is_told_as_alone(machines: Machines, change: Broken, words: str) -> None:
    """In the same words, which name file and field; nothing has come in."""
    path = machines.folder / "ten.json"
    path.write_text(change(archive(ten())))
    told = told_by_both(machines, path)
    assert told.startswith("palaver: ten.json: ")
    assert words in told


def test_what_is_no_json_is_told_by_its_place(machines: Machines) -> None:
    """The line of the file, not of the conversation; and the byte where it is not UTF-8."""
    text = archive(ten())
    at = text.index('"content"', text.index(id_of(6)))
    path = machines.folder / "ten.json"
    path.write_text(text[:at] + "?" + text[at:])
    assert f": line {text.count(chr(10), 0, at) + 1}, column " in told_by_both(machines, path)
    path.write_bytes(text[:at].encode() + b"\xff" + text[at:].encode())
    assert f": byte {at + 1} or one near it is not UTF-8" in told_by_both(machines, path)


def test_what_is_here_already_is_told(machines: Machines) -> None:
    """It stays as it is, and nothing comes in beside it."""
    one, path = machines.folder / "one.json", machines.folder / "ten.json"
    one.write_text(to_json(ten()[7]))
    path.write_text(archive(ten()))
    assert machines.imports(machines.shell("a"), PAIR, one).code == 0
    assert f"session {id_of(7)} is here already" in told_by_both(machines, path)
    assert set(listed(machines.shell("a"))) == {id_of(7)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (then(in_one(2, *FIELD), in_one(8, *FIELD)), "sessions[2].messages[0].role"),
        (then(in_one(2, *FIELD), in_one(3, *CUT_OFF)), "sessions[2].messages[0].role"),
        (then(in_one(2, *CUT_OFF), in_one(8, *FIELD)), ": line "),
        (then(in_one(3, *FIELD), in_one(4, id_of(4), id_of(1))), "sessions[3].messages[0].role"),
        pytest.param(
            then(in_one(3, id_of(3), id_of(1)), in_one(4, *FIELD)),
            "sessions[3].session.id",
        ),
        pytest.param(
            then(in_one(2, *FIELD), lambda text: f"{text}x"),
            "sessions[2].messages[0].role",
        ),
    ],
    ids=["two fields", "field, json", "json, field", "field, twice", "twice, field", "field, end"],
)
def test_the_first_error_is_told(machines: Machines, change: Broken, words: str) -> None:
    """The first in the file, whichever process came upon one first."""
    path = machines.folder / "ten.json"
    path.write_text(change(archive(ten())))
    assert words in told_by_both(machines, path, crew=replace(PAIR, batch=3))


def test_the_error_of_the_first_file_is_told(machines: Machines) -> None:
    """Also where the next file can not be read at all."""
    first, second = machines.folder / "a.json", machines.folder / "b.json"
    first.write_text(json.dumps([CLINVK, {**AINATIVE, "messages": [{"role": "user"}]}]))
    second.write_text("nothing")
    assert "a.json: not a Palaver export: [1].messages[0].content is missing" in told_by_both(machines, first, second)


def test_a_deep_file_of_others_is_refused(machines: Machines) -> None:
    """What is parsed here goes to a member, however deep it is."""
    path = machines.folder / "deep.json"
    path.write_text(f'[{json.dumps(CLINVK)[:-1]}, "x": {"[" * 900}{"]" * 900}}}]')
    with start(machines.shell("a"), "import", str(path)) as process:
        _, err = process.communicate(timeout=5)
    assert (process.returncode, b"nested more than 32 levels deep" in err) == (1, True)


# -- by one process ------------------------------------------------------------------------------


@contextmanager
def nobody_else() -> Iterator[None]:
    """See that no other process does anything."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    yield
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime == used


def test_new_ids_are_given_by_one_process(machines: Machines) -> None:
    """Forks then refer to the new ids of those before them, also where the same came in before."""
    path, shell = machines.folder / "all.json", machines.shell("a")
    path.write_text(archive(motley()))
    assert machines.imports(shell, PAIR, path).code == 0
    with nobody_else():
        done = machines.imports(shell, PAIR, path, new_ids=True)
    new = done.lines[1:]
    assert (done.code, len(new), len(set(new) | {id_of(number) for number in range(24)})) == (0, 24, 48)
    known = listed(shell)
    for number, session_id in enumerate(new):
        source = known[session_id].session.forked_from
        assert source == (new[number - 1] if number % 4 == 2 else None)
    machines.sound(shell)


def test_a_title_is_given_by_one_process(machines: Machines) -> None:
    """To one conversation; several are refused."""
    one, path, shell = machines.folder / "one.json", machines.folder / "ten.json", machines.shell("a")
    one.write_text(archive(ten()[:1]))
    path.write_text(archive(ten()))
    with nobody_else():
        several = machines.imports(shell, PAIR, path, title="Mine")
        assert machines.imports(shell, PAIR, one, title="Mine").code == 0
    assert (several.code, several.out) == (1, "")
    assert "--title is for a single conversation, and there are several" in several.err
    assert [session_.session.title for session_ in listed(shell).values()] == ["Mine"]


def test_a_title_is_given_to_one_that_is_laid_out_otherwise(machines: Machines) -> None:
    """A dividing line within it makes no second one of it."""
    path = machines.folder / "one.json"
    path.write_text(archive(ten()[:1]).replace(',\n"head"', '\n,\n"head"', 1))
    shell = machines.shell("titled")
    done = machines.imports(shell, PAIR, path, title="Named")
    assert (done.code, done.err) == (0, "")
    assert [one.session.title for one in listed(shell).values()] == ["Named"]


def test_settings_that_can_be_read_once_are_read_by_one(machines: Machines) -> None:
    """As those of a shell's `<(...)` are."""
    pipe = machines.folder / "pipe"
    os.mkfifo(pipe)
    assert not replace(PAIR, config_file=pipe).pay(9, 0.5)
    assert replace(PAIR, config_file=Path(__file__)).pay(9, 0.5)
