"""PersonArchive: everything that is stored of a person, as one JSON document, for them or for whoever runs the bot."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from bot.person_notes import approval_note, spending_note
from sessions.account import Account
from sessions.address import Address
from sessions.errors import VaultError
from sessions.manager import SessionManager
from sessions.message import JsonValue
from sessions.session import Session


async def person_archive(
    sessions: SessionManager, owned: Sequence[Session], addresses: Sequence[Address], now: datetime
) -> AsyncIterator[str]:
    """Give the document piece by piece, one conversation in memory at a time.

    `addresses` are where the person may have written from; the first of them names the person.
    """
    head = await _head(sessions, addresses, now)
    yield json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "sessions": ['
    for number, session in enumerate(owned):
        yield (",\n" if number else "\n") + await _exported(sessions, session)
    yield "\n ]\n}\n"


async def _head(sessions: SessionManager, addresses: Sequence[Address], now: datetime) -> dict[str, JsonValue]:
    first = addresses[0]
    accounts: dict[Account, None] = {}
    for account in dict.fromkeys(map(Account.of, addresses)):
        one = next(address for address in addresses if Account.of(address) == account)
        accounts.update(dict.fromkeys(await sessions.linked_accounts(one)))
    return {
        "format": "palaver-person",
        "exported_at": now.isoformat(),
        "person": {"platform": first.platform, "user_id": first.user_id},
        "accounts": [{**account._asdict(), **await _noted(sessions, account)} for account in accounts],
    }


async def _noted(sessions: SessionManager, account: Account) -> dict[str, JsonValue]:
    """Give what the bot itself has noted of somebody."""
    person = f"{account.platform}:{account.user_id}"
    let_in, used = await sessions.note(approval_note(person)), await sessions.note(spending_note(person))
    return {"let_in": dict(let_in) or None, "used_today": dict(used) or None}


async def _exported(sessions: SessionManager, session: Session) -> str:
    """Give a conversation as JSON; one that does not open is named as such and keeps nothing else back."""
    try:
        return (await sessions.export(session.id, format="json")).strip()
    except VaultError:
        return json.dumps({"id": session.id, "unreadable": True})
