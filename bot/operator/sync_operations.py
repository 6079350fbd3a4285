"""Sync operations: what the command line has the process do that holds the store, of moving conversations.

The place is named in the request; the key that opens what lies there never leaves the store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from bot.arguments import Request, flag_of, optional_text_of, text_of, texts_of
from bot.console_address import console_address
from bot.control import Answer
from bot.operations import Operation
from sessions.exchange.address_book import Contact
from sessions.exchange.place import Place
from sessions.exchange.places import place_at
from sessions.manager import SessionManager
from sessions.message import JsonValue

IDENTITY, ADD, REMOVE = "sync identity", "sync add contact", "sync remove contact"
TEAM, UNTEAM = "sync set team", "sync remove team"
PUSH, PULL = "sync push", "sync pull"
SHARE, UNSHARE, CLONE, SEE = "share session", "unshare session", "clone session", "see shared sessions"
MOST_TOLD, MOST_NAMED = 20, 50  # troubles and sessions that an answer names


async def _identity(sessions: SessionManager, request: Request) -> Answer:
    public = await sessions.exchange.identity()
    return {"line": public.line, "fingerprint": public.fingerprint}


async def _add(sessions: SessionManager, request: Request) -> Answer:
    exchange = sessions.exchange
    name, line, mine = text_of(request, "contact"), text_of(request, "line"), flag_of(request, "mine", default=False)
    return described(await exchange.contacts.add(name, line, mine=mine, own=await exchange.identity()))


async def _remove(sessions: SessionManager, request: Request) -> Answer:
    contact, left = await sessions.exchange.remove_contact(text_of(request, "contact"))
    return {**described(contact), "shared": len(left), "ids": [*left[:MOST_NAMED]]}


async def _team(sessions: SessionManager, request: Request) -> Answer:
    team = await sessions.exchange.contacts.set_team(text_of(request, "team"), texts_of(request, "members"))
    return {"name": team.name, "members": list(team.members)}


async def _unteam(sessions: SessionManager, request: Request) -> Answer:
    team = await sessions.exchange.contacts.remove_team(text_of(request, "team"))
    return {"name": team.name, "members": list(team.members)}


async def _push(sessions: SessionManager, request: Request) -> Answer:
    async with _place(request) as place:
        done = await sessions.exchange.push(place, **_how(request))
    return {
        "sessions": done.sessions,
        "erased": done.erased,
        "bundles": done.bundles,
        "ids": [*done.ids[:MOST_NAMED]],
        "troubles": _some(done.troubles),
    }


async def _pull(sessions: SessionManager, request: Request) -> Answer:
    async with _place(request) as place:
        done = await sessions.exchange.pull(place, **_how(request))
    return {
        "added": done.added,
        "continued": done.continued,
        "branched": done.branched,
        "erased": done.erased,
        "kept": done.kept,
        "messages": done.messages,
        "waiting": done.waiting,
        "ids": [*done.ids[:MOST_NAMED]],
        "troubles": _some(done.troubles),
    }


async def _share(sessions: SessionManager, request: Request) -> Answer:
    found = await sessions.catalogue.find(text_of(request, "session"))
    names, team = texts_of(request, "names"), optional_text_of(request, "team")
    async with _place(request) as place:
        done = await sessions.exchange.share(place, found.session.id, names, team)
    to: list[JsonValue] = [[one.name, one.id] for one in done]
    return {"session": found.session.id, "messages": done[0].messages if done else 0, "to": to}


async def _unshare(sessions: SessionManager, request: Request) -> Answer:
    which, names, team = text_of(request, "session"), texts_of(request, "names"), optional_text_of(request, "team")
    async with _place(request) as place:
        session, done = await sessions.exchange.unshare(place, which, names, team)
    return {"session": session, "from": [*done]}


async def _see(sessions: SessionManager, request: Request) -> Answer:
    async with _place(request) as place:
        found, _ = await sessions.exchange.shared(place)
    return {"count": len(found)}


async def _clone(sessions: SessionManager, request: Request) -> Answer:
    address = console_address(text_of(request, "user"))
    async with _place(request) as place:
        session, name = await sessions.exchange.clone(
            place, text_of(request, "shared"), optional_text_of(request, "sender"), address
        )
    return {"session": session.id, "title": session.title, "messages": session.message_count, "by": name}


def described(contact: Contact) -> dict[str, JsonValue]:
    """Give what is shown of a contact."""
    return {
        "name": contact.name,
        "mine": contact.mine,
        "fingerprint": contact.public.fingerprint,
        "line": contact.public.line,
    }


SYNC_OPERATIONS: Mapping[str, Operation] = {
    IDENTITY: _identity,
    ADD: _add,
    REMOVE: _remove,
    TEAM: _team,
    UNTEAM: _unteam,
    PUSH: _push,
    PULL: _pull,
    SHARE: _share,
    UNSHARE: _unshare,
    SEE: _see,
    CLONE: _clone,
}


@asynccontextmanager
async def _place(request: Request) -> AsyncIterator[Place]:
    """Open the place that a request names."""
    place = place_at(text_of(request, "place"))
    try:
        yield place
    finally:
        await place.close()


def _how(request: Request) -> dict[str, bool]:
    return {name: flag_of(request, name, default=False) for name in ("force", "dry_run")}


def _some(troubles: list[str]) -> list[JsonValue]:
    """Give the first of them, each cut to what an answer has room for, and say how many more there are."""
    told: list[JsonValue] = [trouble[:400] for trouble in troubles[:MOST_TOLD]]
    more = len(troubles) - MOST_TOLD
    return [*told, f"and {more:,} more"] if more > 0 else told
