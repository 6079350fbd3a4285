"""A stolen disk tells nothing: every word, name and id is searched for in every byte that was written.

A canary is a word that occurs nowhere else. Each place that takes text or an id gets one of its own; then the files,
the temporary folder and the log are searched for all of them, in the forms in which text may lie around.
"""

from __future__ import annotations

import base64
import inspect
import logging
import pickle
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from sessions.account import Account
from sessions.address import Address, ChatKind
from sessions.arrival_sealer import Identity, Sealed
from sessions.context import STRATEGIES
from sessions.errors import SessionError
from sessions.manager import SessionManager
from sessions.message import Message, Usage
from sessions.records import Census
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from sessions.session import Status, new_id
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, OTHER_KEY, person, say

WORDS = (
    "platform", "account", "chat", "user", "thread", "title", "newtitle", "tag", "defaulttag", "model", "metakey",
    "metavalue", "question", "answer", "system", "tool", "author", "msgkey", "msgvalue", "mark", "description",
    "summary", "instructions", "search", "late", "failed", "wrongid", "wrongkind", "wrongrole", "forktitle",
)  # fmt: skip
CANARIES = {word: f"canary{number}{word}zq" for number, word in enumerate(WORDS)}
STORED = set(WORDS) - {"instructions", "search", "failed", "wrongid", "wrongkind", "wrongrole"}
HERE = Address(
    platform=CANARIES["platform"],
    account=CANARIES["account"],
    chat_id=CANARIES["chat"],
    user_id=CANARIES["user"],
    thread_id=CANARIES["thread"],
    chat_kind=ChatKind.THREAD,
)


# -- searching -----------------------------------------------------------------------------------


