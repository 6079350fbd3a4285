"""A shell with an empty home, and a database for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot import where
from tests.bot.log_state import log_state_kept
from tests.bot.shell import Shell


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Have a test that runs a whole program in this process leave no other test without its log."""
    with log_state_kept():
        yield


collect_ignore = [f"{name}.py" for name in where.LOOK_INTO_FILES] if where.ON_A_SERVER else []


@pytest.fixture(autouse=True)
def _somewhere(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give each test a database of its own, if they are to use a server."""
    if where.ON_A_SERVER:
        where.use(request.getfixturevalue("database"))
    yield
    where.use(None)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")
