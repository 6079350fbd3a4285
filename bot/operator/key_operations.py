"""Key operations: what the command line may have the process do that holds the store.

A key never goes through the control socket, only the name of the file that holds it: both sides run as one user.
"""

from __future__ import annotations

from pathlib import Path

from bot.control import Answer
from bot.operations import Operation, Request, text_of
from bot.startup import passphrase_in
from sessions.errors import InvalidValue
from sessions.keys import KeyFile, KeyProvider
from sessions.manager import SessionManager

HERE, ADD, ADOPT, RETIRE = "keys.here", "keys.add", "keys.adopt", "keys.retire"
BEGIN, STEP, END = "keys.begin", "keys.step", "keys.end"
FILE, PASSPHRASE = "file", "passphrase"
MOST_NAMED = 100  # sessions that one answer names


async def _here(sessions: SessionManager, request: Request) -> Answer:
    return {"key": sessions.kid}


async def _add(sessions: SessionManager, request: Request) -> Answer:
    return {"key": await sessions.keyring.add(_provider(request))}


async def _adopt(sessions: SessionManager, request: Request) -> Answer:
    return {"key": await sessions.keyring.adopt(_provider(request))}


async def _retire(sessions: SessionManager, request: Request) -> Answer:
    kid = await sessions.keyring.find(text_of(request, "key"))
    await sessions.keyring.retire(kid)
    return {"key": kid}


async def _begin(sessions: SessionManager, request: Request) -> Answer:
    begun = await sessions.rotation.begin(text_of(request, "key"), deep=request.get("deep") is True)
    keys = await sessions.keyring.standing()
    waiting = [key for key in keys if begun.deep or key.kid != begun.to]
    return {"key": begun.to, "deep": begun.deep, "waiting": sum(key.sessions for key in waiting)}


async def _step(sessions: SessionManager, request: Request) -> Answer:
    after = request.get("after")
    if not isinstance(after, int):
        raise InvalidValue("the request needs a number after which to go on")
    step = await sessions.rotation.step(after)
    return {
        "after": step.after,
        "moved": step.moved,
        "done": step.done,
        "failed": len(step.failed),
        "named": list(step.failed[:MOST_NAMED]),
    }


async def _end(sessions: SessionManager, request: Request) -> Answer:
    return {"left": await sessions.rotation.end()}


KEY_OPERATIONS: dict[str, Operation] = {
    HERE: _here,
    ADD: _add,
    ADOPT: _adopt,
    RETIRE: _retire,
    BEGIN: _begin,
    STEP: _step,
    END: _end,
}


def _provider(request: Request) -> KeyProvider:
    source, path = text_of(request, "source"), Path(text_of(request, "path"))
    return passphrase_in(path) if source == PASSPHRASE else KeyFile(path)