def forms(word: str) -> Iterator[bytes]:
    """Give the bytes in which a word may be written: three encodings, hex, and base64 at each of its offsets."""
    for data in (word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be")):
        yield data
        yield data.hex().encode()
        yield data.hex().upper().encode()
        for shift in range(3):
            # What comes before and after decides on the characters at the edges.
            whole = base64.b64encode(b"\0" * shift + data)
            yield whole[-(-shift * 8 // 6) : len(whole) // 4 * 4 - 4]


FORMS = {word: tuple(forms(canary)) for word, canary in CANARIES.items()}


def sung(data: bytes) -> set[str]:
    """Give the canaries that occur in some form."""
    return {word for word, written in FORMS.items() if any(form in data for form in written)}


def files_in(*folders: Path) -> list[Path]:
    """List the files below the folders."""
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def found_in(*folders: Path) -> dict[str, set[str]]:
    """Search every file below the folders, and the names of the files."""
    sounds = {str(path): sung(path.read_bytes() + str(path).encode()) for path in files_in(*folders)}
    return {name: words for name, words in sounds.items() if words}


# -- doing everything ----------------------------------------------------------------------------


async def summarise(messages: Sequence[Message], instructions: str | None) -> str:
    """Summarise in one word."""
    return CANARIES["summary"]


class Everything:
    """Calls every method of a manager, with canaries wherever something can be said."""

    def __init__(self, sessions: SessionManager, clock: ManualClock) -> None:
        self._sessions, self._clock = sessions, clock
        self.called: set[str] = set()

    async def do(self, name: str, /, *args: object, **kwargs: object) -> object:
        """Call one method, for better or worse."""
        self.called.add(name)
        self._clock.advance(1)
        result = getattr(self._sessions, name)(*args, **kwargs)
        with suppress(SessionError):
            if inspect.isasyncgen(result):
                return [one async for one in result]
            return await result
        return None

    async def run(self) -> None:
        """Live a whole life."""
        session = await self._sessions.get_or_create_session(HERE)
        await self._talk(session.id)
        await self._change(session.id)
        await self._move(session.id)
        await self._fail(session.id)
        await self._read(session.id)
        await self._bring_in(session.id)

    async def _talk(self, here: str) -> None:
        await self.do("get_or_create_session", HERE)
        for role, word in (("system", "system"), ("user", "question"), ("assistant", "answer"), ("tool", "tool")):
            await self.do(
                "add_message",
                here,
                role=role,
                content=f"{CANARIES[word]} " * 20,
                author=CANARIES["author"],
                metadata={CANARIES["msgkey"]: CANARIES["msgvalue"]},
                usage=Usage(1, 2, 3),
                important=True,
            )
        for _ in range(2):
            turn = await self.do("begin_turn", here, content=CANARIES["question"], author=CANARIES["author"])
            await self.do("finish_turn", turn, content=CANARIES["answer"], metadata={"by": CANARIES["model"]})
        await self._correspond(here)
        turn = await self.do("retry_turn", here)
        await self.do("clear_history", here)
        await self.do("finish_turn", turn, content=CANARIES["late"], partial=True)
        await self.do("undo", HERE)
        await self.do("compact", here, instructions=CANARIES["instructions"], max_tokens=50)

    async def _correspond(self, here: str) -> None:
        """Take letters in and give parcels out, under a channel and names that tell something."""
        mailbox, channel = self._sessions.mailbox, CANARIES["wrongid"]
        updates = [(CANARIES[word], CANARIES["question"].encode()) for word in ("metakey", "metavalue")]
        first, second = await mailbox.receive(channel, updates)
        with suppress(InterruptedError):
            async with mailbox.handling(first) as handling:
                turn = await self.do("begin_turn", here, content=CANARIES["question"], author=CANARIES["author"])
                raise InterruptedError
        assert handling.progress is not None
        await self.do("resume_turn", here, seq=handling.progress["seq"], position=handling.progress["position"])
        async with mailbox.handling(second):
            await mailbox.post(mailbox.parcel(channel, CANARIES["answer"].encode()))
            await self.do("finish_turn", turn, content=CANARIES["answer"])
        await mailbox.unfinished(channel)
        await mailbox.unsent(channel)
        await self.do("revise_message", HERE, source=CANARIES["msgkey"], content=CANARIES["question"])
        await self.do("join", shares=True)
        await self.do("set_note", CANARIES["metakey"], {CANARIES["metakey"]: CANARIES["metavalue"]})
        await self.do("change_note", CANARIES["metakey"], lambda said: {**said, "more": CANARIES["metavalue"]})
        await self.do("note", CANARIES["metakey"])
        await self.do("move_chat", HERE.platform, HERE.account, CANARIES["wrongid"], CANARIES["metavalue"])
        await self.do("chat_now", HERE)
        other = replace(HERE, user_id=CANARIES["wrongid"])
        for name in ("joining_sessions", "linked_accounts"):
            await self.do(name, other)
        await self.do("link", HERE, other)
        await self.do("unlink", other)
        self._sessions.key_for(CANARIES["metakey"])
        self.called.add("key_for")

    async def _change(self, here: str) -> None:
        await self.do(
            "update_session",
            here,
            title=CANARIES["title"],
            tags=[CANARIES["tag"]],
            model=CANARIES["model"],
            metadata={CANARIES["metakey"]: [CANARIES["metavalue"]]},
            reset_policy=ResetPolicy(idle=timedelta(minutes=5)),
        )
        await self.do("set_scope", HERE, Scope.PER_CHANNEL)
        await self.do("set_scope", HERE, Scope.PER_CHANNEL_PEER)
        await self.do("set_chat_resets", HERE, daily_at=time(4), timezone="Europe/Berlin", idle=None)
        for status in (Status.ERROR, Status.ACTIVE):
            await self.do("set_status", here, status)

    async def _move(self, here: str) -> None:
        mark = await self._sessions.save_checkpoint(here, name=CANARIES["mark"], description=CANARIES["description"])
        await self.do("save_checkpoint", here, name="two")
        await say(self._sessions, here, CANARIES["question"])
        await self.do("restore_checkpoint", mark.id)
        await self.do("undo", HERE)
        await self.do("can_redo", HERE)
        await self.do("redo", HERE)
        await self.do("fork", here, title=CANARIES["forktitle"])
        await self._begin(here)
        await self.do("switch_session", HERE, here)
        await self.do("reset", HERE)
        await self.do("new_session", HERE, title=CANARIES["newtitle"])
        await self.do("delete_checkpoint", f"{here}-2")
        await self.do("switch_session", HERE, here)
        await self.do("next_reset", here)
        await self.do("sweep_warnings")
        await self.do("snooze_reset", HERE)
        await self.do("keep_session", HERE)
        self._clock.advance(3600)
        await self.do("reset_if_due", HERE)
        await self.do("sweep")
        await self.do("preview_resets", days=3)

    async def _begin(self, here: str) -> None:
        self.called.add("begin_with")
        self._sessions.begin_with({CANARIES["metakey"]: CANARIES["metavalue"]})
        about = {"title": CANARIES["newtitle"], "tags": [CANARIES["tag"]], "model": CANARIES["model"]}
        aside = await self._sessions.create_session(HERE, aside=True)
        await self.do("create_session", HERE, metadata={CANARIES["metakey"]: CANARIES["metavalue"]}, **about)
        await self.do("amend_session", here, add_tags=[CANARIES["tag"]], set_metadata={CANARIES["metakey"]: 1})
        await self.do("amend_session", here, set_metadata={CANARIES["metakey"]: CANARIES["metavalue"]})
        await self.do("amend_session", CANARIES["wrongid"], remove_tags=[CANARIES["failed"]])
        await self.do("cleanup_preview", older_than="30d")
        await self.do("erasure_preview", [aside.id, CANARIES["wrongid"]])
        await self.do("erase_sessions", [aside.id])
        await self.do("erase_sessions", [CANARIES["wrongid"]])

    async def _fail(self, here: str) -> None:
        for name in ("get_session", "get_history", "delete_session", "fork", "export", "restore_checkpoint"):
            await self.do(name, CANARIES["wrongid"])
        await self.do("find_session", HERE, CANARIES["wrongid"])
        await self.do("find_checkpoint", here, CANARIES["wrongid"])
        await self.do("find_checkpoint", here, CANARIES["mark"])
        await self.do("switch_session", HERE, CANARIES["wrongid"])
        await self.do("add_message", here, role=CANARIES["wrongrole"], content=CANARIES["failed"])
        await self.do("add_message", here, role="user", content=CANARIES["failed"], kind=CANARIES["wrongkind"])
        await self.do("save_checkpoint", here, name=CANARIES["failed"] * 50)
        await self.do("new_session", HERE, title=CANARIES["failed"] * 50)
        await self.do("update_session", here, tags=[CANARIES["failed"] * 50])
        await self.do("set_scope", HERE, CANARIES["failed"])
        await self.do("cleanup", older_than=CANARIES["failed"])
        await self.do("get_context_history", here, max_tokens=0, strategy=CANARIES["failed"])

    async def _read(self, here: str) -> None:
        for name in ("get_session", "get_history", "iter_history", "reset_rule", "list_checkpoints"):
            await self.do(name, here)
        for name in ("current_session", "list_sessions", "own_sessions", "scope_of"):
            await self.do(name, HERE)
        for format_name in ("markdown", "json", "html", "text", CANARIES["failed"]):
            await self.do("export", here, format=format_name)
        for strategy in STRATEGIES:
            await self.do("get_context_history", here, max_tokens=60, strategy=strategy)
        for word in ("question", "search"):
            await self.do("search", HERE, CANARIES[word])
        await self.do("addresses_of", HERE.platform, HERE.user_id)
        await self.do("missing")
        await self.do("verify")

    async def _bring_in(self, here: str) -> None:
        await self.do("transcripts", [here, CANARIES["wrongid"]])
        transcript = await self.do("transcript", here)
        await self.do("import_session", transcript, address=HERE)
        await self.do("import_session", transcript, address=HERE, new_id=True, title=CANARIES["newtitle"])
        self.called |= {"arrivals", "sealer"}
        with suppress(SessionError):
            async with self._sessions.arrivals() as arrivals:
                await arrivals.add(await self._sessions.transcript(here), HERE, where=CANARIES["failed"])
        async with self._sessions.arrivals() as arrivals:
            (number,) = await arrivals.numbers_for(1)
            begun = await self._sessions.sealer().begin(
                await self._sessions.transcript(here), HERE, Identity(number, new_id()), title=CANARIES["newtitle"]
            )
            for part in begun.parts():
                await arrivals.take(Sealed.of(pickle.loads(pickle.dumps(part.plain()))))  # noqa: S301  # as a crew does

    async def end(self) -> None:
        """Remove everything."""
        await self.do("cleanup", older_than="30d", keep_checkpoints=False)
        somebody = replace(HERE, user_id=CANARIES["wrongid"])
        other = await self._sessions.get_or_create_session(somebody)
        await say(self._sessions, other.id, CANARIES["question"])
        await self.do("delete_session", other.id)
        await self.do("erase_person", HERE)
        await self.do("vacuum")


def methods() -> set[str]:
    """List the public methods of a manager, so that a new one is missed here."""
    return {name for name, value in vars(SessionManager).items() if inspect.isfunction(value) and name[0] != "_"}


async def lived(sessions: SessionManager, clock: ManualClock) -> Everything:
    life = Everything(sessions, clock)
    await life.run()
    return life


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point everything that makes temporary files to a folder of its own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    return folder


Opening = Callable[[], SessionManager]


@pytest.fixture
def opening(db_path: Path, clock: ManualClock) -> Opening:
    return lambda: SessionManager.open(
        db_path=db_path,
        encryption_key=KEY,
        clock=clock,
        summarizer=summarise,
        default_tags=[CANARIES["defaulttag"]],
        hot_sessions=2,
        hot_messages=4,
    )


async def test_no_word_name_or_id_can_be_found_on_the_disk_or_in_the_log(
    opening: Opening, db_path: Path, clock: ManualClock, temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After every method was called, well and badly, no file and no line of the log holds a canary in any form."""
    caplog.set_level(logging.DEBUG)
    home = db_path.parent
    async with opening() as sessions:
        life = await lived(sessions, clock)
        assert (home / "palaver.db-wal").stat().st_size > 0
        assert found_in(home, temporary) == {}
    assert found_in(home, temporary) == {}
    with suppress(SessionError):
        async with SessionManager.open(db_path=db_path, encryption_key=OTHER_KEY):
            pytest.fail("it opened")
    async with opening() as sessions:
        await (again := Everything(sessions, clock)).end()
        assert found_in(home, temporary) == {}
    assert found_in(home, temporary) == {}
    assert methods() - life.called - again.called == set()
    told = "\n".join(f"{record.getMessage()} {record.args} {record.exc_info}" for record in caplog.records)
    assert "executing" in told  # the log was on
    assert sung(told.encode(errors="replace")) == set()


async def test_every_canary_was_really_stored(opening: Opening, clock: ManualClock) -> None:
    """The twin: with the key all of them come back from the same store."""
    async with opening() as sessions:
        await lived(sessions, clock)
    async with opening() as sessions:
        told = ""
        for session in await sessions.own_sessions(HERE):
            told += await sessions.export(session.id, format="json") + str(session.tags)
        assert sung(told.encode()) >= STORED


async def test_a_canary_that_is_there_is_found(
    opening: Opening, db_path: Path, clock: ManualClock, temporary: Path
) -> None:
    """The twin: words written beside the sealed records, in whatever form, are heard."""
    async with opening() as sessions:
        await lived(sessions, clock)
    home = db_path.parent
    with closing(sqlite3.connect(db_path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE leak (what)")
        connection.execute("INSERT INTO leak VALUES (?)", (f"say {CANARIES['title']}!",))
        assert found_in(home) == {str(db_path) + "-wal": {"title"}}
    assert found_in(home) == {str(db_path): {"title"}}
    for word, text in CANARIES.items():
        for padding in range(3):
            said = f"{'-' * padding}{text} and more"
            for data in (
                said.encode(),
                said.encode("utf-16"),
                said.encode("utf-16-be"),
                said.encode().hex().encode(),
                base64.b64encode(said.encode()),
                base64.b64encode(said.encode("utf-16-le")),
                base64.urlsafe_b64encode(said.encode()),
            ):
                assert sung(b"\x00\xff" + data) == {word}
    (temporary / CANARIES["chat"]).touch()
    assert found_in(temporary) == {str(temporary / CANARIES["chat"]): {"chat"}}


async def test_a_store_in_memory_leaves_no_file(
    clock: ManualClock, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ephemeral conversation is nowhere: no file is made, in the working folder or for the time being."""
    monkeypatch.chdir(tmp_path)
    async with SessionManager.open(encryption_key=KEY, clock=clock, summarizer=summarise) as sessions:
        await lived(sessions, clock)
        assert files_in(tmp_path) == []


# -- what was erased -----------------------------------------------------------------------------


def sealed(db_path: Path, number: int) -> list[bytes]:
    """Give everything that is sealed for a session: its key, its profile, its messages, its journal."""
    with closing(sqlite3.connect(db_path)) as connection:
        rows = connection.execute("SELECT wrapped, profile, commitment, mac FROM session WHERE number = ?", (number,))
        found = list(rows.fetchone())
        for table in ("message", "journal"):
            bodies = connection.execute(f"SELECT body FROM {table} WHERE id >> 24 = ?", (number,))  # noqa: S608
            found += [body for (body,) in bodies]
    return found


def remains(db_path: Path, pieces: list[bytes]) -> int:
    """Count the pieces of which some part is left in the database or its log."""
    data = b"".join(
        path.read_bytes() for suffix in ("", "-wal", "-journal") if (path := Path(f"{db_path}{suffix}")).exists()
    )
    return sum(piece[-24:] in data or piece[:24][-16:] in data for piece in pieces)


Erase = Callable[[SessionManager, str, Address], Awaitable[object]]


@pytest.mark.parametrize(
    "erase",
    [
        lambda sessions, session_id, address: sessions.delete_session(session_id),
        lambda sessions, session_id, address: sessions.erase_person(address),
        lambda sessions, session_id, address: sessions.cleanup(older_than="1d"),
    ],
    ids=["delete", "forget", "clean up"],
)
async def test_what_was_erased_is_in_no_file(opening: Opening, db_path: Path, clock: ManualClock, erase: Erase) -> None:
    """When erasing returns, neither the wrapped key nor a sealed record of the session is left in database or log."""
    async with opening() as sessions:
        gone = await sessions.get_or_create_session(person())
        await say(sessions, gone.id, *(f"turn {number}" * 50 for number in range(30)))
        await sessions.add_message(gone.id, role="user", content="overflowing " * 2_000)
        await sessions.update_session(gone.id, title="gone")
        pieces = sealed(db_path, 1)
        assert remains(db_path, pieces) == len(pieces) > 60  # all there, in the log
        clock.advance(2 * 86_400)
        kept = await sessions.get_or_create_session(person("bob"))
        await say(sessions, kept.id, "still here")
        await erase(sessions, gone.id, person())
        assert remains(db_path, pieces) == 0
        assert remains(db_path, sealed(db_path, 2)) == 6
        assert await sessions.missing() == []
        assert await sessions.verify() == []
    assert remains(db_path, pieces) == 0


def noted(db_path: Path) -> list[bytes]:
    """Give every sealed preference: choices, links, notes."""
    with closing(sqlite3.connect(db_path)) as connection:
        return [body for (body,) in connection.execute("SELECT body FROM preference WHERE length(body) > 45")]


@pytest.mark.parametrize("talked", [True, False], ids=["with words", "without words"])
async def test_what_was_noted_of_an_erased_person_is_in_no_file(opening: Opening, db_path: Path, talked: bool) -> None:
    """Choices for chats, reset rules, links and notes of somebody leave no sealed trace; those of others stay."""
    ann, elsewhere, bob = person(), person(chat="chat-2"), person("bob")
    async with opening() as sessions:
        await sessions.set_note("of bob", {"bob": "x" * 100})
        kept = noted(db_path)[-1:]
        before = set(noted(db_path))
        for address in (ann, elsewhere):
            if talked:
                await say(sessions, (await sessions.get_or_create_session(address)).id, "one")
            await sessions.set_scope(address, Scope.PER_PEER)
        await sessions.link(ann, person("other", platform="discord"))
        await sessions.set_note("of ann", {"ann": "x" * 100})
        await sessions.set_note("a code", {"for": "ann", "more": "x" * 100})
        pieces = [body for body in noted(db_path) if body not in before]
        assert remains(db_path, pieces) == len(pieces) >= 5
        receipt = await sessions.erase_person(
            ann, elsewhere, notes=["of ann"], noted=lambda said: said.get("for") == "ann"
        )
        assert receipt.notes == 5
        assert remains(db_path, pieces) == 0
        assert remains(db_path, kept) == 1
        assert await sessions.linked_accounts(ann) == [Account.of(ann)]
        assert await sessions.scope_of(elsewhere) is Scope.PER_CHANNEL_PEER
        assert await sessions.note("of bob")
        assert await sessions.scope_of(bob) is Scope.PER_CHANNEL_PEER
        assert await sessions.verify() == []
        assert (await sessions.erase_person(ann, elsewhere, notes=["of ann"])).notes == 0
    assert remains(db_path, pieces) == 0


async def test_a_fork_keeps_its_words_and_nothing_of_the_erased_key(opening: Opening, db_path: Path) -> None:
    """What a fork shares is sealed anew for it; the records of the source are gone all the same."""
    async with opening() as sessions:
        source = await sessions.get_or_create_session(person())
        await say(sessions, source.id, "one", "two")
        fork = await sessions.fork(source.id)
        pieces = sealed(db_path, 1)
        await sessions.delete_session(source.id)
        assert remains(db_path, pieces) == 0
        assert [m.content for m in await sessions.get_history(fork.id)] == ["one", "re: one", "two", "re: two"]


async def test_what_a_reader_held_back_is_gone_with_the_next_sweep(opening: Opening, db_path: Path) -> None:
    """A program that reads meanwhile keeps the log from being emptied; the next sweep does it."""
    async with opening() as sessions:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, "one", "two")
        pieces = sealed(db_path, 1)
        with closing(sqlite3.connect(db_path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM message").fetchone()
            await sessions.delete_session(session.id)
            assert remains(db_path, pieces) > 0
        await sessions.sweep()
        assert remains(db_path, pieces) == 0


async def test_what_a_crash_held_back_is_gone_with_the_next_start(opening: Opening, db_path: Path) -> None:
    """An erasure whose second half never happened is finished before anything else."""
    async with opening() as sessions:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, "one", "two")
        pieces = sealed(db_path, 1)
        census = sessions._parts.erasure._census.change(Census(sessions=-1))
        await sessions._store.erase_sessions([1], census)
        assert remains(db_path, pieces[:1]) == 1  # the wrapped key, in the log only
    async with opening() as sessions:
        assert remains(db_path, pieces) == 0
        assert await sessions.verify() == []
