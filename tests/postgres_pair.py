"""Two real PostgreSQL servers on this machine: a primary, and a standby that must confirm what the primary commits."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from tests.postgres_server import PostgresServer, Program, database_of, programs

PASSWORD = "of-the-pair"
STANDBY = "standby"  # the name that whoever follows goes by
_WAITING_SECONDS = 30
_SETTINGS = (
    "fsync=off",  # the machine stays up; only programs are killed
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=60",
    "autovacuum=off",
    "wal_retrieve_retry_interval=100ms",
    "wal_receiver_status_interval=1s",  # after which commits that waited for a standby that comes back are let go
    "dynamic_shared_memory_type=mmap",
)
_IPC_RMID = 0
_MADE = "SELECT datname FROM pg_database WHERE datname LIKE 'palaver_test_%'"
_FOLLOWED = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"


class Node(Program):
    """One of the two."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, _SETTINGS)
        self.server = PostgresServer(self.address_through(folder, "postgres"), self)

    @property
    def is_running(self) -> bool:
        """Tell whether it was started and not ended since."""
        return self._keeper is not None

    def set(self, name: str, value: str) -> None:
        """Change a setting, for later starts too."""
        self.server.execute(f"ALTER SYSTEM SET {name} = '{value}'", "SELECT pg_reload_conf()")

    def kill(self) -> None:
        """Kill every process of it at once, as if its machine had lost power."""
        lines = (self._data / "postmaster.pid").read_text().splitlines()
        family = [int(lines[0]), *_children(int(lines[0]))]
        for process in family:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._dismiss()
        _wait(lambda: not any(map(_is_alive, family)))
        ctypes.CDLL(None).shmctl(int(lines[6].split()[1]), _IPC_RMID, None)
        # These say that it runs and is ready; its number may still be taken for a moment.
        for left in (self._data / "postmaster.pid", Path(f"{self.socket}.lock")):
            left.unlink()

    def end(self) -> None:
        """End it in order: what it has committed reaches the standby first."""
        os.kill(int((self._data / "postmaster.pid").read_text().split()[0]), signal.SIGINT)
        _wait(lambda: not (self._data / "postmaster.pid").exists())
        self._dismiss()

    def _dismiss(self) -> None:
        """Let go of the keeper of a program that is gone."""
        keeper, self._keeper = self._keeper, None
        assert keeper is not None
        with keeper:
            keeper.kill()

    def stop_following(self) -> None:
        """As a standby, hear nothing more of the primary."""
        self.set("primary_conninfo", "")
        alone = "SELECT count(*) FROM pg_stat_wal_receiver"
        _wait(lambda: self.server.fetch(alone, address=self.server.address) == [(0,)])

    def copy_of(self, primary: Node) -> None:
        """Begin anew as the standby of another, with a copy of all it has."""
        shutil.rmtree(self._data, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        source = f"host=127.0.0.1 port={primary.port} user=postgres password={PASSWORD} application_name={STANDBY}"
        options = ["-R", "-N", "-c", "fast", "-X", "fetch"]
        command = [f"{programs() / 'pg_basebackup'}", "-d", source, "-D", f"{self._data}", *options]
        done = subprocess.run(command, user=self._user, capture_output=True, check=False, cwd=self._folder)
        assert done.returncode == 0, done.stderr.decode()
        with (self._data / "postgresql.auto.conf").open("a") as settings:
            settings.write("synchronous_standby_names = ''\n")  # when it takes over there is nobody to wait for


class Pair:
    """A primary and its standby; after a takeover the names are exchanged."""

    def __init__(self, folder: Path) -> None:
        self.primary, self.standby = Node(folder / "a"), Node(folder / "b")
        self._nodes = (self.primary, self.standby)
        self._names = count(1)

    def make(self) -> None:
        """Make both, the second one as a standby of the first one, and have it confirm every commit."""
        self.primary._folder.mkdir()
        self.primary.make()
        self.primary.start()
        self.primary.server.execute(f"ALTER ROLE postgres PASSWORD '{PASSWORD}'")
        self.rejoin()

    def address(self, database: str) -> str:
        """Give the address of a database on whichever of them takes writes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self._nodes)
        return f"postgresql://postgres:{PASSWORD}@{hosts}/{database}?target_session_attrs=read-write"

    def on_primary(self, address: str) -> str:
        """Give the address of the same database on the primary alone."""
        return self._alone(self.primary, address)

    def on_standby(self, address: str) -> str:
        """Give the address of the same database on the other one alone."""
        return self._alone(self.standby, address)

    def _alone(self, node: Node, address: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{node.port}/{database_of(address)}"

    def make_database(self) -> str:
        """Make a database on the primary and give its address."""
        name = f"palaver_test_{next(self._names)}"
        self.primary.server.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def take_over(self) -> None:
        """Let the standby take writes, whatever the primary is doing."""
        self.standby.server.execute("SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """Make the one that is not the primary a standby of the other, and wait for it from now on."""
        if self.standby.is_running:
            self.standby.kill()
        self.standby.copy_of(self.primary)
        self.standby.start()
        self.primary.set("synchronous_standby_names", STANDBY)
        self.wait_until_followed()

    def wait_until_followed(self) -> None:
        """Wait for the standby to be there."""
        _wait(self._is_followed)

    def _is_followed(self) -> bool:
        return self.primary.server.fetch(_FOLLOWED, address=self.primary.server.address) == [(STANDBY,)]

    def mend(self) -> None:
        """Have both run as they should, whatever was done to them, and without the databases that were made."""
        if not self.primary.is_running:
            self.primary.start()
        whole = self.standby.is_running and self._is_followed()
        if not whole:
            self.primary.set("synchronous_standby_names", "")
        made = self.primary.server.fetch(_MADE, address=self.primary.server.address)
        self.primary.server.execute(*(f"DROP DATABASE {name} WITH (FORCE)" for (name,) in made))
        if not whole:
            self.rejoin()

    def close(self) -> None:
        """End both."""
        for node in self._nodes:
            node.stop()


@contextmanager
def postgres_pair() -> Iterator[Pair]:
    """Give two servers that are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="palaver-pair-"))
    folder.chmod(0o755)  # the servers run as somebody else
    pair = Pair(folder)
    try:
        pair.make()
        yield pair
    finally:
        pair.close()
        shutil.rmtree(folder, ignore_errors=True)


def _state(process: int) -> tuple[str, int]:
    """Give the state of a process and the number of its parent."""
    try:
        state, parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "gone", 0
    return state, int(parent)


def _is_alive(process: int) -> bool:
    return _state(process)[0] not in ("gone", "Z", "X")


def _children(parent: int) -> list[int]:
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [number for number in numbers if _state(number)[1] == parent]


def _wait(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _WAITING_SECONDS
    while not holds():
        assert time.monotonic() < end, "the servers do not do what they were told"
        time.sleep(0.01)
