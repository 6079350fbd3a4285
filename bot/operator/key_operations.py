"""Key operations: what the command line may have the process do that holds the store.

A key never goes through the control socket, only the name of the file that holds it: both sides run as one user.
"""

from __future__ import annotations

import re
from pathlib import Path

from bot.arguments import Request, count_of, flag_of, text_of
from bot.control import Answer
from bot.operations import Operation
from bot.startup import passphrase_in
from sessions.errors import InvalidValue
from sessions.keys import KeyFile, KeyProvider
from sessions.manager import SessionManager

HERE, ADD, ADOPT, RETIRE = "keys.here", "keys.add", "keys.adopt", "keys.retire"
BEGIN, STEP, END = "keys.begin", "keys.step", "keys.end"
FILE, PASSPHRASE = "file", "passphrase"
_KID = re.compile(r"([0-9a-f]{2})+")
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
    kid = text_of(request, "key")
    if _KID.fullmatch(kid) is None:
        raise InvalidValue("'key' has to be the id of a key, in hexadecimal; palaver keys status lists them")
    begun = await sessions.rotation.begin(kid, deep=flag_of(request, "deep", default=False))
    keys = await sessions.keyring.standing()
    waiting = sum(key.sessions for key in keys if begun.deep or key.kid != begun.to)
    if begun.deep and begun.before:  # numbers of sessions are dense enough to tell the part that was done before
        waiting -= waiting * begun.after // begun.before
    return {"key": begun.to, "deep": begun.deep, "waiting": waiting}


async def _step(sessions: SessionManager, request: Request) -> Answer:
    step = await sessions.rotation.step(count_of(request, "after"))
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
    source, path = text_of(request, "source"), text_of(request, "path")
    if source not in (FILE, PASSPHRASE):
        raise InvalidValue(f"'source' has to be {FILE} or {PASSPHRASE}")
    if not path or "\0" in path:
        raise InvalidValue("'path' has to be the name of a file")
    return passphrase_in(Path(path)) if source == PASSPHRASE else KeyFile(Path(path))
