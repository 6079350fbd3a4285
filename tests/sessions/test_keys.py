"""Where the master key comes from, and which sources are refused."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sessions.cipher import Secret
from sessions.errors import InvalidValue, KeyRefused
from sessions.keys import KeyFile, KeyService, Passphrase, RawKey
from sessions.manager import SessionManager
from tests.sessions.conftest import KEY

PHRASE = "correct horse battery staple"


def cheap(phrase: str = PHRASE) -> Passphrase:
    """Give a passphrase that is derived in a moment."""
    return Passphrase(phrase, memory_kib=64, passes=1, lanes=1)


def key_file(path: Path, content: bytes = KEY, mode: int = 0o600) -> KeyFile:
    path.write_bytes(content)
    path.chmod(mode)
    return KeyFile(path)


# -- given bytes ---------------------------------------------------------------------------------


def test_a_raw_key_is_what_was_given() -> None:
    """32 bytes go through unchanged, for a new store and for an existing one; the store keeps nothing of them."""
    assert RawKey(KEY).create() == (KEY, "")
    assert RawKey(KEY).find("") == KEY
    assert RawKey.from_base64(f" {base64.b64encode(KEY).decode()}\n").find("") == KEY


@pytest.mark.parametrize("size", [0, 16, 31, 33, 44, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """No key is padded, cut or stretched; the text says how to make one."""
    with pytest.raises(KeyRefused, match=r"exactly 32 bytes; make one with secrets\.token_bytes\(32\)"):
        RawKey(bytes(size))
    with pytest.raises(KeyRefused, match="32 bytes"):
        SessionManager.open(encryption_key=bytes(size))


@pytest.mark.parametrize(
    "text",
    [
        "correct horse battery staple",
        "hunter2",
        "",
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(bytes(33)).decode(),
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        KEY.hex(),
        base64.b64encode(KEY).decode()[:-1],
        base64.b64encode(KEY).decode() + "AAAA",
        "é" * 44,
    ],
)
def test_a_phrase_is_not_taken_for_a_key(text: str) -> None:
    """An environment variable holds base64 of 32 bytes; anything else is refused without being repeated."""
    with pytest.raises(KeyRefused, match=r"base64 of 32 random bytes.*openssl rand -base64 32") as refused:
        RawKey.from_base64(text)
    assert not text or text not in str(refused.value)


def test_a_manager_takes_no_text_for_a_key() -> None:
    """A string is refused at once, with the two ways to make a key of it; so is no key at all."""
    with pytest.raises(KeyRefused, match=r"not text; Passphrase .* RawKey\.from_base64"):
        SessionManager.open(encryption_key=PHRASE)  # type: ignore[arg-type]  # what somebody may do all the same
    with pytest.raises(InvalidValue, match="at least one key"):
        SessionManager.open(encryption_key=[])


# -- a file --------------------------------------------------------------------------------------


def test_a_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """A first start makes folder (0700) and file (0600), which holds 32 random bytes as one line of base64."""
    path = tmp_path / "new" / "palaver.key"
    before = os.umask(0)
    try:
        provider = KeyFile(path, create=True)
        key, parameters = provider.create()
    finally:
        os.umask(before)
    assert provider.created
    assert parameters == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_bytes() == base64.b64encode(key) + b"\n"
    assert len(key) == 32
    assert key != KeyFile(tmp_path / "other.key", create=True).create()[0]


def test_a_key_file_is_not_made_twice(tmp_path: Path) -> None:
    """What is there is read and never replaced."""
    path = tmp_path / "palaver.key"
    first, _ = KeyFile(path, create=True).create()
    again = KeyFile(path, create=True)
    assert again.create() == (first, "")
    assert not again.created


def test_no_key_file_is_made_where_nobody_asked_for_it(tmp_path: Path) -> None:
    """Neither without `create`, nor for a store that exists: a fresh key could not open it."""
    path = tmp_path / "palaver.key"
    with pytest.raises(KeyRefused, match=r"palaver\.key does not exist; put back"):
        KeyFile(path).create()
    with pytest.raises(KeyRefused, match=r"palaver\.key does not exist; put back"):
        KeyFile(path, create=True).find("")
    assert not path.exists()


@pytest.mark.parametrize(
    "content", [KEY, base64.b64encode(KEY), base64.b64encode(KEY) + b"\n", b" " + base64.b64encode(KEY)]
)
def test_a_key_file_holds_bytes_or_base64(tmp_path: Path, content: bytes) -> None:
    """Both forms are read, and white space around base64 does not matter."""
    assert key_file(tmp_path / "key", content).find("") == KEY


@pytest.mark.parametrize(
    "content",
    [
        b"",
        KEY[:31],
        KEY + b"\n",
        b"\xff" * 33,
        b"correct horse battery staple",
        base64.b64encode(KEY)[:40],
        b"A" * 5000,
    ],
)
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """31 bytes, a phrase, a cut or an empty file: the text names the file, never its content."""
    with pytest.raises(KeyRefused, match=r"the key file \S+/key must (hold 32 bytes|be base64)") as refused:
        key_file(tmp_path / "key", content).find("")
    assert not content or content.decode("latin-1").strip() not in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o610, 0o601, 0o777])
def test_a_key_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right for group or others is too much; the text says what to run."""
    with pytest.raises(KeyRefused, match=rf"open to others \(mode {mode:04o}\); run: chmod 600 "):
        key_file(tmp_path / "key", mode=mode).find("")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    """The twin: without rights for anybody else the same file is accepted."""
    assert key_file(tmp_path / "key", mode=mode).find("") == KEY


def to_a_link(path: Path) -> None:
    real = path.with_name("real")
    key_file(real)
    path.symlink_to(real)


