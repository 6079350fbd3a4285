"""SessionManager: sessions begun, found, named, set aside, cleaned up and erased."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sessions.address import ChatKind
from sessions.errors import Ambiguous, InvalidValue, NotFound, NothingToUndo
from sessions.manager import SessionManager
from sessions.message import MAX_CONTENT, MAX_METADATA, Message, Usage
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from sessions.session import ID_LENGTH, Status
from sessions.sqlite.store import SqliteStore
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, Opener, person, say, texts

ANN = person("ann")
Opened = Callable[[], SessionManager]


# -- beginning and ending --------------------------------------------------------------------------


async def test_first_messages_at_the_same_moment_begin_one_session(open_store: Opener) -> None:
    """Fifty people with fifty messages each: one session for each of them."""
    async with open_store() as sessions:
        people = [person(f"user-{n % 50}") for n in range(500)]
        found = await asyncio.gather(*map(sessions.get_or_create_session, people))
        assert len({session.id for session in found}) == 50
        for one, session in zip(people, found, strict=True):
            assert [s.id for s in await sessions.list_sessions(one)] == [session.id]
        assert await sessions.verify() == []


async def test_a_message_after_a_deletion_begins_an_empty_session(open_memory: Opened) -> None:
    """Nothing of what was deleted comes back."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        assert await sessions.delete_session(session.id) == 2
        fresh = await sessions.get_or_create_session(ANN)
        assert fresh.id != session.id
        assert await texts(sessions, fresh.id) == []


