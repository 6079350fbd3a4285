"""Where: the database that a test of the bot uses: a file in its home folder, or one of its own on a server.

`PALAVER_TEST_STORE=postgres` chooses the latter; `make test-postgres` does.
"""

from __future__ import annotations

import os

ON_A_SERVER = os.environ.get("PALAVER_TEST_STORE") == "postgres"
_settings: dict[str, str] = {}


def use(address: str | None) -> None:
    """Have what is started from now on keep its conversations there; None for a file."""
    _settings.clear()
    if address is not None:
        _settings["PALAVER_STORE__URL"] = address


def environ() -> dict[str, str]:
    """Give the settings that say so."""
    return dict(_settings)
