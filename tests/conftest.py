"""What every test relies on: nobody's own settings, no network but this machine, a clock moved by hand, a server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres_server import PostgresServer, postgres_server

# A busy machine makes no property false.
settings.register_profile("palaver", deadline=None, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=1_000)  # of make soak
settings.load_profile("palaver")

# A developer's own key or home must not reach the tests, nor the programs that they start.
for _name in [name for name in os.environ if name.startswith("PALAVER_")]:
    if not _name.startswith("PALAVER_TEST_"):  # these are for the tests themselves
        del os.environ[_name]

_NEAR = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104 - told apart, not bound


def _stay_on_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    """Fail whatever would reach another machine; a hook like this can not be taken out by the code under test."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host: object = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    if isinstance(name, str) and name and not name.startswith(_NEAR):
        raise AssertionError(f"a test must not reach out to {name}")


sys.addaudithook(_stay_on_this_machine)


def pytest_xdist_auto_num_workers() -> int:
    """Run half as many tests again side by side as there are processors: most wait for programs, sockets and disks."""
    processors = os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))
    return (processors or 1) * 3 // 2 or 1


class ManualClock:
    """Seconds since the epoch that pass only when told to."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:  # 2026-01-01 00:00 UTC
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests of this process."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty database of the test's own."""
    address = postgres.lend_database()
    yield address
    postgres.take_back(address)
