"""Several programs that write to one store at once: nothing is lost, nothing is there twice, nobody is told a lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import time, timedelta
from typing import NamedTuple

import pytest

from sessions.account import Account
from sessions.address import Address
from sessions.errors import InvalidValue, NotFound, NothingToUndo
from sessions.manager import SessionManager
from sessions.postgres.store import PostgresStore
from sessions.scope import Scope
from sessions.session import Session, Status
from tests.conftest import ManualClock
from tests.sessions.conftest import KEY, person, say, texts
from tests.sessions.writers import let_write, writers

ANN, BOB, CID = person("ann"), person("bob", chat="chat-2"), person("cid", chat="chat-3")
HOOKS = ("append", "commit", "erase_sessions", "journal", "messages", "put_preference", "session_by_number", "versions")


class Interrupted(PostgresStore):
    """A store in which something is done by somebody else, once, right before this program does something."""

    def __init__(self, database: str) -> None:
        super().__init__(database, many=True, size=5)
        self.before: dict[str, list[Callable[[], Awaitable[object]]]] = {}
        for name in HOOKS:
            setattr(self, name, self._hooked(name, getattr(self, name)))

    def _hooked(self, name: str, act: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def hooked(*args: object, **kwargs: object) -> object:
            if waiting := self.before.get(name):
                await waiting.pop(0)()
            return await act(*args, **kwargs)

        return hooked


class Two(NamedTuple):
    """Two programs; what they do can be interrupted."""

    first: SessionManager
    other: SessionManager
    store: Interrupted
    others: Interrupted

    def before(self, name: str, *jobs: Callable[[], Awaitable[object]]) -> None:
        """Have jobs done right before the first program calls its store so the next times."""
        self.store.before[name] = list(jobs)


@pytest.fixture
async def two(database: str, clock: ManualClock) -> AsyncIterator[Two]:
    """Open one store as two programs."""
    stores = Interrupted(database), Interrupted(database)
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(
                SessionManager.open(store=store, encryption_key=KEY, clock=clock, hot_messages=0)
            )
            for store in stores
        ]
        yield Two(first, second, *stores)
        assert await second.verify() == []
        assert not any(waiting for store in stores for waiting in store.before.values()), "what was to come has not"


@asynccontextmanager
async def linked_keys(*managers: SessionManager) -> AsyncIterator[None]:
    """Have everybody's conversations be the same in all chats."""
    for address in (ANN, BOB, CID):
        await managers[0].set_scope(address, Scope.PER_PEER)
    yield


async def nothing() -> None:
    """Let one call pass."""


# -- at random ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_several_do_at_once_nothing_is_lost(database: str, seed: int) -> None:
    """All that was acknowledged and not erased is there once, where somebody finds it, and nobody was refused."""
    log = await let_write(database, seed, programs=3, tasks=2, steps=50)
    assert len(log.said) > 20


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 220))
async def test_whatever_several_do_for_longer_nothing_is_lost(database: str, seed: int) -> None:
    """The same with more of them at once."""
    await let_write(database, seed, programs=3, tasks=4, steps=100)


# -- the other sees it -------------------------------------------------------------------------------


