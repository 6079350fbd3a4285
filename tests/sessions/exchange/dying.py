"""A program that pushes or pulls and is killed at a certain step, again and again.

It reads lines `<home> <place> push|pull <step>` and forks a child for each, so that a kill does not cost a start of
Python. The child kills itself with SIGKILL at that step: before or after a unit of work of the store, or a rename in
the place. The program prints how the child ended.
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


async def work(home: Path, place: Path, verb: str, death: Death) -> None:
    store = SqliteStore(home / "palaver.db")
    async with SessionManager.open(store=store, encryption_key=KEY, clock=time.time) as sessions:
        for name in WRITES:
            setattr(store, name, death.around(getattr(store, name)))
        exchange = sessions.exchange
        await (exchange.push if verb == "push" else exchange.pull)(FolderPlace(place))


def child(home: Path, place: Path, verb: str, step: int) -> None:
    death = Death(step)
    sys.addaudithook(lambda event, _: death.tick() if event == "os.rename" else None)
    asyncio.run(work(home, place, verb, death))


def main() -> None:
    for line in sys.stdin:
        home, place, verb, step = line.split()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child(Path(home), Path(place), verb, int(step))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
