"""The line of time: saving, restoring, clearing, undoing and redoing, in every order."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from sessions.errors import Ambiguous, InvalidValue, NotFound, NothingToUndo
from sessions.manager import SessionManager
from sessions.session import Status
from sessions.timeline import Step
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts
from tests.sessions.model import Fields, Model, Talk

ANN = person("ann")
KEY_OF_ANN: Fields = ("ann",)
T = TypeVar("T")


# -- in every order --------------------------------------------------------------------------------


class Line(RuleBasedStateMachine):
    """One person's line of time beside the model's."""

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.clock, self.model = asyncio.Runner(), ManualClock(), Model()
        self.words = 0
        self.sessions = SessionManager.open(
            encryption_key=KEY, clock=self.clock, hot_sessions=2, hot_messages=3, idle_reset_minutes=60
        )
        self.run(self.sessions.__aenter__())
        self.model.begin(self._talk(self.run(self.sessions.get_or_create_session(ANN)).id))

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    @property
    def now(self) -> int:
        return int(self.clock() * 1000)

    @property
    def talk(self) -> Talk:
        talk = self.model.current(KEY_OF_ANN)
        assert talk is not None
        return talk

    def _talk(self, session_id: str) -> Talk:
        return Talk(session_id, KEY_OF_ANN, KEY_OF_ANN, self.now)

    def _say(self, role: str, verb: str) -> None:
        self.words += 1
        text = f"{verb} {self.words}"
        self.run(self.sessions.add_message(self.talk.id, role=role, content=text))
        self.model.say(self.talk, text, self.now)

    # -- steps ---------------------------------------------------------------------------------

    @rule(replies=st.integers(0, 2))
    def talk_on(self, replies: int) -> None:
        self._say("user", "ask")
        for _ in range(replies):
            self._say("assistant", "answer")

    @rule()
    def be_told(self) -> None:
        self._say("assistant", "answer")

    @rule()
    def save(self) -> None:
        label = self.talk.mark("here", automatic=False)
        saved = self.run(self.sessions.save_checkpoint(self.talk.id, name="here"))
        assert saved.id == f"{self.talk.id}-{label}"

    @precondition(lambda self: bool(self.talk.shown(automatic=True)))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        label = data.draw(st.sampled_from(sorted(self.talk.shown(automatic=True))))
        self.run(self.sessions.restore_checkpoint(f"{self.talk.id}-{label}"))
        self.model.go(self.talk, self.talk.marks[label].path, "restore")

    @precondition(lambda self: bool(self.talk.shown(automatic=False)))
    @rule(data=st.data())
    def delete_checkpoint(self, data: st.DataObject) -> None:
        label = data.draw(st.sampled_from(sorted(self.talk.shown(automatic=False))))
        self.run(self.sessions.delete_checkpoint(f"{self.talk.id}-{label}"))
        self.model.delete_mark(self.talk, label)

    @rule()
    def clear(self) -> None:
        self.run(self.sessions.clear_history(self.talk.id))
        self.model.go(self.talk, (), "clear")

    @rule()
    def undo(self) -> None:
        self._compare(self.sessions.undo, self.model.undo(KEY_OF_ANN, self.now))

    @rule()
    def redo(self) -> None:
        self._compare(self.sessions.redo, self.model.redo(KEY_OF_ANN, self.now))

    def _compare(self, act: Callable[..., Awaitable[list[Step]]], due: str | None) -> None:
        async def op() -> str | None:
            try:
                return (await act(ANN))[0].op
            except NothingToUndo:
                return None

        assert self.run(op()) == due

    @rule()
    def retry(self) -> None:
        if self.model.retry(self.talk):
            turn = self.run(self.sessions.retry_turn(self.talk.id))
            assert turn.message.content == self.talk.path[-1]

    @rule(steps=st.lists(st.sampled_from(["undo", "clear", "reset", "be_told", "talk_on"]), max_size=2))
    def be_answered_late(self, steps: list[str]) -> None:
        asked, answer = f"ask {self.words + 1}", f"answer {self.words + 2}"
        self.words += 2
        talk = self.talk
        turn = self.run(self.sessions.begin_turn(talk.id, content=asked))
        self.model.say(talk, asked, self.now)
        place = talk.path
        for step in steps:
            self.talk_on(0) if step == "talk_on" else getattr(self, step)()
        outcome = self.run(self.sessions.finish_turn(turn, content=answer))
        assert outcome.current is (talk is self.talk and talk.path == place)
        self.model.answer_late(talk, place, answer, self.now)

    @rule()
    def new(self) -> None:
        self.model.replace(self.talk, self._talk(self.run(self.sessions.new_session(ANN)).id), "new")

    @rule()
    def reset(self) -> None:
        self.model.replace(self.talk, self._talk(self.run(self.sessions.reset(ANN)).id), "reset")

    @rule()
    def fall_silent(self) -> None:
        self.clock.advance(3_600)
        session = self.run(self.sessions.get_or_create_session(ANN))
        if session.id != self.talk.id:
            self.model.replace(self.talk, self._talk(session.id), "expire")

    @rule()
    def fork(self) -> None:
        self.model.fork(self.talk, self.run(self.sessions.fork(self.talk.id)).id, self.now)

    @rule(data=st.data())
    def switch(self, data: st.DataObject) -> None:
        talk = data.draw(st.sampled_from(list(self.model.talks.values())))
        self.run(self.sessions.switch_session(ANN, talk.id))
        self.model.activate(talk, self.now)

    # -- what always holds ---------------------------------------------------------------------

    @invariant()
    def reads_as_the_model_says(self) -> None:
        session = self.run(self.sessions.current_session(ANN))
        assert session is not None
        assert (session.id, session.message_count) == (self.talk.id, len(self.talk.path))
        assert self.run(texts(self.sessions, session.id)) == list(self.talk.path)

    def teardown(self) -> None:
        try:
            self.run(self._everything_can_be_reached())
            assert self.run(self.sessions.verify()) == []
        finally:
            self.run(self.sessions.__aexit__(None, None, None))
            self.runner.close()

    async def _everything_can_be_reached(self) -> None:
        """Go to every automatic checkpoint of every session and look for each message ever stored."""
        for talk in self.model.talks.values():
            seen = set(await texts(self.sessions, talk.id)) | await self._ahead(talk)
            for checkpoint in await self.sessions.list_checkpoints(talk.id, automatic=True):
                if checkpoint.automatic:
                    await self.sessions.restore_checkpoint(checkpoint.id)
                    seen |= set(await texts(self.sessions, talk.id))
            assert talk.stored <= seen

    async def _ahead(self, talk: Talk) -> set[str]:
        """Redo as far as it goes."""
        seen: set[str] = set()
        await self.sessions.switch_session(ANN, talk.id)
        for _ in range(50):
            try:
                (step,) = await self.sessions.redo(ANN)
            except NothingToUndo:
                break
            seen |= set(await texts(self.sessions, step.session.id))
        return seen


def test_every_order_of_steps_goes_where_the_model_goes() -> None:
    """Nothing becomes unreachable and each undo takes back exactly the last step, whatever came before."""
    run_state_machine_as_test(Line, settings=settings(max_examples=120, stateful_step_count=40))


# -- one by one ------------------------------------------------------------------------------------


async def test_undo_goes_back_one_turn(open_memory: Callable[[], SessionManager]) -> None:
    """The question and everything that answered it go together; the next undo takes the turn before."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
        await sessions.add_message(session.id, role="assistant", content="and another thing")
        (step,) = await sessions.undo(ANN)
        assert (step.op, step.messages, step.session.message_count) == ("turn", 3, 2)
        assert await texts(sessions, session.id) == ["one", "re: one"]
        await sessions.undo(ANN)
        assert await texts(sessions, session.id) == []
        with pytest.raises(NothingToUndo, match="nothing to undo"):
            await sessions.undo(ANN)