async def test_what_one_changes_the_other_sees(two: Two) -> None:
    """Title, messages, another current session, scope and reset rule hold for both from the next use on."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    assert (await other.get_or_create_session(ANN)).id == session.id
    await one.update_session(session.id, title="a trip")
    assert (await other.get_session(session.id)).title == "a trip"
    await one.add_message(session.id, role="user", content="hello")
    assert await texts(other, session.id) == ["hello"]
    assert [hit.message.content for hit in await other.search(ANN, "hello")] == ["hello"]
    await other.set_chat_resets(ANN, daily_at=time(4), timezone="UTC")
    assert (await one.reset_rule(session.id)).policy.daily_at == time(4)
    fresh = await other.new_session(ANN)
    assert (await one.get_or_create_session(ANN)).id == fresh.id
    assert (await one.reset_rule(fresh.id)).policy.daily_at == time(4)
    await one.undo(ANN)
    assert (await other.get_or_create_session(ANN)).id == session.id
    await other.set_scope(ANN, Scope.PER_PEER)
    assert (await one.get_or_create_session(ANN)).id not in (session.id, fresh.id)


async def test_what_the_other_has_gone_back_to_is_current(two: Two) -> None:
    """Also for who has that session open, as it was before."""
    one, other, *_ = two
    old = await one.get_or_create_session(ANN)
    await say(one, old.id, "hello")
    await one.new_session(ANN)
    assert (await one.get_session(old.id)).status is Status.COMPLETED
    await other.switch_session(ANN, old.id)
    current = await one.get_or_create_session(ANN)
    assert (current.id, current.status) == (old.id, Status.ACTIVE)


async def test_who_asks_while_a_session_is_read_gets_what_is_there_by_then(two: Two) -> None:
    """What the other had stored before one asked is seen, though somebody else here had asked before."""
    one, other, *_ = two
    session = await other.get_or_create_session(ANN)
    await say(other, session.id, "one")
    await other.save_checkpoint(session.id, name="here")
    asked: list[asyncio.Task[Session]] = []

    async def ask() -> None:
        await say(other, session.id, "two")
        asked.append(asyncio.ensure_future(one.get_session(session.id)))
        await asyncio.sleep(0)

    two.before("journal", ask)
    await one.get_session(session.id)
    assert (await asked[0]).message_count == 4


async def test_what_one_erases_is_gone_for_the_other(two: Two) -> None:
    """The other finds nothing more of it, also where it had it open."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await say(other, session.id, "hello")
    fork = await other.fork(session.id)
    await one.delete_session(session.id)
    for refused in (
        other.get_history(session.id),
        other.get_session(session.id),
        other.fork(session.id),
        other.begin_turn(session.id, content="x"),
        other.save_checkpoint(session.id, name="x"),
    ):
        with pytest.raises(NotFound):
            await refused
    assert await texts(other, fork.id) == ["hello", "re: hello"]
    assert [s.id for s in await other.list_sessions(ANN)] == [fork.id]


async def test_a_rule_that_changed_meanwhile_holds_for_whoever_comes_back(two: Two, clock: ManualClock) -> None:
    """Going back to an old session plans its reset by the rule that holds by then."""
    one, other, *_ = two
    old = await one.get_or_create_session(ANN)
    await one.set_chat_resets(ANN, idle=timedelta(hours=1))
    await say(one, old.id, "hello")
    await one.new_session(ANN)
    await one.reset_rule(old.id)
    await other.set_chat_resets(ANN, idle=timedelta(hours=5))
    back = await one.switch_session(ANN, old.id)
    assert back.next_reset_at is not None
    assert back.next_reset_at.timestamp() == clock.now + 5 * 3600


@pytest.mark.parametrize("as_turn", [False, True], ids=["a message", "a turn"])
async def test_a_rule_that_another_changed_holds_for_the_next_message(
    two: Two, clock: ManualClock, *, as_turn: bool
) -> None:
    """Also where the conversation was in use, and its rule known."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await one.set_chat_resets(ANN, idle=timedelta(hours=1))
    await say(one, session.id, "hello")
    await other.set_chat_resets(ANN, idle=timedelta(hours=5))
    clock.advance(60)
    if as_turn:
        await one.begin_turn(session.id, content="ask")
    else:
        await one.add_message(session.id, role="user", content="again")
    planned = (await other.get_session(session.id)).next_reset_at
    assert planned is not None
    assert planned.timestamp() == clock.now + 5 * 3600
    assert (await other.get_session(session.id)).message_count == 3


# -- one comes between -------------------------------------------------------------------------------


async def test_a_reply_is_stored_once(two: Two) -> None:
    """Whoever writes between a reply and the note how it ended does not have it stored again."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    turn = await one.begin_turn(session.id, content="ask")
    two.before("commit", lambda: other.update_session(session.id, title="meanwhile"))
    await one.finish_turn(turn, content="answer", failed=True)
    assert await texts(other, session.id) == ["ask", "answer"]
    assert (await other.transcript(session.id)).stored[-1].message.content == "answer"
    assert len((await other.transcript(session.id)).stored) == 2


async def test_a_new_session_is_a_new_one(two: Two) -> None:
    """Who begins one with a name gets that one, also where the other has just begun the first of the chat."""
    one, other, *_ = two
    begun = []

    async def begin() -> None:
        begun.append(await other.get_or_create_session(ANN))

    two.before("commit", begin)
    session = await one.new_session(ANN, title="mine")
    assert session.title == "mine"
    assert session.id != begun[0].id
    assert (await other.current_session(ANN)) == session


