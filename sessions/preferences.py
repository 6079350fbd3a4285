"""Preferences: what a person chose for a chat, and what holds for a whole conversation key."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from sessions.account import Account
from sessions.address import Address
from sessions.census import CensusKeeper
from sessions.cipher import Unopened
from sessions.errors import InvalidValue, StaleSession, Tampered
from sessions.gathering import Gathering
from sessions.handling import current_memo
from sessions.keyed_locks import KeyedLocks
from sessions.memo import Memo
from sessions.message import JsonValue
from sessions.passengers import riding
from sessions.plain_json import encode_json
from sessions.profile import decode_policy, encode_policy
from sessions.records import Census, PreferenceRow
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from sessions.session_key import length_prefixed
from sessions.store import Store
from sessions.vault import Vault

_REMEMBERED = 4096
TOGETHER = 500  # opened in one go, so that nobody waits long

TRIES = 20  # to write while others write

Judge = Callable[[Mapping[str, JsonValue]], bool]
Change = Callable[[Mapping[str, JsonValue]], Mapping[str, JsonValue]]
"""Makes what is to be said of what is said now. It may run several times, so it does nothing else."""


class RulesInForce(NamedTuple):
    """The operator's reset rules in words, since when they hold, and whether all stored times follow them."""

    described: str
    since_ms: int
    applied: bool