async def test_new_starts_with_defaults_and_reset_keeps_the_settings(clock: ManualClock) -> None:
    """Both archive the session that was current; title, tags and model go on with a reset alone."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, default_tags=["default"]) as sessions:
        first = await sessions.get_or_create_session(ANN)
        assert first.tags == ("default",)
        await say(sessions, first.id, "one")
        await sessions.update_session(first.id, title="trip", tags=["a", "b", "a"], model="m", metadata={"n": 1})
        second = await sessions.reset(ANN)
        assert (second.title, second.tags, second.model, second.metadata) == ("trip", ("a", "b"), "m", {})
        third = await sessions.new_session(ANN)
        assert (third.title, third.tags, third.model) == (None, ("default",), None)
        assert {(await sessions.get_session(s.id)).status for s in (first, second)} == {Status.COMPLETED}
        assert await texts(sessions, first.id) == ["one", "re: one"]
        assert (await sessions.new_session(ANN, title="next")).title == "next"


async def test_an_archived_session_stays_in_the_list_unless_nothing_was_ever_said_in_it(open_memory: Opened) -> None:
    """One that was cleared has messages that can be come back to, so it stays."""
    async with open_memory() as sessions:
        said = await sessions.get_or_create_session(ANN)
        await say(sessions, said.id, "one")
        await sessions.clear_history(said.id)
        empty = await sessions.new_session(ANN)
        current = await sessions.new_session(ANN)
        assert [s.id for s in await sessions.list_sessions(ANN)] == [current.id, said.id]
        with pytest.raises(NotFound):
            await sessions.find_session(ANN, empty.id)


async def test_the_list_begins_with_the_current_one_and_goes_on_by_activity(
    open_memory: Opened, clock: ManualClock
) -> None:
    """What a person said last counts, not what was kept in order since."""
    async with open_memory() as sessions:
        ids = []
        for n in range(4):
            ids.append((await sessions.new_session(ANN, title=f"talk {n}")).id)
            clock.advance(60)
            await say(sessions, ids[-1], "hello")
        clock.advance(60)
        await sessions.update_session(ids[0], title="renamed")
        await sessions.switch_session(ANN, ids[1])
        assert [s.id for s in await sessions.list_sessions(ANN)] == [ids[1], ids[3], ids[2], ids[0]]
        assert [s.id for s in await sessions.list_sessions(ANN, limit=2)] == [ids[1], ids[3]]


# -- finding ---------------------------------------------------------------------------------------


async def test_a_session_is_found_by_number_id_title_and_prefix(open_memory: Opened) -> None:
    """A number of the list wins over a title that looks like one; a number beyond the list is a title, or an id."""
    async with open_memory() as sessions:
        titles = ["Trip to Rome", "2", "77", "straße", None]
        made = [await sessions.new_session(ANN, title=title) for title in titles]
        for session in made:
            await say(sessions, session.id, "hello")
        listed = [s.id for s in await sessions.list_sessions(ANN)]
        by_title = {title: session.id for title, session in zip(titles, made, strict=True)}
        for which, found in (
            ("2", listed[1]),
            ("1", listed[0]),
            ("77", by_title["77"]),
            ("trip TO rome", by_title["Trip to Rome"]),
            ("STRASSE", by_title["straße"]),
            (f" {listed[2]} ", listed[2]),
            (listed[2].upper(), listed[2]),
            (listed[3][:11], listed[3]),
        ):
            assert (await sessions.find_session(ANN, which)).id == found
        for which in ("8", "0", "-1", "1.5", "², ", "9" * 5_000, "trip", "x" * 5_000, "'; --", "\u202e", "٣"):
            with pytest.raises(NotFound):
                await sessions.find_session(ANN, which)
        with pytest.raises(InvalidValue):
            await sessions.find_session(ANN, " ")


async def test_what_fits_several_sessions_is_ambiguous(open_memory: Opened) -> None:
    """Equal titles and short prefixes name what they fit, and nothing is chosen."""
    async with open_memory() as sessions:
        made = {(await sessions.new_session(ANN, title="same")).id for _ in range(40)}
        with pytest.raises(Ambiguous, match="SAME fits 40 sessions") as error:
            await sessions.find_session(ANN, "SAME")
        assert set(error.value.candidates) == made
        first = [session_id[0] for session_id in made]
        letter = next(letter for letter in first if first.count(letter) > 1 and letter.isalpha())
        with pytest.raises(Ambiguous):
            await sessions.find_session(ANN, letter)


async def test_foreign_and_missing_sessions_get_the_same_answer(open_memory: Opened) -> None:
    """By id, by prefix and by title; switching there as well."""
    async with open_memory() as sessions:
        await sessions.get_or_create_session(ANN)
        theirs = await sessions.new_session(person("bob"), title="secret")
        for which in (theirs.id, theirs.id[:8], "secret", "a" * ID_LENGTH):
            with pytest.raises(NotFound) as error:
                await sessions.find_session(ANN, which)
            assert str(error.value) == f"no such session: {which}"
        for session_id in (theirs.id, "a" * ID_LENGTH, "junk", ""):
            with pytest.raises(NotFound) as error:
                await sessions.switch_session(ANN, session_id)
            assert str(error.value) == f"no such session: {session_id}".removesuffix(": ")


# -- settings --------------------------------------------------------------------------------------


async def test_an_update_changes_what_is_given_and_none_clears(open_memory: Opened) -> None:
    """What is left out stays."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        policy = ResetPolicy(idle=timedelta(minutes=5))
        await sessions.update_session(
            session.id, title="t", tags=["a"], model="m", metadata={"k": [1]}, reset_policy=policy
        )
        changed = await sessions.update_session(session.id, tags=["b", "c"])
        assert (changed.title, changed.tags, changed.model, changed.metadata) == ("t", ("b", "c"), "m", {"k": [1]})
        assert (await sessions.reset_rule(session.id)).source == "session"
        cleared = await sessions.update_session(
            session.id, title=None, tags=[], model=None, metadata={}, reset_policy=None
        )
        assert (cleared.title, cleared.tags, cleared.model, cleared.metadata) == (None, (), None, {})
        assert (await sessions.reset_rule(session.id)).source == "default"