@pytest.mark.parametrize("calls", range(3))
async def test_who_comes_late_to_a_reset_goes_on_in_the_new_session(two: Two, clock: ManualClock, calls: int) -> None:
    """What the other has reset already, at whatever moment, is not given to anybody as the current session."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await one.set_chat_resets(ANN, idle=timedelta(hours=1))
    await say(one, session.id, "hello")
    clock.advance(7200)
    fresh = []

    async def reset() -> None:
        fresh.append((await other.get_or_create_session(ANN)).id)

    two.before("versions", *[nothing] * calls, reset)
    assert (await one.get_or_create_session(ANN)).id in fresh
    assert (await one.get_session(session.id)).status is Status.EXPIRED


@pytest.mark.parametrize("calls", range(4))
async def test_a_session_that_ended_meanwhile_keeps_how_it_ended(two: Two, calls: int) -> None:
    """Who switches to another one does not pause what the other has just ended, at whatever moment."""
    one, other, *_ = two
    old = await one.get_or_create_session(ANN)
    await say(one, old.id, "old")
    current = await one.new_session(ANN)
    await say(one, current.id, "new")
    two.before("versions", *[nothing] * calls, lambda: other.set_status(current.id, Status.COMPLETED))
    await one.switch_session(ANN, old.id)
    assert (await one.get_session(current.id)).status is Status.COMPLETED
    assert (await other.current_session(ANN)) == await one.get_session(old.id)


@pytest.mark.parametrize("calls", range(1, 5))
async def test_undo_takes_back_what_is_last_by_then(two: Two, calls: int) -> None:
    """What the other says meanwhile, at whatever moment, is never jumped over."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await say(one, session.id, "one", "two")
    await one.clear_history(session.id)
    said: list[str] = []

    async def speak() -> None:
        await say(other, session.id, "three")
        said.append("three")

    two.before("versions", *[nothing] * (calls - 1), speak)
    await one.undo(ANN)
    two.store.before.clear()
    expected = ["one", "re: one", "two", "re: two"]
    if said and (found := await texts(one, session.id)) != expected:
        assert found == []  # the turn that the other has said was the last one
    if not said:
        assert await texts(one, session.id) == expected
    for _ in range(3):
        try:
            await one.redo(ANN)
        except NothingToUndo:
            break
    stored = [each.message.content for each in (await other.transcript(session.id)).stored]
    assert stored == [*expected, *(["three", "re: three"] if said else [])]
    if said:
        assert "three" in {text for mark in await _everywhere(other, session.id) for text in mark}


async def _everywhere(sessions: SessionManager, session_id: str) -> list[list[str]]:
    """Read the conversation, and after going back to each checkpoint."""
    found = [await texts(sessions, session_id)]
    for mark in await sessions.list_checkpoints(session_id, automatic=True):
        await sessions.restore_checkpoint(mark.id)
        found.append(await texts(sessions, session_id))
    return found


async def test_a_fork_of_what_is_erased_meanwhile_is_refused(two: Two) -> None:
    """It does not read from nothing."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await say(one, session.id, "hello")
    two.before("commit", lambda: other.delete_session(session.id))
    with pytest.raises(NotFound):
        await one.fork(session.id, aside=True)
    assert await other.own_sessions(ANN) == []


async def test_what_was_forked_meanwhile_is_handed_over_as_well(two: Two) -> None:
    """A fork that comes when the others were handed over already keeps what it reads."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await say(one, session.id, "hello")
    forks = [await one.fork(session.id)]

    async def fork() -> None:
        forks.append(await other.fork(session.id, aside=True))

    two.before("erase_sessions", fork)
    await one.delete_session(session.id)
    for each in forks:
        assert await texts(other, each.id) == ["hello", "re: hello"]


