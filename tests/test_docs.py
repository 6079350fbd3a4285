"""The pages under docs are those that are made today, and what they promise is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli_page import page as shell_page
from tests.coverage.page import Row, is_there, rows
from tests.coverage.page import page as coverage_page

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(("name", "page"), [("shell.md", shell_page), ("coverage.md", coverage_page)])
def test_a_page_is_up_to_date(name: str, page: object) -> None:
    """`make docs` writes it anew."""
    assert callable(page)
    assert (DOCS / name).read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.line)
def test_every_line_is_done_here_and_shown_by_a_test(row: Row) -> None:
    """Or it says why it is left out."""
    assert bool(row.left) is not bool(row.here)
    assert bool(row.tests) is bool(row.here)
    assert [test for test in row.tests if not is_there(test)] == []