@pytest.mark.parametrize("name", ["\x00", "\u202e\u2066", "\u200d", "a" * 10_000, 7])
async def test_names_that_can_not_be_shown_are_refused(open_memory: Opened, name: str) -> None:
    """Titles, tags, models and checkpoints alike; nothing is changed then."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        before = await sessions.get_session(session.id)
        with pytest.raises(InvalidValue):
            await sessions.update_session(session.id, title=name)
        with pytest.raises(InvalidValue):
            await sessions.update_session(session.id, tags=["fine", name])
        with pytest.raises(InvalidValue):
            await sessions.update_session(session.id, model=name)
        with pytest.raises(InvalidValue):
            await sessions.new_session(ANN, title=name)
        with pytest.raises(InvalidValue):
            await sessions.fork(session.id, title=name)
        with pytest.raises(InvalidValue):
            await sessions.save_checkpoint(session.id, name=name)
        assert await sessions.get_session(session.id) == before
        assert await sessions.current_session(ANN) == before


async def test_names_are_cleaned(open_memory: Opened) -> None:
    """What acts on a terminal or on the direction of writing does not reach it."""
    async with open_memory() as sessions:
        dirty, clean = " \u202ea\x1b[31m\n\tb" + "\u0301" * 500, "a[31m b" + "\u0301" * 3
        session = await sessions.new_session(ANN, title=dirty)
        changed = await sessions.update_session(session.id, tags=[dirty], model=dirty)
        saved = await sessions.save_checkpoint(session.id, name=dirty, description=dirty)
        assert (session.title, changed.tags, changed.model) == (clean, (clean,), clean)
        assert (saved.name, saved.description) == (clean, clean)


# -- status ----------------------------------------------------------------------------------------


async def test_every_status_has_a_way_there(open_memory: Opened, clock: ManualClock) -> None:
    """Switch pauses, reset completes, a failed turn is an error, the next good one heals, silence expires."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        first = await sessions.get_or_create_session(ANN)
        await say(sessions, first.id, "one")

        async def status() -> Status:
            return (await sessions.get_session(first.id)).status

        assert await status() is Status.ACTIVE
        turn = await sessions.begin_turn(first.id, content="two")
        await sessions.finish_turn(turn, content="", failed=True)
        assert await status() is Status.ERROR
        assert (await sessions.get_or_create_session(ANN)).id == first.id
        turn = await sessions.retry_turn(first.id)
        await sessions.finish_turn(turn, content="re: two")
        assert await status() is Status.ACTIVE
        second = await sessions.new_session(ANN)
        assert await status() is Status.COMPLETED
        await sessions.switch_session(ANN, first.id)
        assert await status() is Status.ACTIVE
        await sessions.switch_session(ANN, second.id)
        assert await status() is Status.PAUSED
        await sessions.switch_session(ANN, first.id)
        clock.advance(1_800)
        assert (await sessions.get_or_create_session(ANN)).id != first.id
        assert await status() is Status.EXPIRED


@pytest.mark.parametrize("start", Status)
@pytest.mark.parametrize("end", Status)
async def test_any_status_can_be_set_but_error_only_on_the_current_one(
    open_memory: Opened, start: Status, end: Status
) -> None:
    """Never are two sessions of one key current; making one active sets the other aside."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await sessions.set_status(session.id, start)
        other = None if start.is_current else await sessions.get_or_create_session(ANN)
        if end is Status.ERROR and not start.is_current:
            with pytest.raises(InvalidValue, match="only the current session"):
                await sessions.set_status(session.id, end)
            return
        assert (await sessions.set_status(session.id, end)).status is end
        current = await sessions.current_session(ANN)
        if end.is_current:
            assert current is not None
            assert current.id == session.id
            if other is not None:
                assert (await sessions.get_session(other.id)).status is Status.PAUSED
        else:
            assert (current and current.id) == (other and other.id)
        assert await sessions.verify() == []


# -- messages --------------------------------------------------------------------------------------


async def test_a_message_is_read_back_as_it_was_stored(open_store: Opener, clock: ManualClock) -> None:
    """With role, usage, author, metadata, kind and mark; its usage is added to the session's."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(ANN)
        stored = [
            await sessions.add_message(session.id, role="user", content="", author="Ann", metadata={"a": {"b": None}}),
            await sessions.add_message(session.id, role="assistant", content="ё\n\x00👩‍👩‍👧", usage=Usage(1, 2, 3)),
            await sessions.add_message(session.id, role="assistant", content="half", kind="partial", usage=Usage(4, 5)),
            await sessions.add_message(session.id, role="system", content="rule"),
            await sessions.add_message(session.id, role="tool", content="\ud800", important=True),
        ]
        at = int(clock() * 1000)
        assert stored[0] == Message(1, "user", "", at, author="Ann", metadata={"a": {"b": None}})
        assert [m.important for m in stored] == [False, False, False, True, True]
        assert stored[4].content == "\ufffd"
        assert (await sessions.get_session(session.id)).usage == Usage(5, 7, 3)
    async with open_store() as sessions:
        assert await sessions.get_history(session.id) == stored


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "boss"}, {"role": ""}, {"content": None}, {"content": b"x"}, {"content": "x" * (MAX_CONTENT + 1)},
        {"kind": "unreadable"}, {"kind": "joke"}, {"usage": Usage(-1, 0)}, {"usage": Usage(0, 2**32)},
        {"metadata": {"k": float("nan")}}, {"metadata": {"k": object()}}, {"metadata": {"k": "x" * MAX_METADATA}},
    ],
)  # fmt: skip
async def test_what_is_no_message_is_refused_and_leaves_no_trace(open_memory: Opened, wrong: dict[str, object]) -> None:
    """Nothing is stored, and the session takes the next message."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        with pytest.raises(InvalidValue):
            await sessions.add_message(session.id, **{"role": "user", "content": "x", **wrong})  # type: ignore[arg-type]
        assert await sessions.get_session(session.id) == session
        await say(sessions, session.id, "fine")


async def test_time_never_runs_backwards_within_a_session(open_memory: Opened, clock: ManualClock) -> None:
    """A clock that is set back gives the time of the message before."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        clock.advance(-3_600)
        await say(sessions, session.id, "two")
        at = [message.created_ms for message in await sessions.get_history(session.id)]
        assert at == sorted(at)


