"""Forgetting: having nothing kept of a person any more, conversations and what the bot itself has noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from bot.former_codes import NOTE as FORMER_CODES
from bot.operators import NOTE as OPERATORS
from bot.pairing import NOTE as PAIRING
from bot.pending_answers import take_back
from bot.person_notes import approval_note, is_code_for, spending_note, without_person
from sessions.account import Account
from sessions.address import Address
from sessions.erasure import Receipt
from sessions.manager import SessionManager
from sessions.message import JsonValue

LISTS = (PAIRING, FORMER_CODES, OPERATORS)


async def forget_person(sessions: SessionManager, addresses: Sequence[Address], *, approval: bool) -> Receipt:
    """Erase everything of a person and of the accounts linked to them; with `approval` also that they were let in."""
    first, *others = addresses
    accounts = [account for address in addresses for account in await sessions.linked_accounts(address)]
    notes: list[str] = []
    changed = 0
    for account in dict.fromkeys(accounts):
        person = f"{account.platform}:{account.user_id}"
        notes += [spending_note(person), *([approval_note(person)] if approval else [])]
        if approval:
            changed += await _leave_lists(sessions, account)
    await take_back(sessions, accounts)
    receipt = await sessions.erase_person(
        first,
        *others,
        notes=tuple(dict.fromkeys(notes)),
        noted=lambda said: any(is_code_for(said, one.platform, one.user_id) for one in accounts),
    )
    return replace(receipt, notes=receipt.notes + changed)


async def is_noted(sessions: SessionManager, account: Account) -> bool:
    """Tell whether the bot itself has noted something of somebody."""
    person = f"{account.platform}:{account.user_id}"
    if await sessions.note(approval_note(person)) or await sessions.note(spending_note(person)):
        return True
    lists = [await sessions.note(name) for name in LISTS]
    return any(len(_without(account, said)) < len(said) for said in lists)


async def _leave_lists(sessions: SessionManager, account: Account) -> int:
    """Take somebody out of the notes that list people: who waits, who waited, which operator is where."""
    changed = 0
    for name in LISTS:
        if len(_without(account, said := await sessions.note(name))) < len(said):
            await sessions.change_note(name, partial(_without, account))
            changed += 1
    return changed


def _without(account: Account, said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    return without_person(said, account.platform, account.user_id)
