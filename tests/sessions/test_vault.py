"""The keys of an installation: wrapped, bound to their purpose, and a store that stays shut without them."""

from __future__ import annotations

import copy
import hashlib
import pickle
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from sessions.cipher import Entropy, RecordCipher, Unopened
from sessions.errors import KeyRefused, SessionError, SessionLocked, StoreError, StoreTooNew, Tampered, WrongKey
from sessions.keys import KeyFile, KeyProvider, KeyService, Passphrase, RawKey
from sessions.manager import SessionManager
from sessions.master_key import WRAP_SIZE
from sessions.records import Foundation
from sessions.sqlite import schema
from sessions.vault import Vault
from tests.sessions.conftest import KEY, OTHER_KEY, Opener, person, say, texts

ROOT = Path(__file__).parent.parent.parent
PHRASE = "correct horse battery staple"


def found(key: bytes = KEY) -> tuple[Vault, Foundation]:
    return Vault.found([RawKey(key)], 1_000, Entropy())


def unlock(foundation: Foundation, *keys: bytes) -> Vault:
    return Vault.unlock(foundation, [RawKey(key) for key in keys or (KEY,)], Entropy())


# -- wrapped keys --------------------------------------------------------------------------------


def test_a_session_key_opens_again_after_a_restart() -> None:
    """What a vault wrapped another one opens that was unlocked with the same master key."""
    vault, foundation = found()
    wrapped, cipher = vault.new_session_key("aaaaaaaaaaaa")
    record = cipher.seal(b"place", b"text")
    again = unlock(foundation).session_cipher("aaaaaaaaaaaa", wrapped, cipher.commitment)
    assert again.open(b"place", record) == b"text"
    assert len(wrapped) == WRAP_SIZE == 70


def test_a_wrapped_key_is_bound_to_its_session() -> None:
    """A key moved to another session does not open, and neither does another installation's."""
    vault, _ = found()
    wrapped, cipher = vault.new_session_key("aaaaaaaaaaaa")
    with pytest.raises(Tampered):
        vault.session_cipher("bbbbbbbbbbbb", wrapped, cipher.commitment)
    elsewhere, _ = found()
    with pytest.raises(SessionLocked):
        elsewhere.session_cipher("aaaaaaaaaaaa", wrapped, cipher.commitment)


def test_a_wrapped_key_is_bound_to_its_purpose() -> None:
    """The keys of the installation can not stand in for each other, nor for a session's."""
    vault, foundation = found()
    for one, other in combinations(foundation.secrets, 2):
        swapped = foundation.secrets | {one: foundation.secrets[other], other: foundation.secrets[one]}
        with pytest.raises(Tampered):
            unlock(replace(foundation, secrets=swapped))
        with pytest.raises(Tampered):
            vault.session_cipher(one, foundation.secrets[one], bytes(32))
        with pytest.raises(Tampered):
            unlock(replace(foundation, secrets={one: foundation.secrets[one]}))


def test_a_wrapped_key_with_any_bit_changed_does_not_open() -> None:
    """Every bit and every length of a wrapped key counts."""
    vault, _ = found()
    wrapped, cipher = vault.new_session_key("aaaaaaaaaaaa")
    for at in range(WRAP_SIZE):
        for bit in range(8):
            changed = wrapped[:at] + bytes((wrapped[at] ^ 1 << bit,)) + wrapped[at + 1 :]
            with pytest.raises(SessionLocked if 2 <= at < 10 else Tampered):
                vault.session_cipher("aaaaaaaaaaaa", changed, cipher.commitment)
    for other in [*(wrapped[:size] for size in range(WRAP_SIZE)), wrapped + b"\0"]:
        with pytest.raises(Tampered):
            vault.session_cipher("aaaaaaaaaaaa", other, cipher.commitment)


