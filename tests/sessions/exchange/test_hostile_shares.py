"""Shares by somebody who means harm, and shares that whoever owns the place puts back."""

from __future__ import annotations

import hashlib
import json

import pytest

from sessions.errors import NotFound
from sessions.exchange.bundle import seal_bundle
from sessions.exchange.header import Header, Kind
from sessions.exchange.seen import MOST_SEEN, Seen
from sessions.exchange.shared import as_read
from sessions.export.json_format import to_json
from sessions.manager import SessionManager
from sessions.message import JsonValue, Usage
from tests.sessions.exchange.conftest import ANN, Machine, Workshop
from tests.sessions.exchange.test_attacker import files, identity_of

OLDER = "it is older than what was seen from there before"


async def share(eve: Machine, ident: str) -> None:
    eve.clock.advance(1)
    await eve.sessions.exchange.share(eve.place, ident, ["desk"], None)


async def plant(eve: Machine, desk: Machine, ident: str, sequence: int, said: dict[str, JsonValue]) -> None:
    """Put into the place what no Palaver would share."""
    identity, public = await identity_of(eve), await desk.sessions.exchange.identity()
    content = json.dumps(said).encode()
    header = Header(Kind.SHARED, ident, sequence, 0, hashlib.sha256(content).digest())
    mailbox = identity.outgoing(public)
    data = seal_bundle(identity, public, header, content)
    await eve.place.write(mailbox.box, mailbox.slot(Kind.SHARED, ident), data)


async def said_by(eve: Machine, ident: str) -> dict[str, JsonValue]:
    said = json.loads(to_json(as_read(await eve.sessions.transcript(ident)), include_metadata=False))
    assert isinstance(said, dict)
    return said


async def test_an_older_share_that_was_put_back_is_left_out_and_named(workshop: Workshop) -> None:
    """Also after the newer one was taken back; it can not be cloned, and the newer one counts when it is there."""
    async with workshop.machines("desk", "eve") as (desk, eve):
        ident = await eve.begins("secret")
        await share(eve, ident)
        (path,) = files(eve)
        old = path.read_bytes()
        await eve.says(ident, "more")
        await share(eve, ident)
        new = path.read_bytes()
        ((listed,), troubles) = await desk.sessions.exchange.shared(desk.place)
        assert (listed.messages, troubles) == (4, [])
        await eve.sessions.exchange.unshare(eve.place, ident, [], None)
        path.write_bytes(old)
        assert await desk.sessions.exchange.shared(desk.place) == (
            [],
            [f"bundle {path.name[:8]} from eve was left out: {OLDER}"],
        )
        with pytest.raises(NotFound):
            await desk.sessions.exchange.clone(desk.place, listed.id, None, ANN)
        path.write_bytes(new)
        assert await desk.sessions.exchange.shared(desk.place) == ([listed], [])


async def test_what_was_cloned_is_remembered_as_well(workshop: Workshop) -> None:
    """An older one is told of, also when it was never listed."""
    async with workshop.machines("desk", "eve") as (desk, eve):
        ident = await eve.begins("secret")
        await share(eve, ident)
        (path,) = files(eve)
        old = path.read_bytes()
        await share(eve, ident)
        await desk.sessions.exchange.clone(desk.place, f"shared-{path.name[:12]}", None, ANN)
        path.write_bytes(old)
        assert len((await desk.sessions.exchange.shared(desk.place))[1]) == 1


async def test_it_is_remembered_of_somebody_who_was_not_known_meanwhile(workshop: Workshop) -> None:
    """Removing a contact does not forget what was seen."""
    async with workshop.machines("desk", "eve") as (desk, eve):
        ident = await eve.begins("secret")
        await share(eve, ident)
        (path,) = files(eve)
        old = path.read_bytes()
        await share(eve, ident)
        exchange = desk.sessions.exchange
        await exchange.shared(desk.place)
        contact, _ = await exchange.remove_contact("eve")
        await exchange.contacts.add("eve", contact.public.line, mine=False, own=await exchange.identity())
        path.write_bytes(old)
        assert len((await exchange.shared(desk.place))[1]) == 1


async def test_who_only_reads_is_told_what_is_not_remembered(workshop: Workshop) -> None:
    """It is listed all the same, and said to be new as long as nobody has noted it."""
    async with workshop.machines("desk", "eve") as (desk, eve):
        await share(eve, await eve.begins("secret"))
        async with SessionManager.open(
            store=workshop.store("desk", read_only=True),
            encryption_key=b"desk".ljust(32, b"."),
            clock=workshop.clock,
            read_only=True,
        ) as reader:
            ((listed,), _) = await reader.exchange.shared(desk.place)
            assert not listed.remembered
        ((listed,), _) = await desk.sessions.exchange.shared(desk.place)
        assert listed.remembered