class Preferences:
    """Reads and writes sealed preferences; the newest few thousand stay in memory, unless others write as well."""

    def __init__(self, store: Store, vault: Vault, census: CensusKeeper, *, remember: bool) -> None:
        self._store, self._vault, self._census = store, vault, census
        self._rows: Gathering[bytes, PreferenceRow] = Gathering(self._read)
        self._remembered = _REMEMBERED if remember else 0
        self._known: OrderedDict[bytes, tuple[int, Mapping[str, JsonValue]]] = OrderedDict()
        self._foreseen = Memo()  # where nothing is remembered
        self._locks = KeyedLocks()

    async def scope(self, address: Address) -> Scope | None:
        """Give the scope a person chose for this chat, or None."""
        chosen = (await self._get(self._person(address)))[1].get("scope")
        return None if chosen is None else Scope.parse(str(chosen))

    async def set_scope(self, address: Address, scope: Scope) -> None:
        """Keep the scope a person chose for this chat."""
        await self._put(self._person(address), {"scope": scope.value})

    async def resets(self, key_idx: bytes) -> ResetPolicy | None:
        """Give the reset rule of a conversation key, or None."""
        said = (await self._get(self._key(key_idx)))[1].get("resets")
        try:
            return None if said is None else decode_policy(said)
        except ValueError:
            raise Tampered("a preference") from None

    async def set_resets(self, key_idx: bytes, policy: ResetPolicy) -> None:
        """Keep the reset rule of a conversation key."""
        await self._put(self._key(key_idx), {"resets": encode_policy(policy)})

    async def rules(self) -> RulesInForce:
        """Give the operator's reset rules that were in force last."""
        _, said = await self._get(self._vault.index("preference/rules", b""))
        since = said.get("since", 0)
        return RulesInForce(
            str(said.get("rules", "")), since if isinstance(since, int) else 0, said.get("applied") is not False
        )

    async def set_rules(self, rules: RulesInForce) -> None:
        """Keep the operator's reset rules."""
        said: dict[str, JsonValue] = {"rules": rules.described, "since": rules.since_ms, "applied": rules.applied}
        await self._put(self._vault.index("preference/rules", b""), said)

    async def rules_applied(self, rules: RulesInForce) -> None:
        """Note that all stored times follow these rules, if they are still the ones in force."""
        known = {"rules": rules.described, "since": rules.since_ms}

        def change(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            return {**said, "applied": True} if known.items() <= said.items() else said

        await self._change(self._vault.index("preference/rules", b""), change)

    async def note(self, name: str) -> Mapping[str, JsonValue]:
        """Give what a program noted under a name; nothing if it never did."""
        return (await self._get(self._vault.index("preference/note", name.encode())))[1]

    async def set_note(self, name: str, value: Mapping[str, JsonValue]) -> None:
        """Keep a note of a program."""
        await self._put(self._vault.index("preference/note", name.encode()), value)

    async def change_note(self, name: str, change: Change) -> Mapping[str, JsonValue]:
        """Have a note say what `change` makes of what it says; others may change it at the same time."""
        return await self._change(self._vault.index("preference/note", name.encode()), change)

    async def chat_before(self, address: Address) -> str:
        """Give the id under which a chat is known here: the platform may have given it another one since."""
        _, said = await self._get(self._chat(address.platform, address.account, address.chat_id))
        return str(said.get("was", address.chat_id))

    async def chat_now(self, address: Address) -> str:
        """Give the id that the platform knows a chat by today."""
        _, said = await self._get(self._chat(address.platform, address.account, address.chat_id))
        return str(said.get("is", address.chat_id))

    async def move_chat(self, platform: str, account: str, old: str, new: str) -> None:
        """Note that a chat has a new id. Telling it again changes nothing."""
        was = str((await self._get(self._chat(platform, account, old)))[1].get("was", old))
        await self._change(self._chat(platform, account, was), lambda _: {"is": new})
        if new != was:
            await self._change(self._chat(platform, account, new), lambda _: {"was": was})

    async def main_account(self, account: Account) -> Account:
        """Give the account whose conversations a linked one shares; itself if it is not linked."""
        main = (await self._get(self._account(account)))[1].get("main")
        return Account(*map(str, main)) if isinstance(main, list) and len(main) == len(account) else account

    async def accounts(self, account: Account) -> list[Account]:
        """Give all accounts of a person, the main one first."""
        main = await self.main_account(account)
        named = _accounts((await self._get(self._account(main)))[1])
        # What an account says of itself decides: one that is named before or after that is not linked.
        mains = await asyncio.gather(*map(self.main_account, named))
        linked = [other for other, its in zip(named, mains, strict=True) if its == main]
        return [main, *linked, *([account] if account not in (main, *linked) else [])]

    async def link_account(self, main: Account, other: Account, *, most: int) -> None:
        """Link an account that stands alone to a main one, which can have so many with itself.

        First the main one names it, then it says so itself, then the main one is changed once more: whoever links that
        one to another has seen it before, and fails. So whatever others do meanwhile, or a crash in between, nobody has
        two main ones, and no main one has one. Raises `StaleSession`, or `InvalidValue` for too many.
        """
        before = (await self._get(self._account(other)))[1]
        if len(await self.accounts(other)) > 1:
            raise _linked_meanwhile()

        def name(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            named = _accounts(said)
            if "main" in said:
                raise _linked_meanwhile()
            if other not in named and len(named) + 1 >= most:
                raise InvalidValue(f"a person can have at most {most} linked accounts")
            return {"others": _named(named if other in named else [*named, other]), "step": secrets.token_hex(8)}

        def join(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            if "main" in said or said != before:
                raise _linked_meanwhile()
            return {"main": list(main)}

        await self._change(self._account(main), name)
        await self._change(self._account(other), join)
        try:
            await self._change(self._account(main), name)
        except (StaleSession, InvalidValue):
            await self._leave(main, other)
            raise

    async def unlink_accounts(self, main: Account, leaving: Sequence[Account]) -> None:
        """Let accounts that are linked to a main one stand alone again."""
        for account in leaving:
            await self._leave(main, account)

        def name(said: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
            left = _named([one for one in _accounts(said) if one not in leaving])
            return said if "main" in said else {"others": left} if left else {}

        await self._change(self._account(main), name)

    async def _leave(self, main: Account, account: Account) -> None:
        own = {"main": list(main)}
        await self._change(self._account(account), lambda said: {} if said == own else said)

    async def forget(self, address: Address) -> bool:
        """Put a person's choices for this chat back to nothing said; tell whether there were any."""
        return await self._clear(self._person(address))

    async def forget_key(self, key_idx: bytes) -> bool:
        """Put the rule of a conversation key back to nothing said; tell whether there was one."""
        return await self._clear(self._key(key_idx))

    async def forget_note(self, name: str) -> bool:
        """Put a note of a program back to nothing said; tell whether there was one."""
        return await self._clear(self._vault.index("preference/note", name.encode()))

    async def forget_where(self, judge: Judge) -> int:
        """Put back to nothing said whatever says what it is judged by; give how many there were."""
        gone = 0
        for done, row in enumerate(await self._store.preferences()):
            if done % TOGETHER == 0:
                await asyncio.sleep(0)
            with suppress(Tampered):  # what does not open must not keep the rest
                if judge(self._open(row)):
                    gone += await self._clear(row.idx)
        return gone

    async def forget_links(self, account: Account) -> bool:
        """Let every account of a person stand alone; tell whether they were linked."""
        main, *others = await self.accounts(account)
        if others:
            await self.unlink_accounts(main, others)
        return bool(others)

    async def verify(self) -> None:
        """Open every preference. Raises `Tampered`."""
        for row in await self._store.preferences():
            self._open(row)

    def _person(self, address: Address) -> bytes:
        fields = (address.platform, address.account, address.chat_id, address.thread_id, address.user_id)
        return self._vault.index("preference/person", length_prefixed(*fields))

    def _account(self, account: Account) -> bytes:
        return self._vault.index("preference/account", length_prefixed(*account))

    def _chat(self, platform: str, account: str, chat_id: str) -> bytes:
        return self._vault.index("preference/chat", length_prefixed(platform, account, chat_id))

    def _key(self, key_idx: bytes) -> bytes:
        return self._vault.index("preference/key", key_idx)

    async def foresee_places(self, places: Iterable[tuple[Address, Scope]]) -> None:
        """Read at once what will be asked about these: of whom, if they are followed everywhere, else of the chat."""
        idxs: dict[bytes, None] = {}
        for one, scope in places:
            if scope is Scope.PER_PEER:
                idxs[self._account(Account.of(one))] = None
            else:
                idxs[self._chat(one.platform, one.account, one.chat_id)] = None
        await self._foresee(idxs)

    async def foresee_keys(self, key_idxs: Iterable[bytes]) -> None:
        """Read at once what will be asked about these conversation keys."""
        await self._foresee(dict.fromkeys(map(self._key, key_idxs)))

    async def foresee_notes(self, names: Iterable[str]) -> None:
        """Read at once what will be asked about these notes."""
        await self._foresee(self._vault.index("preference/note", name.encode()) for name in names)

    async def _foresee(self, idxs: Iterable[bytes]) -> None:
        unknown = [idx for idx in idxs if idx not in self._known]
        foreseen = self._foreseen = Memo()
        for start in range(0, len(unknown), TOGETHER):
            some = unknown[start : start + TOGETHER]
            rows = {row.idx: row for row in await self._store.preferences_among(some)}
            for idx in some:
                if idx in self._known:
                    continue  # it was set while we read
                row = rows.get(idx)
                found: tuple[int, Mapping[str, JsonValue]] = (0, {}) if row is None else (row.revision, self._open(row))
                if self._remembered:
                    self._remember(idx, found)
                else:
                    foreseen.set(idx, found)

    async def _get(self, idx: bytes, *, anew: bool = False) -> tuple[int, Mapping[str, JsonValue]]:
        """Give revision and content; revision 0 for what was never set."""
        known = self._known.get(idx)
        if known is not None:
            self._known.move_to_end(idx)
            return known
        memo = None if anew or self._remembered else current_memo()
        lately = None if anew or self._remembered else self._foreseen.get(idx)
        if memo is not None:
            lately = memo.get(idx) or lately
        if lately is not None:
            return cast("tuple[int, Mapping[str, JsonValue]]", lately)
        row = await self._rows.get(idx)
        if (newer := self._known.get(idx)) is not None:
            return newer  # it was set while we read
        found: tuple[int, Mapping[str, JsonValue]] = (0, {}) if row is None else (row.revision, self._open(row))
        if memo is not None:
            memo.set(idx, found)
        return self._remember(idx, found)

    def _remember(self, idx: bytes, found: tuple[int, Mapping[str, JsonValue]]) -> tuple[int, Mapping[str, JsonValue]]:
        self._known[idx] = found
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return found

    async def _clear(self, idx: bytes) -> bool:
        said = (await self._get(idx))[1]
        if said:
            await self._put(idx, {})
        return bool(said)

    async def _put(self, idx: bytes, said: Mapping[str, JsonValue]) -> None:
        await self._change(idx, lambda _: said, even_if_same=True)

    async def _change(self, idx: bytes, change: Change, *, even_if_same: bool = False) -> Mapping[str, JsonValue]:
        async with self._locks.hold(idx):
            for left in reversed(range(TRIES)):
                revision, before = await self._get(idx, anew=True)
                said = change(before)
                if said == before and not even_if_same:
                    return before
                try:
                    await self._store_revision(idx, revision, said)
                except StaleSession:
                    if not left:
                        raise
                else:
                    return said
        raise AssertionError("one of the tries has ended this")

    async def _store_revision(self, idx: bytes, revision: int, said: Mapping[str, JsonValue]) -> None:
        body = self._vault.preferences.seal(self._aad(idx, revision + 1), encode_json(said))
        recount = self._census.change(Census(preferences=int(revision == 0), revisions=1))
        self._known.pop(idx, None)  # until the write is known to have happened, what is stored counts
        self._foreseen = Memo()  # another one, so that what is being read is not believed either
        async with riding(self._store) as ride:
            await ride.write(self._store.put_preference(PreferenceRow(idx, revision + 1, body), recount, ride.mail))
        self._remember(idx, (revision + 1, said))

    async def _read(self, idxs: Sequence[bytes]) -> dict[bytes, PreferenceRow]:
        return {row.idx: row for row in await self._store.preferences_among(idxs)}

    def _open(self, row: PreferenceRow) -> Mapping[str, JsonValue]:
        try:
            said = json.loads(self._vault.preferences.open(self._aad(row.idx, row.revision), row.body))
        except (Unopened, ValueError, OverflowError):
            said = None
        if not isinstance(said, dict):
            raise Tampered("a preference")
        return said

    def _aad(self, idx: bytes, revision: int) -> bytes:
        return b"palaver\x01pref" + self._vault.install_id + idx + revision.to_bytes(8, "big")


def _accounts(said: Mapping[str, JsonValue]) -> list[Account]:
    """Read the accounts that a main one names."""
    named = said.get("others")
    whole = [one for one in named if isinstance(one, list)] if isinstance(named, list) else []
    return [Account(*map(str, one)) for one in whole if len(one) == len(Account._fields)]


def _named(accounts: Sequence[Account]) -> list[JsonValue]:
    return [list(account) for account in accounts]


def _linked_meanwhile() -> StaleSession:
    return StaleSession("somebody else has linked one of these accounts meanwhile")