async def test_what_is_read_while_it_is_erased(two: Two) -> None:
    """A fork is read whole while what it goes on from is erased; what is erased itself is not found."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await say(one, session.id, "hello")
    fork = await one.fork(session.id)
    await texts(one, fork.id)
    two.before("session_by_number", lambda: other.delete_session(session.id))
    assert await texts(one, fork.id) == ["hello", "re: hello"]
    again = await one.fork(fork.id)
    await say(one, again.id, "more")
    last = await one.fork(again.id)
    two.before("messages", lambda: other.delete_session(again.id))
    assert await texts(one, last.id) == ["hello", "re: hello", "more", "re: more"]
    again = await one.fork(fork.id)
    two.before("messages", lambda: other.delete_session(fork.id))
    assert [message.content async for message in one.iter_history(again.id)] == ["hello", "re: hello"]
    two.before("messages", lambda: other.delete_session(again.id))
    with pytest.raises(NotFound):
        await one.get_history(again.id)


async def test_a_session_that_was_erased_while_it_was_replaced_is_no_error(two: Two) -> None:
    """Who begins another one gets it, though the one before is gone by then."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await say(one, session.id, "hello")
    two.before("versions", nothing, lambda: other.delete_session(session.id))
    assert (await one.new_session(ANN, title="next")).title == "next"
    assert len(await other.own_sessions(ANN)) == 1


# -- linked accounts and chats that move -------------------------------------------------------------


async def test_a_session_begun_while_its_account_is_linked_is_found(two: Two) -> None:
    """Whatever the other links, unlinks or moves meanwhile, a new session lies where its people look."""
    one, other, *_ = two
    async with linked_keys(one):
        mine = await one.get_or_create_session(ANN)
        two.before("commit", lambda: other.link(ANN, BOB))
        assert (await one.get_or_create_session(BOB)).id == mine.id
        two.before("commit", lambda: other.unlink(BOB))
        begun = await one.new_session(BOB, title="begun")
        assert begun.id in {session.id for session in await other.list_sessions(BOB)}
        assert (await other.current_session(BOB)) == begun
    group = person("ann", chat="-5")
    two.before("commit", lambda: other.move_chat("telegram", "bot-1", "-5", "-1005"))
    await one.set_scope(group, Scope.PER_CHANNEL)
    moved = await one.get_or_create_session(person("ann", chat="-1005"))
    assert (await other.get_or_create_session(group)).id == moved.id


async def test_a_link_that_is_taken_back_meanwhile_keeps_nobodys_sessions(two: Two) -> None:
    """What was on its way to another account's conversations goes back where it began."""
    one, other, *_ = two
    async with linked_keys(one):
        session = await one.new_session(BOB, title="mine")
        two.before("commit", lambda: other.unlink(BOB))
        await one.link(ANN, BOB)
        assert [each.id for each in await other.list_sessions(BOB)] == [session.id]
        assert await other.list_sessions(ANN) == []


async def test_accounts_that_are_linked_at_once_have_one_main_one(two: Two) -> None:
    """Two that link in all directions end with no chain, and with everybody's sessions at hand."""
    one, other, *_ = two
    async with linked_keys(one):
        for _ in range(6):
            sessions = {a: await one.get_or_create_session(a) for a in (ANN, BOB, CID)}
            for address, session in sessions.items():
                await one.update_session(session.id, title=f"of {address.user_id}")
            links = (one.link(ANN, BOB), other.link(BOB, ANN), one.link(CID, ANN), other.link(ANN, CID))
            results = await asyncio.gather(*links, return_exceptions=True)
            assert {type(each) for each in results} <= {int, InvalidValue}
            await _one_person(one, (ANN, BOB, CID))
            for address in (ANN, BOB, CID):
                if len(await other.linked_accounts(address)) > 1:
                    await other.unlink(address)
            for address, session in sessions.items():
                assert session.id in {each.id for each in await one.list_sessions(address)}


async def _one_person(sessions: SessionManager, addresses: Sequence[Address]) -> None:
    groups = {tuple(await sessions.linked_accounts(address)) for address in addresses}
    accounts = [account for group in groups for account in group]
    assert len(accounts) == len(set(accounts)) == len(addresses), groups


async def test_a_main_account_is_linked_to_nobody_else(two: Two) -> None:
    """An account that has just become somebody's main one is not linked to a third by who looked before that."""
    one, other, _, others = two
    looked, go_on = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[int]] = []

    async def wait() -> None:
        looked.set()
        await go_on.wait()

    async def look() -> None:
        others.before["put_preference"] = [nothing, wait]
        tasks.append(asyncio.ensure_future(other.link(CID, ANN)))
        await looked.wait()

    two.before("put_preference", nothing, look)
    await one.link(ANN, BOB)
    go_on.set()
    with pytest.raises(InvalidValue, match="linked to others"):
        await tasks[0]
    assert await one.linked_accounts(BOB) == [Account.of(ANN), Account.of(BOB)]
    assert await one.linked_accounts(CID) == [Account.of(CID)]