def test_a_key_that_is_not_the_committed_one_is_refused() -> None:
    """AES-GCM alone can be made to open under two keys; the stored commitment allows one."""
    vault, _ = found()
    wrapped, cipher = vault.new_session_key("aaaaaaaaaaaa")
    _, other = vault.new_session_key("aaaaaaaaaaaa")
    for wrong in (other.commitment, b"", cipher.commitment[:-1], cipher.commitment + b"\0"):
        with pytest.raises(Tampered):
            vault.session_cipher("aaaaaaaaaaaa", wrapped, wrong)


def test_a_stuck_random_source_wraps_no_two_keys_with_one_nonce() -> None:
    """Wrapping is hedged like records are."""
    vault, foundation = Vault.found([RawKey(KEY)], 0, Entropy(bytes))
    wraps = [vault.new_session_key(f"{n:012}")[0] for n in range(1000)] + [*foundation.secrets.values()]
    assert len({wrapped[10:22] for wrapped in wraps}) == len(wraps)


def test_keys_of_the_installation_are_drawn_and_not_derived() -> None:
    """Two stores made with one master key share no key, so a later master key can take over without sealing anew."""
    (one, _), (other, _) = found(), found()
    assert one.kid != other.kid
    assert one.index("key", b"data") != other.index("key", b"data")
    with pytest.raises(Unopened):
        other.preferences.open(b"", one.preferences.seal(b"", b"text"))
    with pytest.raises(Unopened):
        one.census.open(b"", one.preferences.seal(b"", b"text"))


def test_an_index_needs_the_key_and_keeps_purposes_apart() -> None:
    """The hash of an id can not be worked out without the key, and differs for each purpose."""
    vault, _ = found()
    assert vault.index("owner", b"42") == vault.index("owner", b"42")
    assert len(vault.index("owner", b"42")) == 16
    assert vault.index("owner", b"42") != vault.index("key", b"42")
    assert vault.index("owner", b"42") != vault.index("owner4", b"2")
    assert vault.index("owner", b"42") != hashlib.sha256(b"42").digest()[:16]


# -- the keyring ---------------------------------------------------------------------------------


def test_the_name_of_a_key_is_no_secret() -> None:
    """The kid is 16 hex digits, stored in clear, and shares nothing with the key."""
    vault, foundation = found()
    assert vault.kid == foundation.keyring[0].kid.hex()
    assert len(vault.kid) == 16
    assert foundation.keyring[0].kid not in KEY


def test_a_wrong_key_is_told_which_one_is_wanted() -> None:
    """The refusal names the kid the store needs and the kids that were offered, and what to do."""
    vault, foundation = found()
    with pytest.raises(
        WrongKey, match=r"nothing was changed\. Point Palaver at the key this store was made with"
    ) as no:
        unlock(foundation, OTHER_KEY)
    assert no.value.wanted == (vault.kid,)
    assert len(no.value.offered) == 1
    assert no.value.offered[0] != vault.kid
    assert vault.kid in str(no.value)
    assert no.value.offered[0] in str(no.value)


def test_one_right_key_among_several_is_enough() -> None:
    """Providers are tried in turn; one that can not give its key is passed over if there are others."""
    vault, foundation = found()
    assert unlock(foundation, OTHER_KEY, KEY).kid == vault.kid
    providers: list[KeyProvider] = [KeyFile("/nonexistent/key"), Passphrase(PHRASE), RawKey(KEY)]
    assert Vault.unlock(foundation, providers, Entropy()).kid == vault.kid
    with pytest.raises(KeyRefused, match="does not exist"):
        Vault.unlock(foundation, providers[:1], Entropy())
    with pytest.raises(KeyRefused, match="does not exist"):  # the first is the one that was to open it
        Vault.unlock(foundation, providers[:2], Entropy())
    with pytest.raises(WrongKey, match="offered is none"):
        Vault.unlock(foundation, [], Entropy())


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "passphrase"},
        {"parameters": "{}"},
        {"state": "readable"},
        {"created_at": 999},
        {"created_at": -1},
        {"check_value": bytes(32)},
        {"check_value": b""},
    ],
)
def test_a_keyring_that_was_changed_is_noticed(change: dict[str, str | int | bytes]) -> None:
    """Everything that is known of a key is authenticated by that key."""
    _, foundation = found()
    row = replace(foundation.keyring[0], **change)  # type: ignore[arg-type]  # each of its field's type
    with pytest.raises(Tampered, match="the keyring"):
        unlock(replace(foundation, keyring=(row,)))


