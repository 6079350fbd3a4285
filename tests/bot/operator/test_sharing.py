"""palaver sessions share, unshare, clone and list --shared: conversations between people."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from bot.operator.sharing import json_of, row_of
from sessions.exchange.shared import Shared
from tests.bot.operator.conversations import Quick, audited, history, listed
from tests.bot.operator.exchanging import Desk, introduced
from tests.bot.test_cli_pair import running


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


def test_it_can_be_taken_back_from_somebody_who_is_not_known_any_more(quick: Quick, tmp_path: Path) -> None:
    """Removing the contact says how much is still shared with them, and how to take it back."""
    ann, bob, _ = introduced(quick, tmp_path, "ann", "bob", "eve", mine=False)
    ident = begun(ann)
    ann.does("sessions", "share", ident, "--with", "bob", "--with", "eve")
    done = ann.types("sync", "contacts", "remove", "bob")
    assert (done.code, done.lines) == (0, ["bob is not known any more."])
    assert done.err == (
        f"palaver: 1 conversation is still shared with them: {ident}. "
        "palaver sessions unshare ID --with bob takes one back.\n"
    )
    assert "bob" in "".join(ann.does("sessions", "list", "--shared"))
    done = ann.types("sessions", "unshare", ident, "--with", "bob")
    assert (done.code, done.lines) == (0, [f"Session {ident} is shared no longer with: bob"])
    assert "bob" not in "".join(ann.does("sessions", "list", "--shared"))
    assert bob.types("sessions", "list", "--shared").out == ""
    ann.does("sessions", "unshare", ident)
    assert ann.types("sync", "contacts", "remove", "eve").err == ""


def test_what_was_listed_is_remembered(quick: Quick, tmp_path: Path) -> None:
    """Listing notes it, also through a running bot; an older one is then named, with exit code 1."""
    for number, beside in enumerate((False, True)):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        ann, bob = introduced(quick, folder, "ann", "bob", mine=False)
        ident = begun(ann)
        ann.does("sessions", "share", ident, "--with", "bob")
        (path,) = [path for path in ann.place.rglob("*") if path.is_file()]
        old = path.read_bytes()
        ann.does("sessions", "share", ident, "--with", "bob")
        with running(bob.shell) if beside else nullcontext():
            assert len(bob.does("sessions", "list", "--shared")) == 2
        path.write_bytes(old)
        done = bob.types("sessions", "list", "--shared")
        assert (done.code, done.out) == (1, "")
        assert done.err.endswith("from ann was left out: it is older than what was seen from there before\n")


def test_listing_beside_a_chat_says_that_it_is_not_remembered(quick: Quick, tmp_path: Path) -> None:
    """The list is whole; only an older one would not be told from it later."""
    ann, bob = introduced(quick, tmp_path, "ann", "bob", mine=False)
    ann.does("sessions", "share", begun(ann), "--with", "bob")
    with bob.shell.start("chat") as chat:
        chat.says("hello")
        chat.writes("hello")
        done = bob.types("sessions", "list", "--shared")
    assert (done.code, len(done.lines)) == (0, 2)
    assert "what is new there was not noted" in done.err
    assert bob.types("sessions", "list", "--shared").err == ""


def test_a_time_that_can_not_be_is_not_shown() -> None:
    """Neither in a table nor as JSON."""
    one = Shared(
        id="shared-0", outgoing=False, name="eve", title=None, messages=1, at_ms=None, session="a", remembered=True
    )
    assert row_of(one, datetime.now(UTC)) == ("shared-0", "from", "eve", "1", "-", "-")
    assert json_of(one)["shared_at"] is None


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