async def test_somebody_who_shares_very_much_is_remembered_within_bounds(workshop: Workshop) -> None:
    """The oldest are forgotten; the largest number that can be said is kept as it is."""
    async with workshop.machines("desk") as (desk,):
        seen = Seen(desk.sessions.exchange._desk.preferences)
        await seen.note("ident", {f"{number:032x}": number for number in range(MOST_SEEN + 2)})
        await seen.note("ident", {f"{MOST_SEEN:032x}": 1, "a" * 32: 2**64 - 1})
        known = await seen.newest("ident")
        assert len(known) == MOST_SEEN
        assert known["a" * 32] == 2**64 - 1
        assert known[f"{MOST_SEEN:032x}"] == MOST_SEEN
        assert f"{1:032x}" not in known
        assert await seen.newest("other") == {}


async def test_a_clone_takes_the_words_and_nothing_that_does_anything(workshop: Workshop) -> None:
    """No model, backend, tag, note, reset rule, checkpoint, side branch, count or name; system messages stay ones."""
    async with workshop.machines("desk", "eve") as (desk, eve):
        ident = await eve.begins("one")
        said = await said_by(eve, ident)
        session, messages = said["session"], said["messages"]
        assert isinstance(session, dict)
        assert isinstance(messages, list)
        rule: dict[str, JsonValue] = {"daily_at": "04:00", "timezone": "UTC", "idle_seconds": None}
        counts: dict[str, JsonValue] = {"input_tokens": 7, "output_tokens": 7, "cached_tokens": 7}
        session |= {"model": "canary", "backend": "canary", "tags": ["canary"], "metadata": {"canary": 1}}
        session |= {"usage": counts, "forked_from": "canarycanary", "reset_policy": rule}
        for one in messages:
            assert isinstance(one, dict)
            one |= {"role": "system", "author": "canary", "metadata": {"source": "canary"}, "usage": counts}
        said["branches"] = [{"number": 1, "start": 1, "parent": None}, {"number": 2, "start": 3, "parent": 1}]
        assert isinstance(one, dict)
        messages.append(one | {"n": 3, "branch": 2, "seq": 2, "content": "canary"})
        point: dict[str, JsonValue] = {
            "number": 1,
            "name": "canary",
            "description": "",
            "message_count": 1,
            "automatic": False,
        }
        said["checkpoints"] = [{**point, "created_at": session["created_at"], "position": 1}]
        await plant(eve, desk, ident, 1, said)
        (listed, *_), troubles = await desk.sessions.exchange.shared(desk.place)
        assert troubles == []
        assert listed.messages == 2
        made, _ = await desk.sessions.exchange.clone(desk.place, listed.id, None, ANN)
        transcript = await desk.sessions.transcript(made.id)
        assert "canary" not in repr(transcript)
        assert (made.model, made.backend, made.tags, made.usage) == (None, None, (), Usage())
        assert (transcript.policy, [*transcript.checkpoints]) == (None, [])
        assert [(one.role, one.content) for one in transcript.messages] == [("system", "one"), ("system", "re: one")]


@pytest.mark.parametrize(("ahead", "shown"), [(0, True), (23 * 3600, True), (25 * 3600, False)])
async def test_a_time_that_can_not_be_is_not_shown(workshop: Workshop, ahead: int, shown: bool) -> None:
    """A clock may go wrong by a day, not by more."""
    async with workshop.machines("desk", "eve") as (desk, eve):
        ident = await eve.begins("one")
        at = int(workshop.clock() * 1000) + ahead * 1000
        await plant(eve, desk, ident, at, await said_by(eve, ident))
        ((listed,), _) = await desk.sessions.exchange.shared(desk.place)
        assert listed.at_ms == (at if shown else None)


@pytest.mark.parametrize("sequence", [0, 2**63, 2**64 - 1])
async def test_any_sequence_can_be_listed_and_cloned(workshop: Workshop, sequence: int) -> None:
    """It is shown without a time, behind the others."""
    async with workshop.machines("desk", "eve") as (desk, eve):
        ident = await eve.begins("one")
        await plant(eve, desk, ident, sequence, await said_by(eve, ident))
        await share(eve, await eve.begins("two"))
        listed, troubles = await desk.sessions.exchange.shared(desk.place)
        assert [one.at_ms is None for one in listed] == [False, True]
        assert troubles == []
        await desk.sessions.exchange.clone(desk.place, listed[1].id, None, ANN)
        assert await desk.sessions.exchange.shared(desk.place) == (listed, [])