async def test_redo_holds_until_something_new_is_said(open_memory: Callable[[], SessionManager]) -> None:
    """What was taken back can be done again at once, but not after a new message."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two", "three")
        assert [step.op for step in await sessions.undo(ANN, steps=2)] == ["turn", "turn"]
        (step,) = await sessions.redo(ANN)
        assert step.messages == 2
        assert await texts(sessions, session.id) == ["one", "re: one", "two", "re: two"]
        await say(sessions, session.id, "other")
        with pytest.raises(NothingToUndo, match="nothing to redo"):
            await sessions.redo(ANN)


async def test_what_was_undone_stays_reachable_after_something_new(open_memory: Callable[[], SessionManager]) -> None:
    """A turn that was taken back and typed over is still at an automatic checkpoint."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
        await sessions.undo(ANN, steps=2)
        await say(sessions, session.id, "other")
        (automatic,) = await sessions.list_checkpoints(session.id, automatic=True)
        assert await sessions.list_checkpoints(session.id) == []
        await sessions.restore_checkpoint(automatic.id)
        assert await texts(sessions, session.id) == ["one", "re: one", "two", "re: two"]


async def test_undo_right_after_a_step_takes_that_step_back(open_memory: Callable[[], SessionManager]) -> None:
    """A clear, a restore, a new session, a reset and a deleted checkpoint are each taken back by one undo."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        saved = await sessions.save_checkpoint(session.id, name="here")
        await say(sessions, session.id, "two")
        before = await texts(sessions, session.id)
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "clear": lambda: sessions.clear_history(session.id),
            "restore": lambda: sessions.restore_checkpoint(saved.id),
            "delete checkpoint": lambda: sessions.delete_checkpoint(saved.id),
            "new": lambda: sessions.new_session(ANN, title="other"),
            "reset": lambda: sessions.reset(ANN),
            "fork": lambda: sessions.fork(session.id),
        }
        for op, step in steps.items():
            await step()
            (undone,) = await sessions.undo(ANN)
            assert (undone.op, undone.session.id) == (op, session.id)
            assert await texts(sessions, session.id) == before
            assert [c.name for c in await sessions.list_checkpoints(session.id)] == ["here"]
            current = await sessions.current_session(ANN)
            assert current is not None
            assert current.id == session.id


async def test_undo_and_redo_cross_a_reset(open_memory: Callable[[], SessionManager]) -> None:
    """Undoing a reset resumes the old session; redoing it archives that again."""
    async with open_memory() as sessions:
        old = await sessions.get_or_create_session(ANN)
        await say(sessions, old.id, "one")
        fresh = await sessions.reset(ANN)
        await say(sessions, fresh.id, "two")
        assert [step.op for step in await sessions.undo(ANN, steps=5)] == ["turn", "reset", "turn"]
        assert (await sessions.get_session(fresh.id)).status is Status.PAUSED
        assert [step.op for step in await sessions.redo(ANN, steps=5)] == ["turn", "reset", "turn"]
        assert (await sessions.get_session(old.id)).status is Status.COMPLETED
        assert await texts(sessions, fresh.id) == ["two", "re: two"]


async def test_an_erased_session_is_not_come_back_to(open_memory: Callable[[], SessionManager]) -> None:
    """When the session before a reset was erased, undo goes on with turns and then ends."""
    async with open_memory() as sessions:
        old = await sessions.get_or_create_session(ANN)
        await say(sessions, old.id, "one")
        fresh = await sessions.reset(ANN)
        await sessions.delete_session(old.id)
        with pytest.raises(NothingToUndo):
            await sessions.undo(ANN)
        await say(sessions, fresh.id, "two")
        assert [step.op for step in await sessions.undo(ANN, steps=3)] == ["turn"]


async def test_a_turn_undone_after_a_reset_was_undone_stays_reachable(
    open_memory: Callable[[], SessionManager],
) -> None:
    """That a reset could be done again does not mean that the turn before it can be."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one", "two")
        await sessions.reset(ANN)
        assert [step.op for step in await sessions.undo(ANN, steps=2)] == ["reset", "turn"]
        await say(sessions, session.id, "other")
        await sessions.restore_checkpoint(f"{session.id}-a1")
        assert await texts(sessions, session.id) == ["one", "re: one", "two", "re: two"]