async def test_linking_is_not_undone_by_another_link(two: Two) -> None:
    """Two accounts that are linked to a third at once are both linked to it."""
    one, other, *_ = two
    two.before("put_preference", lambda: other.link(ANN, CID))
    await one.link(ANN, BOB)
    assert set(await other.linked_accounts(CID)) == {Account.of(each) for each in (ANN, BOB, CID)}
    two.before("put_preference", lambda: other.unlink(CID))
    await one.unlink(BOB)
    assert await other.linked_accounts(ANN) == [Account.of(ANN)]


# -- what is done from time to time ------------------------------------------------------------------


async def test_two_that_erase_what_is_old_do_not_disturb_each_other(two: Two, clock: ManualClock) -> None:
    """Each session is erased and counted once, with forks among them, and none of both fails."""
    one = two.first
    for _ in range(10):
        session = await one.get_or_create_session(ANN)
        await say(one, session.id, "hello")
        await one.fork(session.id)
        await one.new_session(ANN)
    clock.advance(40 * 86_400)
    kept = await one.get_or_create_session(ANN)
    counts = await asyncio.gather(*(each.cleanup(keep_checkpoints=False, archived_only=True) for each in two[:2]))
    assert sum(counts) == 20
    assert [session.id for session in await one.own_sessions(ANN)] == [kept.id]


async def test_what_is_used_again_is_not_erased_as_old(two: Two, clock: ManualClock) -> None:
    """Somebody who speaks in an old session at the last moment keeps it; the other old ones go."""
    one, other, *_ = two
    old = [await one.new_session(ANN) for _ in range(3)]
    for session in old:
        await say(one, session.id, "hello")
    await one.new_session(ANN)
    clock.advance(40 * 86_400)

    async def use() -> None:
        await other.switch_session(ANN, old[0].id)
        await say(other, old[0].id, "again")

    two.before("erase_sessions", use)
    assert await one.cleanup(keep_checkpoints=False, archived_only=True) == 2
    assert (await texts(other, old[0].id))[-1] == "re: again"


@pytest.mark.parametrize(("hook", "calls"), [("session_by_number", 1), ("versions", 0), ("commit", 0)])
async def test_a_fork_that_goes_meanwhile_keeps_nothing_from_going(two: Two, hook: str, calls: int) -> None:
    """What was to be handed over to it is erased all the same, at whatever moment it goes."""
    one, other, *_ = two
    session = await one.get_or_create_session(ANN)
    await say(one, session.id, "hello")
    fork = await one.fork(session.id)
    two.before(hook, *[nothing] * calls, lambda: other.delete_session(fork.id))
    await one.delete_session(session.id)
    assert await other.own_sessions(ANN) == []


async def test_of_a_reset_that_comes_soon_one_warns(two: Two, clock: ManualClock) -> None:
    """Two that look at the same moment give one warning together, again and again."""
    for number in range(8):
        address = person(f"user {number}")
        session = await two.first.get_or_create_session(address)
        await two.first.set_chat_resets(address, idle=timedelta(hours=2))
        await say(two.first, session.id, "hello")
    clock.advance(2 * 3600 - 300)
    found = await asyncio.gather(*(each.sweep_warnings() for each in two[:2]))
    found += [await each.sweep_warnings() for each in two[:2]]
    assert len({warning.session.id for warnings in found for warning in warnings}) == 8
    assert sum(map(len, found)) == 8


async def test_new_rules_are_followed_by_all_at_once(database: str, clock: ManualClock) -> None:
    """Two programs that start with other reset rules work out all times anew, and neither fails."""
    async with writers(database, 1, clock) as (one,):
        addresses = [person(f"user {number}") for number in range(10)]
        for address in addresses:
            await say(one, (await one.get_or_create_session(address)).id, "hello")
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(
                SessionManager.open(
                    store=PostgresStore(database, many=True), encryption_key=KEY, clock=clock, idle_reset_minutes=60
                )
            )
            for _ in range(2)
        ]
        assert await asyncio.gather(*(each.sweep() for each in both)) == [[], []]
        for address in addresses:
            assert (await both[0].get_or_create_session(address)).next_reset_at is not None
        assert await both[1].verify() == []