def test_the_birth_of_a_store_is_authenticated() -> None:
    """Another installation id, salt or date of birth does not fit the keyring."""
    _, foundation = found()
    for born in (999, -1, 2**63 - 1):
        with pytest.raises(Tampered, match="the keyring"):
            unlock(replace(foundation, created_at=born))
    for install_id in (bytes(16), b"", foundation.install_id + b"\0"):
        with pytest.raises(Tampered, match="the keyring"):
            unlock(replace(foundation, install_id=install_id))
    with pytest.raises(WrongKey):
        unlock(replace(foundation, salt=bytes(16)))


def test_a_keyring_has_one_primary_key() -> None:
    """None at all or a second one is noticed."""
    _, foundation = found()
    stranger = replace(foundation.keyring[0], kid=bytes(8))
    for keyring in ((), (foundation.keyring[0], stranger)):
        with pytest.raises(Tampered, match="the keyring"):
            unlock(replace(foundation, keyring=keyring))


def test_keys_are_neither_shown_nor_given_away() -> None:
    """A vault is not pickled or copied."""
    vault, _ = found()
    for give_away in (pickle.dumps, copy.copy, copy.deepcopy):
        for holder in (vault, vault._primary):
            with pytest.raises(TypeError, match="not serialised"):
                give_away(holder)


def reachable(root: object) -> Iterator[object]:
    """Go through everything of ours that can be reached from an object by its attributes, lists and dictionaries."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            stack += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set | frozenset):
            stack += thing
        if type(thing).__module__.startswith("sessions."):
            yield thing
            names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
            stack += [getattr(thing, name) for name in names if hasattr(thing, name)]
            stack += vars(thing).values() if hasattr(thing, "__dict__") else ()


async def test_nothing_reachable_from_a_manager_shows_a_key(open_store: Opener) -> None:
    """The text of no object holds a key, in any of the forms in which bytes are written."""
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(person())
        await say(sessions, session.id, "hello")
        await sessions.set_scope(person(), "per-peer")
        things = [*reachable(sessions)]
        ciphers = [thing for thing in things if isinstance(thing, RecordCipher)]
        assert {"Vault", "LiveSession", "RawKey"} <= {type(thing).__name__ for thing in things}
        assert len(ciphers) >= 3
        keys = [KEY, *(key for cipher in ciphers for key in (cipher._nonce_key, cipher._mac_key))]
        for thing in things:
            shown = f"{thing!r} {thing!s}"
            for key in keys:
                assert key.hex() not in shown
                assert repr(key)[2:-1] not in shown


# -- opening a store -----------------------------------------------------------------------------


def prints(path: Path) -> dict[str, str]:
    """Give the hashes of the database and of its log; an empty log is none."""
    files = (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal"))
    there = [file for file in files if file.exists() and (file == path or file.stat().st_size)]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in there}


async def refusal(sessions: SessionManager, path: Path) -> SessionError:
    """Give the error that opening raises, after making sure that it changed nothing."""
    before = prints(path)
    with pytest.raises(SessionError) as refused:
        async with sessions:
            pytest.fail("it opened")
    assert prints(path) == before
    return refused.value


WRITES_AND_IS_KILLED = """
import asyncio, os, signal, sys
from sessions.address import Address
from sessions.manager import SessionManager
from sessions.master_key import WRAP_SIZE