@pytest.mark.parametrize("steps", [0, -1, 101])
async def test_the_number_of_steps_is_checked(open_memory: Callable[[], SessionManager], steps: int) -> None:
    """From 1 to 100 steps can be taken at once."""
    async with open_memory() as sessions:
        with pytest.raises(InvalidValue, match="from 1 to 100"):
            await sessions.undo(ANN, steps=steps)


async def test_nobody_undoes_another_ones_step(open_memory: Callable[[], SessionManager]) -> None:
    """Undo and redo move only one's own conversation."""
    async with open_memory() as sessions:
        mine = await sessions.get_or_create_session(ANN)
        await say(sessions, mine.id, "one")
        await sessions.get_or_create_session(person("bob"))
        for act in (sessions.undo, sessions.redo):
            with pytest.raises(NothingToUndo):
                await act(person("bob"))
        assert len(await texts(sessions, mine.id)) == 2


async def test_the_empty_place_can_be_cleared_and_restored_to(open_memory: Callable[[], SessionManager]) -> None:
    """Clearing nothing is no step; a checkpoint before the first message leads to the empty beginning."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.clear_history(session.id)
        with pytest.raises(NothingToUndo):
            await sessions.undo(ANN)
        empty = await sessions.save_checkpoint(session.id, name="start")
        await say(sessions, session.id, "one")
        restored = await sessions.restore_checkpoint(empty.id)
        assert (restored.message_count, await texts(sessions, session.id)) == (0, [])


# -- checkpoints -----------------------------------------------------------------------------------


async def test_a_checkpoint_is_found_by_number_id_name_and_beginning(open_memory: Callable[[], SessionManager]) -> None:
    """What fits several different names is said to be ambiguous; of equal names the newest is meant."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        names = ("Before lunch", "before dinner", "2", "twice", "twice")
        saved = [await sessions.save_checkpoint(session.id, name=name, description=" why ") for name in names]
        for which, number in (
            ("1", 1), ("#1", 1), (saved[0].id, 1), (saved[0].id.upper(), 1), ("before LUNCH", 1), ("before d", 2),
            ("2", 2), ("twice", 5), ("TWI", 5),
        ):  # fmt: skip
            assert (await sessions.find_checkpoint(session.id, which)).number == number
        with pytest.raises(Ambiguous, match="fits 2 checkpoints: 1, 2"):
            await sessions.find_checkpoint(session.id, "before")
        with pytest.raises(InvalidValue):
            await sessions.find_checkpoint(session.id, "  ")
        assert [c.description for c in await sessions.list_checkpoints(session.id)] == ["why"] * 5


