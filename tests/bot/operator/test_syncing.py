"""palaver sync: the same conversations on several machines of one person."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.bot.operator.conversations import Quick, audited, begin, history, listed, telegram
from tests.bot.operator.exchanging import Desk, introduced
from tests.bot.test_cli_pair import running
from tests.postgres_server import PostgresServer


def said(desk: Desk, ident: str) -> list[str]:
    return [message.content for message in history(desk.shell, ident) if message.role == "user"]


def test_an_identity_is_one_line_and_has_a_fingerprint(quick: Quick, tmp_path: Path) -> None:
    """It is made at the first time, on a machine where nothing was said yet, and stays."""
    desk = Desk(quick, tmp_path, "desk")
    first = desk.types("sync", "identity")
    assert first.code == 0
    assert first.lines[0].startswith("palaver-sync-1.")
    assert len(first.lines) == 1
    assert "its fingerprint: " in first.err
    found = json.loads("\n".join(desk.does("sync", "identity", "--json")))
    assert found["line"] == first.lines[0]
    assert found["fingerprint"] in first.err


def test_a_conversation_goes_on_on_another_machine(quick: Quick, tmp_path: Path) -> None:
    """Pushed here, pulled there, continued there by its id, and back."""
    desk, laptop = introduced(quick, tmp_path, "desk", "laptop", mine=True)
    desk.does("chat", "--title", "Plans", "hello")
    (ident,) = listed(desk.shell)
    assert desk.does("sync", "push") == ["1 conversation sent, sealed 1 time."]
    assert desk.does("sync", "push") == ["Nothing has changed here since the last push."]
    assert laptop.does("sync", "pull") == ["1 conversation added, 0 continued, 0 erased; 2 messages came in."]
    assert laptop.does("sync", "pull") == ["Nothing new has come."]
    laptop.does("chat", "-s", ident, "more")
    assert laptop.does("sync", "both") == ["Nothing new has come.", "1 conversation sent, sealed 1 time."]
    assert desk.does("sync", "pull") == ["0 conversations added, 1 continued, 0 erased; 2 messages came in."]
    assert said(desk, ident) == ["hello", "more"]
    kinds = [entry.kind for entry in audited(desk.shell)]
    assert (kinds.count("push"), kinds.count("pull")) == (1, 1)


def test_where_both_went_on_one_finds_the_other_side_by_its_name(quick: Quick, tmp_path: Path) -> None:
    """The pull says so, /checkpoint restore goes there, and /undo comes back."""
    desk, laptop = introduced(quick, tmp_path, "desk", "laptop", mine=True)
    desk.does("chat", "hello")
    (ident,) = listed(desk.shell)
    desk.does("sync", "push")
    laptop.does("sync", "pull")
    desk.does("chat", "here")
    laptop.does("chat", "-s", ident, "there")
    laptop.does("sync", "push")
    done = desk.does("sync", "pull")
    assert done[0] == "0 conversations added, 1 continued, 0 erased; 2 messages came in."
    assert "/checkpoint restore from NAME" in done[1]
    assert said(desk, ident) == ["hello", "here"]
    desk.shell.chat("/checkpoint restore from laptop")
    assert said(desk, ident) == ["hello", "there"]
    desk.shell.chat("/undo")
    assert said(desk, ident) == ["hello", "here"]


def test_everything_can_be_looked_at_again(quick: Quick, tmp_path: Path) -> None:
    """With --force what is in the place is read from the beginning, and all is sent once more."""
    desk, laptop = introduced(quick, tmp_path, "desk", "laptop", mine=True)
    desk.does("chat", "hello")
    desk.does("sync", "push")
    laptop.does("sync", "pull")
    shutil.rmtree(desk.place / "palaver-exchange")
    assert laptop.does("sync", "pull", "--force") == ["Nothing new has come."]
    assert desk.does("sync", "push", "--force") == ["1 conversation sent, sealed 1 time."]
    assert laptop.does("sync", "pull", "--force") == ["Nothing new has come."]


def test_a_dry_run_changes_nothing_and_counts(quick: Quick, tmp_path: Path) -> None:
    """In words and as JSON."""
    desk, laptop = introduced(quick, tmp_path, "desk", "laptop", mine=True)
    desk.does("chat", "hello")
    assert desk.does("sync", "push", "--dry-run") == ["1 conversation would be sent, sealed 1 time."]
    assert list(desk.place.iterdir()) == []
    desk.does("sync", "push")
    assert laptop.does("sync", "pull", "--dry-run") == ["1 bundle would be read."]
    assert listed(laptop.shell) == {}
    found = json.loads("\n".join(laptop.does("sync", "both", "--json")))
    assert list(found) == ["pull", "push"]
    assert (found["pull"]["added"], found["pull"]["messages"], found["push"]["sessions"]) == (1, 2, 0)
    assert found["pull"]["ids"] == list(listed(laptop.shell))


def test_an_erased_conversation_is_erased_on_the_other_machine(quick: Quick, tmp_path: Path) -> None:
    """With its next pull."""
    desk, laptop = introduced(quick, tmp_path, "desk", "laptop", mine=True)
    desk.does("chat", "hello")
    (ident,) = listed(desk.shell)
    desk.does("sync", "push")
    laptop.does("sync", "pull")
    desk.does("sessions", "delete", ident, "--yes")
    assert desk.does("sync", "push")[0].endswith("It is told of 1 erased conversation.")
    assert laptop.does("sync", "pull") == ["0 conversations added, 0 continued, 1 erased; 0 messages came in."]
    assert listed(laptop.shell) == {}


def test_all_of_it_works_beside_a_running_bot(quick: Quick, tmp_path: Path) -> None:
    """The bot does it, and knows of it at once."""
    desk, laptop = introduced(quick, tmp_path, "desk", "laptop", mine=True)
    ident = begin(desk.shell, telegram("42"), "hello")
    with running(desk.shell), running(laptop.shell):
        assert desk.does("sync", "push") == ["1 conversation sent, sealed 1 time."]
        assert laptop.does("sync", "pull")[0].startswith("1 conversation added")
        assert "laptop" in "".join(desk.does("sync", "contacts", "list"))
        desk.does("sync", "teams", "set", "all", "laptop")
        shared = desk.does("sessions", "share", ident, "--team", "all")[0].rpartition(": ")[2]
        assert shared in "".join(laptop.does("sessions", "list", "--shared"))
        laptop.does("sessions", "clone", shared)
        desk.does("sessions", "unshare", ident)
        desk.does("sync", "contacts", "remove", "laptop")
        assert laptop.types("sync", "pull", "--place", str(tmp_path / "nowhere")).code == 4
    assert len(listed(laptop.shell)) == 2


def test_stores_and_place_can_be_on_a_server(quick: Quick, tmp_path: Path, postgres: PostgresServer) -> None:
    """One database for each machine, and one to exchange through."""
    databases = [postgres.make_database() for _ in range(3)]
    try:
        desk, laptop = (
            Desk(quick, tmp_path, name, PALAVER_STORE__URL=database, PALAVER_SYNC__PLACE=databases[2])
            for name, database in zip(("desk", "laptop"), databases, strict=False)
        )
        desk.knows(laptop, mine=True)
        laptop.knows(desk, mine=True)
        desk.does("chat", "hello")
        assert desk.does("sync", "push") == ["1 conversation sent, sealed 1 time."]
        assert laptop.does("sync", "pull") == ["1 conversation added, 0 continued, 0 erased; 2 messages came in."]
        laptop.does("chat", "more")
        laptop.does("sync", "both")
        assert desk.does("sync", "both")[0] == "0 conversations added, 1 continued, 0 erased; 2 messages came in."
        bundles = postgres.fetch("SELECT body FROM palaver_exchange.bundle", address=databases[2])
        assert len(bundles) == 2
        assert all(b"hello" not in body for (body,) in bundles)
    finally:
        for database in databases:
            postgres.drop_database(database)


def test_a_bundle_that_was_changed_is_told_of(quick: Quick, tmp_path: Path) -> None:
    """That is exit code 1; the others come in."""
    desk, laptop = introduced(quick, tmp_path, "desk", "laptop", mine=True)
    for user in ("1", "2"):
        begin(desk.shell, telegram(user), "hello")
    desk.does("sync", "push")
    victim, _ = [path for path in sorted(desk.place.rglob("*")) if path.is_file()]
    victim.write_bytes(victim.read_bytes()[:-1])
    done = laptop.types("sync", "pull")
    assert (done.code, done.lines) == (1, ["1 conversation added, 0 continued, 0 erased; 1 message came in."])
    assert done.err == (f"palaver: bundle {victim.name[:8]} from desk was left out: it was changed, or is not whole\n")


def test_what_is_missing_is_said(quick: Quick, tmp_path: Path) -> None:
    """No place: 78. No other machine: 1. A folder that is not there: 4. A chat that has the store: 75."""
    desk, _ = introduced(quick, tmp_path, "desk", "laptop", mine=True)
    done = desk.types("sync", "push", PALAVER_SYNC__PLACE="")
    assert (done.code, done.out) == (78, "")
    assert "sync.place: not set" in done.err
    done = desk.types("sync", "push", "--place", "mysql://host/db")
    assert done.code == 78
    done = desk.types("sync", "push", "--place", str(tmp_path / "stick"))
    assert (done.code, done.out) == (4, "")
    assert "is no folder" in done.err
    with desk.shell.start("chat") as chat:
        chat.says("hello")
        chat.writes("hello")
        assert desk.types("sync", "push").code == 75
    alone = Desk(quick, tmp_path, "alone")
    done = alone.types("sync", "pull")
    assert done.code == 1
    assert "no other machine of yours" in done.err


def test_contacts_and_teams_are_listed(quick: Quick, tmp_path: Path) -> None:
    """In a table and as JSON; names are told apart whatever their case."""
    desk, _, _ = introduced(quick, tmp_path, "desk", "laptop", "bob", mine=True)
    assert desk.does("sync", "teams", "set", "team", "Laptop", "BOB") == ["team is: laptop, bob"]
    assert [line.split()[0] for line in desk.does("sync", "contacts", "list")] == ["NAME", "bob", "laptop"]
    found = json.loads("\n".join(desk.does("sync", "contacts", "list", "--json")))
    assert [(one["name"], one["mine"]) for one in found] == [("bob", True), ("laptop", True)]
    assert found[0]["line"].startswith("palaver-sync-1.")
    assert json.loads("\n".join(desk.does("sync", "teams", "list", "--json"))) == [
        {"name": "team", "members": ["laptop", "bob"]}
    ]
    assert desk.does("sync", "contacts", "remove", "bob") == ["bob is not known any more."]
    assert desk.does("sync", "teams", "list") == ["TEAM  MEMBERS", "team  laptop"]
    desk.does("sync", "teams", "remove", "team")
    assert desk.types("sync", "teams", "list").err == (
        "palaver: there is no team yet; palaver sync teams set NAME MEMBER... makes one.\n"
    )
    for wrong in (["contacts", "remove", "bob"], ["teams", "remove", "team"], ["teams", "set", "team", "bob"]):
        assert desk.types("sync", *wrong).code == 1
    assert desk.types("sync", "contacts", "add", "laptop", "palaver-sync-1.abc").code == 1


@pytest.mark.parametrize(
    "command",
    [
        ["sync"],
        *(["sync", name] for name in ("identity", "contacts", "teams", "push", "pull", "both")),
        *(["sync", "contacts", name] for name in ("add", "list", "remove")),
        *(["sync", "teams", name] for name in ("set", "list", "remove")),
        *(["sessions", name] for name in ("share", "unshare", "clone")),
    ],
)
def test_each_explains_itself_with_an_example(quick: Quick, command: list[str]) -> None:
    """--help ends with a line that can be copied."""
    done = quick(*command, "--help")
    assert done.code == 0
    assert "Example: palaver " in done.out
