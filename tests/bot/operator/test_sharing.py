"""palaver sessions share, unshare, clone and list --shared: conversations between people."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bot.operator.conversations import Quick, audited, history, listed
from tests.bot.operator.exchanging import Desk, introduced


def begun(desk: Desk) -> str:
    desk.does("chat", "--title", "OAuth", "hello")
    (ident,) = listed(desk.shell)
    return ident


def test_a_team_gets_a_conversation_and_clones_it(quick: Quick, tmp_path: Path) -> None:
    """Each of them lists it with who, what, how much and when; the clone goes on by itself."""
    ann, bob, eve = introduced(quick, tmp_path, "ann", "bob", "eve", mine=False)
    ident = begun(ann)
    ann.does("sync", "teams", "set", "engineering", "bob", "eve")
    first, second = ann.does("sessions", "share", ident, "--team", "engineering")
    assert first.startswith(f"Session {ident} with 2 messages is shared with bob: shared-")
    assert " with eve: shared-" in second
    rows = [line.split() for line in ann.does("sessions", "list", "--shared")]
    assert rows[0] == ["ID", "WHO", "MESSAGES", "WHEN", "TITLE"]
    assert sorted((row[1], row[2], row[3], row[-1]) for row in rows[1:]) == [
        ("to", "bob", "2", "OAuth"),
        ("to", "eve", "2", "OAuth"),
    ]
    for desk in (bob, eve):
        (found,) = json.loads("\n".join(desk.does("sessions", "list", "--shared", "--json")))
        assert (found["direction"], found["who"], found["title"], found["messages"]) == ("from", "ann", "OAuth", 2)
        assert found["shared_at"].endswith("Z")
        (line,) = desk.does("sessions", "clone", found["id"])
        (clone,) = listed(desk.shell)
        assert line.startswith(f"Session {clone} was made of what ann shared, with 2 messages.")
        assert clone != ident
        desk.does("chat", "-s", clone, f"from {desk.name}")
        assert history(desk.shell, clone)[2].content == f"from {desk.name}"
    assert len(history(ann.shell, ident)) == 2
    assert audited(ann.shell)[0].kind == "share"
    assert "clone" in [entry.kind for entry in audited(bob.shell)]


def test_what_is_shared_can_be_taken_back(quick: Quick, tmp_path: Path) -> None:
    """From one, then from all; a copy stays."""
    ann, bob, eve = introduced(quick, tmp_path, "ann", "bob", "eve", mine=False)
    ident = begun(ann)
    shared = ann.does("sessions", "share", ident[:6], "--with", "bob", "--with", "eve")[0].rpartition(": ")[2]
    bob.does("sessions", "clone", shared)
    done = ann.types("sessions", "unshare", ident, "--with", "bob")
    assert (done.code, done.lines) == (0, [f"Session {ident} is shared no longer with: bob"])
    assert "whoever has made a copy keeps it" in done.err
    assert bob.types("sessions", "list", "--shared").out == ""
    assert len(listed(bob.shell)) == 1
    assert bob.types("sessions", "clone", shared).code == 1
    assert "eve" in "".join(ann.does("sessions", "list", "--shared"))
    ann.does("sessions", "unshare", ident)
    assert ann.types("sessions", "unshare", ident).code == 1
    assert eve.types("sessions", "list", "--shared").out == ""


def test_a_contact_who_shares_changes_nothing_by_it(quick: Quick, tmp_path: Path) -> None:
    """A pull takes in nothing of somebody else's."""
    ann, bob = introduced(quick, tmp_path, "ann", "bob", mine=False)
    ann.does("sessions", "share", begun(ann), "--with", "bob")
    assert bob.types("sync", "pull").code == 1
    assert listed(bob.shell) == {}


def test_what_can_not_be_is_said(quick: Quick, tmp_path: Path) -> None:
    """Nobody named is a mistake of usage; somebody unknown is not found; without a place there is nothing to list."""
    ann, _ = introduced(quick, tmp_path, "ann", "bob", mine=False)
    ident = begun(ann)
    assert ann.types("sessions", "share", ident).code == 2
    for wrong in (["share", ident, "--with", "carl"], ["share", "zzzz", "--with", "bob"], ["clone", "shared-0"]):
        assert ann.types("sessions", *wrong).code == 1
    assert ann.types("sessions", "share", ident, "--with", "bob", PALAVER_SYNC__PLACE="").code == 78
    done = ann.types("sessions", "list", "--shared", PALAVER_SYNC__PLACE="")
    assert (done.code, done.out) == (0, "")
    assert "sync.place is not set" in done.err
    nobody = Desk(quick, tmp_path, "nobody")
    assert json.loads("\n".join(nobody.does("sessions", "list", "--shared", "--json"))) == []
    assert not nobody.shell.home.exists()
