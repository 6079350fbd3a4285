"""A program that pushes or pulls and is killed at a certain step, again and again.

It reads lines `<home> <place> push|pull <step>` and forks a child for each, so that a kill does not cost a start of
Python. The child kills itself with SIGKILL at that step: before or after a unit of work of the store, or a rename in
the place. A step with a point in it is seconds, after which it is ended wherever it is. The program prints how the
child ended. A home or a place may be the address of a database that several workers share.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sessions.exchange.folder import FolderPlace
from sessions.manager import SessionManager
from sessions.postgres.exchange_place import DatabasePlace
from sessions.postgres.store import PostgresStore
from sessions.sqlite.store import SqliteStore

KEY = b"k" * 32
WRITES = ("append", "commit", "stage", "land", "put_preference", "post", "put_keyring", "erase_sessions")


class Death:
    """Comes at a step."""

    def __init__(self, step: int) -> None:
        self._left = step

    def tick(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, write: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def watched(*args: object, **kwargs: object) -> object:
            self.tick()
            done = await write(*args, **kwargs)
            self.tick()
            return done

        return watched


async def work(home: str, place: str, verb: str, death: Death) -> None:
    store = PostgresStore(home, many=True, size=4) if _is_address(home) else SqliteStore(Path(home) / "palaver.db")
    there = DatabasePlace(place) if _is_address(place) else FolderPlace(Path(place))
    async with SessionManager.open(store=store, encryption_key=KEY, clock=time.time) as sessions:
        for name in WRITES:
            setattr(store, name, death.around(getattr(store, name)))
        exchange = sessions.exchange
        await (exchange.push if verb == "push" else exchange.pull)(there)
        await there.close()


def _is_address(name: str) -> bool:
    return name.startswith("postgresql:")


def child(home: str, place: str, verb: str, step: str) -> None:
    if "." in step:
        signal.setitimer(signal.ITIMER_REAL, float(step))  # nobody handles it, so it ends the process at once
    death = Death(0 if "." in step else int(step))
    sys.addaudithook(lambda event, _: death.tick() if event == "os.rename" else None)
    asyncio.run(work(home, place, verb, death))


def main() -> None:
    for line in sys.stdin:
        home, place, verb, step = line.split()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child(home, place, verb, step)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