async def test_a_checkpoint_that_is_not_there_is_not_found(open_memory: Callable[[], SessionManager]) -> None:
    """A foreign, a deleted, a malformed and a missing checkpoint give the same answer."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        foreign = await sessions.get_or_create_session(person("bob"))
        gone = await sessions.save_checkpoint(session.id, name="gone")
        theirs = await sessions.save_checkpoint(foreign.id, name="theirs")
        await sessions.delete_checkpoint(gone.id)
        for which in (theirs.id, gone.id, "theirs", "gone", "7", "aaaaaaaaaaaa-1", "9" * 5000, "'; DROP TABLE"):
            with pytest.raises(NotFound) as error:
                await sessions.find_checkpoint(session.id, which)
            assert str(error.value) == f"no such checkpoint: {which}"
        for missing in (gone.id, f"{session.id}-9", "aaaaaaaaaaaa-1", "junk", ""):
            for act in (sessions.restore_checkpoint, sessions.delete_checkpoint):
                with pytest.raises(NotFound):
                    await act(missing)


async def test_checkpoints_survive_a_reset_and_a_restart(open_store: Opener) -> None:
    """They belong to the session, which is archived with them and can be resumed."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        saved = await sessions.save_checkpoint(session.id, name="here")
        await say(sessions, session.id, "two")
        await sessions.new_session(ANN)
    async with open_store() as sessions:
        await sessions.switch_session(ANN, session.id)
        assert [c.id for c in await sessions.list_checkpoints(session.id)] == [saved.id]
        await sessions.restore_checkpoint(saved.id)
        assert await texts(sessions, session.id) == ["one", "re: one"]


