"""The table of operations: everything the command line may have the running bot do."""

from __future__ import annotations

from bot.operations import Operations
from bot.operator.changes import SESSION_OPERATIONS
from bot.operator.importing import IMPORT_OPERATIONS
from bot.operator.key_operations import KEY_OPERATIONS
from bot.operator.person_erasure import PEOPLE_OPERATIONS
from bot.operator.sync_operations import SYNC_OPERATIONS
from bot.operator.vacuum import DB_OPERATIONS

OPERATIONS = Operations(
    {
        **DB_OPERATIONS,
        **IMPORT_OPERATIONS,
        **KEY_OPERATIONS,
        **PEOPLE_OPERATIONS,
        **SESSION_OPERATIONS,
        **SYNC_OPERATIONS,
    }
)