async def main():
    async with SessionManager.open(db_path=sys.argv[1], encryption_key=bytes(range(32))) as sessions:
        where = Address(platform="telegram", account="bot-1", chat_id="chat-1", user_id="ann")
        session = await sessions.get_or_create_session(where)
        for number in range(20):
            await sessions.add_message(session.id, role="user", content=f"message {number}")
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture(params=["killed", "closed", "without a log"])
def store(request: pytest.FixtureRequest, db_path: Path) -> Path:
    """Give a filled store: left by a killed process with a log to be read, closed in order, or without any log."""
    command = [sys.executable, "-c", WRITES_AND_IS_KILLED, str(db_path)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert len(prints(db_path)) == 2
    if request.param != "killed":
        edit(db_path, "PRAGMA wal_checkpoint(TRUNCATE)")
        edit(db_path, *["PRAGMA journal_mode = DELETE"] * (request.param == "without a log"))
        assert len(prints(db_path)) == 1
    return db_path


async def test_a_wrong_key_leaves_a_store_as_it_was(open_store: Opener, store: Path) -> None:
    """Not a byte of the database or its log changes, and the right key opens everything afterwards."""
    for _ in range(2):
        error = await refusal(open_store(key=OTHER_KEY), store)
        assert isinstance(error, WrongKey)
        assert "nothing was changed" in str(error)
    async with open_store() as sessions:
        session = await sessions.get_or_create_session(person())
        assert len(await texts(sessions, session.id)) == 20
        assert await sessions.verify() == []


async def test_a_wrong_key_only_reads_as_little(open_store: Opener, store: Path) -> None:
    """A program that only reads is refused alike."""
    assert isinstance(await refusal(open_store(key=OTHER_KEY, read_only=True), store), WrongKey)


def no_such_file(folder: Path) -> KeyProvider:
    return KeyFile(folder / "missing", create=True)


def open_to_others(folder: Path) -> KeyProvider:
    path = folder / "key"
    path.write_bytes(KEY)
    path.chmod(0o644)
    return KeyFile(path)


def wrong_phrase(folder: Path) -> KeyProvider:
    return Passphrase(PHRASE)


def wrong_service(folder: Path) -> KeyProvider:
    return KeyService(wrap=lambda key: key, unwrap=lambda blob: blob)


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (no_such_file, "does not exist; put back the file this store was made with"),
        (open_to_others, "run: chmod 600"),
        (wrong_phrase, "was not made with a passphrase; use the key it was made with"),
        (wrong_service, "is not a key"),
    ],
)
async def test_a_key_that_can_not_be_had_leaves_a_store_as_it_was(
    open_store: Opener, store: Path, tmp_path: Path, provider: Callable[[Path], KeyProvider], words: str
) -> None:
    """A source that is missing, unsafe or of another kind is refused in words, and no key is made for what exists."""
    error = await refusal(open_store(key=provider(tmp_path)), store)
    assert isinstance(error, KeyRefused)
    assert words in str(error)
    assert not (tmp_path / "missing").exists()