# -- turns -----------------------------------------------------------------------------------------


async def test_a_reply_after_a_reset_lands_in_the_session_of_its_question(open_memory: Opened) -> None:
    """It is not shown, and not added to the fresh one."""
    async with open_memory() as sessions:
        old = await sessions.get_or_create_session(ANN)
        turn = await sessions.begin_turn(old.id, content="one", author="Ann")
        fresh = await sessions.reset(ANN)
        outcome = await sessions.finish_turn(turn, content="re: one", usage=Usage(1, 2))
        assert not outcome.current
        assert await texts(sessions, old.id) == ["one", "re: one"]
        assert await texts(sessions, fresh.id) == []


async def test_a_reply_to_a_question_that_was_taken_back_is_kept_behind_it(open_memory: Opened) -> None:
    """One reads on without it; doing the turn again brings the question, an automatic checkpoint the reply."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        turn = await sessions.begin_turn(session.id, content="one")
        await sessions.undo(ANN)
        outcome = await sessions.finish_turn(turn, content="late")
        assert not outcome.current
        assert await texts(sessions, session.id) == []
        await sessions.redo(ANN)
        assert await texts(sessions, session.id) == ["one"]
        late = await sessions.find_checkpoint(session.id, "late reply")
        assert (late.automatic, late.message_count) == (True, 2)
        await sessions.restore_checkpoint(late.id)
        assert await texts(sessions, session.id) == ["one", "late"]
        assert await sessions.verify() == []


async def test_a_retry_keeps_the_first_reply_within_reach(open_memory: Opened) -> None:
    """The new reply stands in its place; undoing a retry that brought none brings the old one back."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        with pytest.raises(NothingToUndo, match="nothing to retry"):
            await sessions.retry_turn(session.id)
        await say(sessions, session.id, "one")
        turn = await sessions.retry_turn(session.id)
        assert turn.message.content == "one"
        await sessions.undo(ANN)
        assert await texts(sessions, session.id) == ["one", "re: one"]
        outcome = await sessions.finish_turn(await sessions.retry_turn(session.id), content="better")
        assert outcome.current
        assert await texts(sessions, session.id) == ["one", "better"]