async def test_a_restore_after_a_restart_sets_the_next_reset(db_path: Path, clock: ManualClock) -> None:
    """Whatever moves the head works out the next scheduled reset, also in a session that was just loaded."""

    def opened() -> SessionManager:
        return SessionManager.open(db_path=db_path, encryption_key=KEY, clock=clock, idle_reset_minutes=30)

    async with opened() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        saved = await sessions.save_checkpoint(session.id, name="here")
        cleared = await sessions.clear_history(session.id)
        assert cleared.next_reset_at is None
    async with opened() as sessions:
        assert (await sessions.restore_checkpoint(saved.id)).next_reset_at is not None
    async with opened() as sessions:
        turn = await sessions.begin_turn(session.id, content="two")
    async with opened() as sessions:
        await sessions.finish_turn(turn, content="re: two")
        assert (await sessions.get_session(session.id)).next_reset_at is not None


# -- what it costs ---------------------------------------------------------------------------------

TABLES = ("session", "message", "journal", "lineage", "preference", "erasure")


def rows(path: Path) -> dict[str, int]:
    """Count what is in the file."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}  # noqa: S608
    finally:
        connection.close()


def bodies(path: Path) -> dict[int, bytes]:
    """Read every stored message as it lies in the file."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return dict(connection.execute("SELECT id, body FROM message"))
    finally:
        connection.close()


async def _written(open_store: Opener, path: Path, length: int) -> dict[str, dict[str, int]]:
    """Carry out every step once in a conversation of some length; give the rows that each one wrote."""
    written: dict[str, dict[str, int]] = {}
    async with open_store(path=path) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await asyncio.gather(
            *(
                sessions.add_message(session.id, role="user" if n % 2 == 0 else "assistant", content=f"{n}")
                for n in range(length)
            )
        )
        stored = bodies(path)
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "save": lambda: sessions.save_checkpoint(session.id, name="here"),
            "undo a turn": lambda: sessions.undo(ANN),
            "redo a turn": lambda: sessions.redo(ANN),
            "retry": lambda: sessions.retry_turn(session.id),
            "clear": lambda: sessions.clear_history(session.id),
            "undo a clear": lambda: sessions.undo(ANN),
            "restore": lambda: sessions.restore_checkpoint(f"{session.id}-1"),
            "delete": lambda: sessions.delete_checkpoint(f"{session.id}-1"),
            "undo a delete": lambda: sessions.undo(ANN),
            "fork": lambda: sessions.fork(session.id),
            "undo in the fork": lambda: sessions.undo(ANN, steps=2),
            "reset": lambda: sessions.reset(ANN),
            "undo a reset": lambda: sessions.undo(ANN),
            "new": lambda: sessions.new_session(ANN),
        }
        for name, step in steps.items():
            before = rows(path)
            await step()
            written[name] = {table: count - before[table] for table, count in rows(path).items()}
        assert bodies(path) == stored
    return written


async def test_every_step_writes_the_same_rows_at_any_length(open_store: Opener, tmp_path: Path) -> None:
    """At 3,000 messages each step writes what it writes at 10: no message is copied, changed or removed."""
    short = await _written(open_store, tmp_path / "short" / "palaver.db", 10)
    assert await _written(open_store, tmp_path / "long" / "palaver.db", 3_000) == short
    assert all(each["message"] == 0 and each["session"] <= 1 and each["journal"] <= 6 for each in short.values())