def edit(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


async def test_a_changed_cost_of_the_passphrase_takes_no_memory(open_store: Opener, db_path: Path) -> None:
    """A store that asks for 64 GiB is refused before anything is allocated."""
    cheap = Passphrase(PHRASE, memory_kib=64, passes=1, lanes=1)
    async with open_store(key=cheap):
        pass
    async with open_store(key=Passphrase(PHRASE)) as sessions:  # the stored cost counts, not the usual one
        assert await sessions.verify() == []
    edit(db_path, "UPDATE keyring SET parameters = replace(parameters, '\"m\": 64', '\"m\": 67108864')")
    error = await refusal(open_store(key=cheap), db_path)
    assert isinstance(error, KeyRefused)
    assert "out of bounds; the store was changed" in str(error)


async def test_a_newer_store_is_left_as_it_is(open_store: Opener, store: Path) -> None:
    """The schema of a later version is refused with both versions and what to do."""
    edit(store, f"PRAGMA user_version = {schema.LATEST + 1}")
    for read_only in (False, True):
        error = await refusal(open_store(read_only=read_only), store)
        assert isinstance(error, StoreTooNew)
        assert f"has schema version {schema.LATEST + 1}" in str(error)
        assert "install the newer Palaver" in str(error)


async def test_a_store_of_a_preview_is_left_as_it_is(open_store: Opener, store: Path) -> None:
    """The schema from before the first release is refused with a word on what to do."""
    edit(store, "PRAGMA user_version = 1")
    for read_only in (False, True):
        error = await refusal(open_store(read_only=read_only), store)
        assert isinstance(error, StoreError)
        assert "made by a preview of Palaver" in str(error)
        assert "Move it away" in str(error)


@pytest.mark.parametrize("version", [0, -1])
async def test_a_store_without_its_version_is_not_founded_anew(
    open_store: Opener, store: Path, tmp_path: Path, version: int
) -> None:
    """Tables without a version are damage: nothing is written over them, and no key is made."""
    edit(store, f"PRAGMA user_version = {version}")
    error = await refusal(open_store(key=KeyFile(tmp_path / "new.key", create=True)), store)
    assert isinstance(error, StoreError)
    assert "is damaged" in str(error)
    assert not (tmp_path / "new.key").exists()


@pytest.mark.parametrize(
    "pragmas", [(), ("PRAGMA user_version = 1",), ("PRAGMA application_id = 1", "PRAGMA journal_mode = WAL")]
)
async def test_somebody_elses_database_is_left_as_it_is(
    open_store: Opener, tmp_path: Path, pragmas: tuple[str, ...]
) -> None:
    """A database that is not ours is recognised before anything is written."""
    path = tmp_path / "theirs.db"
    edit(path, "CREATE TABLE theirs (x)", "INSERT INTO theirs VALUES ('precious')", *pragmas)
    for read_only in (False, True):
        error = await refusal(open_store(path=path, read_only=read_only), path)
        assert isinstance(error, StoreError)
        assert "some other program's database; nothing was changed" in str(error)


@pytest.mark.parametrize(
    "content", [b"Dear diary,\n" * 100, b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 4080, b"hi"]
)
async def test_a_file_that_is_no_database_is_left_as_it_is(open_store: Opener, tmp_path: Path, content: bytes) -> None:
    """Text, zeros and rubbish with the right first bytes are refused and kept."""
    path = tmp_path / "diary.txt"
    path.write_bytes(content)
    for read_only in (False, True):
        error = await refusal(open_store(path=path, read_only=read_only), path)
        assert isinstance(error, StoreError)
        assert "not a Palaver store" in str(error) or "damaged" in str(error) or "refused" in str(error)
    assert path.read_bytes() == content


async def test_a_folder_is_no_store(open_store: Opener, tmp_path: Path) -> None:
    """A directory in the place of the database is refused in words."""
    with pytest.raises(StoreError, match="is not a file"):
        async with open_store(path=tmp_path):
            pytest.fail("it opened")


async def test_a_key_that_is_refused_founds_nothing(open_store: Opener, db_path: Path, tmp_path: Path) -> None:
    """A first start with an unsafe key makes no store that would have to be thrown away."""
    with pytest.raises(KeyRefused):
        async with open_store(key=open_to_others(tmp_path)):
            pytest.fail("it opened")
    assert set(prints(db_path).values()) <= {hashlib.sha256(b"").hexdigest()}
    async with open_store() as sessions:
        assert await sessions.verify() == []


async def test_the_order_of_several_keys_is_that_of_new_stores(open_store: Opener) -> None:
    """The first provider's key is used for a new store; for an existing one its own key is found among them."""
    async with open_store(key=[RawKey(KEY), RawKey(OTHER_KEY)]) as sessions:
        kid = sessions.kid
        await say(sessions, (await sessions.get_or_create_session(person())).id, "hello")
    async with open_store(key=[RawKey(OTHER_KEY), RawKey(KEY)]) as sessions:
        assert sessions.kid == kid
        assert len(await texts(sessions, (await sessions.get_or_create_session(person())).id)) == 2