async def test_a_late_reply_in_an_archived_session_schedules_no_reset(clock: ManualClock) -> None:
    """Only a current session is ever due, however many late replies there were."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        old = await sessions.get_or_create_session(ANN)
        turn = await sessions.begin_turn(old.id, content="one")
        await sessions.reset(ANN)
        await sessions.finish_turn(turn, content="late")
        assert (await sessions.get_session(old.id)).next_reset_at is None
        clock.advance(7_200)
        assert await sessions.sweep() == []


async def test_a_fork_is_reset_like_any_session(clock: ManualClock) -> None:
    """It is due from the moment it begins, also if nothing is said in it."""
    async with SessionManager.open(encryption_key=KEY, clock=clock, idle_reset_minutes=30) as sessions:
        session = await sessions.get_or_create_session(ANN)
        await say(sessions, session.id, "one")
        fork = await sessions.fork(session.id)
        assert fork.next_reset_at is not None
        clock.advance(1_800)
        (event,) = await sessions.sweep()
        assert event.archived.id == fork.id


# -- care ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "kept"), [("30d", 3), ("30", 3), (" 30 Days ", 3), ("12h", 1), (timedelta(days=2), 2)])
async def test_cleanup_erases_what_is_older(
    open_store: Opener, clock: ManualClock, age: str | timedelta, kept: int
) -> None:
    """By the last activity; the number that is given back is the number erased."""
    async with open_store() as sessions:
        for days in (29, 1, 0):
            session = await sessions.get_or_create_session(person(f"user-{days}"))
            await say(sessions, session.id, "hello")
            clock.advance(86_400 * {29: 28, 1: 1, 0: 0}[days])
        clock.advance(3_600)
        assert await sessions.cleanup(older_than=age) == 3 - kept
        there = [await sessions.current_session(person(f"user-{days}")) for days in (29, 1, 0)]
        assert sum(session is not None for session in there) == kept
        assert await sessions.verify() == []


@pytest.mark.parametrize("age", ["0", "0d", "0h", "30x", "-1d", "", "d", "1w", "1e3", timedelta(0), timedelta(-1)])
async def test_an_age_that_is_not_understood_erases_nothing(open_memory: Opened, age: str | timedelta) -> None:
    """Zero least of all: it would mean everything."""
    async with open_memory() as sessions:
        session = await sessions.get_or_create_session(ANN)
        with pytest.raises(InvalidValue):
            await sessions.cleanup(older_than=age)
        assert await sessions.get_session(session.id) == session


async def test_cleanup_keeps_what_has_a_checkpoint_unless_told(open_memory: Opened, clock: ManualClock) -> None:
    """One that a person saved counts; an automatic or a deleted one does not."""
    async with open_memory() as sessions:
        saved, cleared, deleted = [await sessions.get_or_create_session(person(name)) for name in "abc"]
        for session in (saved, cleared, deleted):
            await say(sessions, session.id, "one")
        await sessions.save_checkpoint(saved.id, name="here")
        await sessions.clear_history(cleared.id)
        await sessions.delete_checkpoint((await sessions.save_checkpoint(deleted.id, name="x")).id)
        clock.advance(86_400 * 31)
        assert await sessions.cleanup() == 2
        assert (await sessions.get_session(saved.id)).message_count == 2
        assert await sessions.cleanup(keep_checkpoints=False) == 1
        with pytest.raises(NotFound):
            await sessions.get_session(saved.id)


async def test_erasing_a_person_takes_everything_of_theirs_and_nothing_else(open_store: Opener) -> None:
    """All chats and private scopes on this platform and bot; what is shared and what others said stays."""
    async with open_store() as sessions:
        mine = [ANN, person("ann", chat="chat-2"), person("ann", chat="chat-2", thread="7", kind=ChatKind.THREAD)]
        others = [person("bob"), person("Ann"), person("ann", platform="discord"), person("ann", account="bot-2")]
        for address in mine + others:
            await say(sessions, (await sessions.get_or_create_session(address)).id, "one")
        await sessions.set_scope(ANN, Scope.PER_PEER)
        await say(sessions, (await sessions.get_or_create_session(ANN)).id, "as a peer")
        for address in (ANN, person("bob")):
            await sessions.set_scope(address, Scope.PER_CHANNEL)
        shared = await sessions.get_or_create_session(ANN)
        await say(sessions, shared.id, "to all")

        own = await sessions.own_sessions(ANN)
        assert len(own) == 4
        receipt = await sessions.erase_person(ANN)
        assert (receipt.sessions, receipt.messages) == (4, 8)
        assert await sessions.own_sessions(ANN) == []
        assert await sessions.scope_of(ANN) is Scope.PER_CHANNEL_PEER
        assert await texts(sessions, shared.id) == ["to all", "re: to all"]
        for address in others[1:]:
            session = await sessions.current_session(address)
            assert session is not None
            assert session.message_count == 2
        again = await sessions.erase_person(ANN)
        assert (again.sessions, again.messages) == (0, 0)
        assert await sessions.verify() == []


async def test_one_current_session_for_each_key_whatever_happens_at_once(open_store: Opener, db_path: Path) -> None:
    """New, reset, switch, fork, undo and messages of one person at the same moment end in one current session."""
    async with open_store(hot_sessions=2) as sessions:
        first = await sessions.get_or_create_session(ANN)
        await say(sessions, first.id, "one")
        for _ in range(10):
            results = await asyncio.gather(
                sessions.new_session(ANN),
                sessions.reset(ANN),
                sessions.switch_session(ANN, first.id),
                sessions.fork(first.id),
                sessions.undo(ANN),
                sessions.redo(ANN),
                sessions.set_status(first.id, Status.ACTIVE),
                sessions.get_or_create_session(ANN),
                sessions.add_message(first.id, role="user", content="two"),
                return_exceptions=True,
            )
            unexpected = [r for r in results if isinstance(r, BaseException) and not isinstance(r, NothingToUndo)]
            assert unexpected == []
            listed = await sessions.list_sessions(ANN)
            assert [s.status.is_current for s in listed].count(True) == 1
        assert await sessions.verify() == []
    store = SqliteStore(db_path)
    await store.open()
    rows = await store.sessions_after(0, 1_000)
    assert sum(Status(row.status).is_current for row in rows) == 1
    await store.close()
