"""Where: the database that a test of the bot uses: a file in its home folder, or one of its own on a server.

`PALAVER_TEST_STORE=postgres` chooses the latter, and `PALAVER_TEST_STORE=workers` one that programs share;
`make test-postgres` and `make test-workers` do.
"""

from __future__ import annotations

import base64
import os

SHARED = os.environ.get("PALAVER_TEST_STORE") == "workers"
ON_A_SERVER = SHARED or os.environ.get("PALAVER_TEST_STORE") == "postgres"
# These look into the file, fill or damage it by hand, or expect what only a file has.
LOOK_INTO_FILES = (
    "test_bad_days",
    "test_canaries",
    "test_cli",
    "test_cli_pair",
    "test_full_disk",
    "test_on_postgres",
    "test_operations_server",
    "operator/test_audit",
    "operator/test_backup",
    "operator/test_changes",
    "operator/test_copying",
    "operator/test_creation",
    "operator/test_crew",
    "operator/test_damage",
    "operator/test_deletion",
    "operator/test_doctor",
    "operator/test_import_crew",
    "operator/test_import_ends",
    "operator/test_importing",
    "operator/test_keys",
    "operator/test_own_files",
    "operator/test_people",
    "operator/test_references",
    "operator/test_resuming",
    "operator/test_sharing",
    "operator/test_statistics",
    "operator/test_syncing",
    "operator/test_vacuum",
    "operator/test_verifying",
)
_settings: dict[str, str] = {}


def use(address: str | None) -> None:
    """Have what is started from now on keep its conversations there; None for a file."""
    _settings.clear()
    if address is not None:
        _settings["PALAVER_STORE__URL"] = address
        _settings["PALAVER_STORE__WORKERS"] = "many" if SHARED else "one"


def environ() -> dict[str, str]:
    """Give the settings that say so."""
    return dict(_settings)


def key() -> dict[str, str]:
    """Give the setting of the master key that `palaver run` needs where programs share: of several none makes one."""
    return {"PALAVER_KEY": base64.b64encode(bytes(range(32))).decode()} if SHARED else {}