def to_a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (to_a_link, "is a symbolic link"),
        (lambda path: path.symlink_to(path.with_name("nowhere")), "is a symbolic link"),
        (lambda path: path.mkdir(mode=0o700), "is not a regular file"),
        (lambda path: os.mkfifo(path, 0o600), "is not a regular file"),
        (to_a_socket, "can not be read"),
    ],
    ids=["link", "dangling link", "directory", "fifo", "socket"],
)
def test_only_a_regular_file_is_a_key_file(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    """A link could be turned elsewhere and a pipe would be waited for: both are refused, and nothing is made."""
    path = tmp_path / "key"
    make(path)
    for provider in (KeyFile(path), KeyFile(path, create=True)):
        with pytest.raises(KeyRefused, match=f"/key {reason}"):
            provider.create()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Whoever owns the file could change its rights: it must be ours or root's."""
    provider = key_file(tmp_path / "key")
    os.chown(provider.path, 4321, 4321)
    with pytest.raises(KeyRefused, match="belongs to somebody else; it must be yours or root's"):
        provider.find("")


def test_a_folder_that_can_not_be_entered_is_told_in_words(tmp_path: Path) -> None:
    """Errors of the file system become errors of this library."""
    (tmp_path / "file").touch()
    with pytest.raises(KeyRefused, match=r"can not be read \(Not a directory\)"):
        KeyFile(tmp_path / "file" / "key").find("")


# -- a phrase ------------------------------------------------------------------------------------


def test_a_passphrase_gives_the_same_key_again() -> None:
    """Salt and cost are kept with the store and are enough to derive the key anew; they do not tell it."""
    key, parameters = cheap().create()
    assert Passphrase(PHRASE).find(parameters) == key
    assert cheap("another phrase, also long").find(parameters) != key
    said = json.loads(parameters)
    assert {name: said[name] for name in ("kdf", "m", "t", "p")} == {"kdf": "argon2id", "m": 64, "t": 1, "p": 1}
    assert len(bytes.fromhex(said["salt"])) == 16
    assert PHRASE not in parameters
    assert key.hex() not in parameters


def test_every_store_has_a_salt_of_its_own() -> None:
    """The same phrase gives another key in another store."""
    assert cheap().create()[0] != cheap().create()[0]


def test_the_usual_cost_of_a_passphrase_is_far_above_the_floor() -> None:
    """Without being told otherwise Argon2id takes 256 MiB and three passes."""
    assert Passphrase(PHRASE)._cost == (256 * 1024, 3, 4)


@pytest.mark.parametrize("phrase", ["", "password", "elevenchars"])
def test_a_short_passphrase_is_refused(phrase: str) -> None:
    """Fewer than twelve characters can be guessed."""
    with pytest.raises(KeyRefused, match="at least 12 characters"):
        Passphrase(phrase)


def changed(**changes: object) -> str:
    return json.dumps({"kdf": "argon2id", "salt": "00" * 16, "m": 64, "t": 1, "p": 1} | changes)


@pytest.mark.parametrize(
    "parameters",
    [
        changed(m=64 * 1024 * 1024),
        changed(m=1024 * 1024 + 1),
        changed(m=7),
        changed(m=-1),
        changed(t=11),
        changed(t=0),
        changed(p=17),
        changed(p=0),
        changed(p=-4),
    ],
)
def test_a_stored_cost_out_of_bounds_is_refused(parameters: str) -> None:
    """Whoever can write to the store can not make us take 64 GiB of memory, or none."""
    with pytest.raises(KeyRefused, match="cost of the passphrase is out of bounds; the store was changed"):
        cheap().find(parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "{}",
        "[]",
        "null",
        "5",
        '"argon2id"',
        changed(kdf="scrypt"),
        changed(salt="00"),
        changed(salt="zz" * 16),
        changed(salt=5),
        changed(m="much"),
        changed(m=None),
        changed(m=[1]),
        changed(m=float("inf")),
        changed(m=float("nan")),
        changed().replace("64", "9" * 5000),
        "[" * 200_000,
        "\ud800",
    ],
)
def test_stored_parameters_of_another_shape_are_refused(parameters: str) -> None:
    """Parameters that are no salt and cost raise one error of this library, whatever they are."""
    with pytest.raises(KeyRefused, match="was not made with a passphrase; use the key it was made with"):
        cheap().find(parameters)


# -- a key service -------------------------------------------------------------------------------


def test_a_key_service_keeps_the_key_to_itself() -> None:
    """The store keeps what the service wrapped, and the service gives the key back."""
    service = KeyService(wrap=lambda key: b"wrapped:" + key[::-1], unwrap=lambda blob: blob[8:][::-1])
    key, parameters = service.create()
    assert len(key) == 32
    assert service.find(parameters) == key
    assert base64.b64decode(parameters) == b"wrapped:" + key[::-1]


def test_a_key_service_that_gives_no_key_is_refused() -> None:
    """A service that answers with something else, or parameters of another provider, are told apart."""
    service = KeyService(wrap=lambda key: key, unwrap=lambda blob: blob[:31])
    with pytest.raises(KeyRefused, match="gave back something that is not a key"):
        service.find(service.create()[1])
    for parameters in ("not base64!", changed()):
        with pytest.raises(KeyRefused, match="was not made with a key service"):
            service.find(parameters)


# -- keeping it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("holder", [RawKey(KEY), cheap()], ids=["raw", "passphrase"])
def test_a_provider_does_not_give_its_key_away(holder: Secret) -> None:
    """Providers are not pickled or copied, and show nothing of what they hold."""
    for give_away in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not serialised"):
            give_away(holder)
    for secret in (KEY.hex(), repr(KEY), PHRASE):
        assert secret not in repr(holder)
