"""Bundles: only the receiver opens them, only as the sender made them, and only in their own slot."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as some

from sessions.errors import InvalidValue
from sessions.exchange.bundle import open_bundle, seal_bundle
from sessions.exchange.header import HEADER_SIZE, Header, Kind
from sessions.exchange.identity import Identity
from sessions.exchange.mailbox_key import SEALED_HEADER, MailboxKey
from sessions.exchange.packing import MOST_CONTENT, pack, unpack
from sessions.exchange.public import Public, parse_line
from sessions.exchange.trouble import BadBundle

ANN, BOB, EVE = (Identity(bytes([number]) * 32) for number in (1, 2, 3))
HEADER = Header(Kind.STATE, "abcdefghijkl", 7, 3, bytes(range(32)))
SLOT = ANN.outgoing(BOB.public).slot(HEADER.kind, HEADER.session_id)


def sealed(content: bytes = b"words", header: Header = HEADER) -> bytes:
    return seal_bundle(ANN, BOB.public, header, content)


def test_the_receiver_opens_what_the_sender_sealed() -> None:
    """With the header it was sealed with."""
    assert open_bundle(BOB, ANN.public, SLOT, sealed()) == (HEADER, b"words")


def test_nobody_else_opens_it_not_even_the_sender() -> None:
    """Who knows both public lines and has the file reads neither the words nor what it is about."""
    data = sealed()
    for who, of in ((EVE, ANN.public), (EVE, BOB.public), (ANN, BOB.public), (ANN, ANN.public)):
        with pytest.raises(BadBundle):
            open_bundle(who, of, SLOT, data)
    sender_knows = ANN.outgoing(BOB.public).open_header(SLOT, data)
    assert sender_knows == HEADER  # but the content is for the receiver alone
    assert b"words" not in data


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header._replace(kind=Kind.ERASED),
        lambda header: header._replace(sequence=8),
        lambda header: header._replace(seen=4),
        lambda header: header._replace(digest=bytes(32)),
        lambda header: header._replace(session_id="abcdefghijkm"),
    ],
)
def test_content_goes_with_its_own_header_alone(change: Callable[[Header], Header]) -> None:
    """Put behind another header by somebody who could make one, it does not open."""
    other = change(HEADER)
    mailbox = ANN.outgoing(BOB.public)
    slot = mailbox.slot(other.kind, other.session_id)
    mixed = mailbox.seal_header(other) + sealed()[SEALED_HEADER:]
    with pytest.raises(BadBundle):
        open_bundle(BOB, ANN.public, slot, mixed)
    whole = mailbox.seal_header(other) + sealed(header=other)[SEALED_HEADER:]  # the twin: as it belongs
    assert open_bundle(BOB, ANN.public, slot, whole) == (other, b"words")


def test_a_header_belongs_to_its_slot() -> None:
    """A bundle that was put into another slot is not read as what belongs there."""
    other = ANN.outgoing(BOB.public).slot(Kind.STATE, "mmmmmmmmmmmm")
    with pytest.raises(BadBundle, match="another's place"):
        open_bundle(BOB, ANN.public, other, sealed())
    share = ANN.outgoing(BOB.public).slot(Kind.SHARED, HEADER.session_id)
    assert share != SLOT
    with pytest.raises(BadBundle):
        open_bundle(BOB, ANN.public, share, sealed())


def test_a_sender_can_not_put_a_header_elsewhere() -> None:
    """Not even who has the key of the mailbox: what is about one session never stands in the slot of another."""

    class Elsewhere(MailboxKey):
        __slots__ = ()

        def slot(self, kind: Kind, session_id: str) -> str:
            return "0" * 32

    mailbox = ANN.outgoing(BOB.public)
    mailbox.__class__ = Elsewhere
    with pytest.raises(BadBundle, match="another's place"):
        BOB.incoming(ANN.public).open_header("0" * 32, mailbox.seal_header(HEADER))


def test_a_signature_by_another_is_refused() -> None:
    """Whoever learns the key for receiving still can not send in the other's name: the signature tells."""
    forger = Identity(bytes([1]) * 32)
    forger._sign = Ed25519PrivateKey.generate()  # all of Ann's but this
    with pytest.raises(BadBundle, match="not signed"):
        open_bundle(BOB, ANN.public, SLOT, seal_bundle(forger, BOB.public, HEADER, b"words"))
    again = Identity(bytes([1]) * 32)
    assert open_bundle(BOB, ANN.public, SLOT, seal_bundle(again, BOB.public, HEADER, b"words"))[1] == b"words"


def test_the_receiver_can_not_pass_it_on_as_if_it_was_for_another() -> None:
    """The signature names whom it was for."""
    forger = Identity(bytes([2]) * 32)  # Bob, who signs what he got as if Ann had sent it to Eve

    class Copied:
        def sign(self, statement: bytes) -> bytes:
            return ANN.sign(statement.replace(EVE.public.whole, BOB.public.whole))

    mailbox = ANN.outgoing(EVE.public)
    forger._sign = Copied()  # type: ignore[assignment]
    forger.public = ANN.public
    slot = mailbox.slot(HEADER.kind, HEADER.session_id)
    body = seal_bundle(forger, EVE.public, HEADER, b"words")[SEALED_HEADER:]
    with pytest.raises(BadBundle, match="not signed"):
        open_bundle(EVE, ANN.public, slot, mailbox.seal_header(HEADER) + body)


@given(some.integers(0, len(sealed()) - 1), some.integers(1, 255))
def test_no_byte_of_it_can_be_changed(place: int, change: int) -> None:
    """Whichever it is."""
    data = bytearray(sealed())
    data[place] ^= change
    with pytest.raises(BadBundle):
        open_bundle(BOB, ANN.public, SLOT, bytes(data))


@given(some.integers(0, len(sealed()) - 1))
def test_nothing_of_it_can_be_cut_off(size: int) -> None:
    """Nor anything be put behind it."""
    data = sealed()
    for wrong in (data[:size], data[len(data) - size :], data + b"\0"):
        with pytest.raises(BadBundle):
            open_bundle(BOB, ANN.public, SLOT, wrong)


@given(some.binary(max_size=400))
def test_what_is_no_bundle_is_an_error_and_nothing_else(data: bytes) -> None:
    """Also with the right beginning."""
    for wrong in (data, b"PALX\x01" + data, sealed()[:SEALED_HEADER] + data):
        with pytest.raises(BadBundle):
            open_bundle(BOB, ANN.public, SLOT, wrong)


@given(some.binary(min_size=HEADER_SIZE, max_size=HEADER_SIZE))
def test_a_header_says_what_it_must_or_is_none(data: bytes) -> None:
    """Also of somebody who could seal one."""
    try:
        header = Header.decode(data)
    except BadBundle:
        return
    assert header.encode() == data


def test_it_is_sealed_as_rfc_9180_says() -> None:
    """Base mode with X25519, HKDF-SHA256 and AES-256-GCM, written out here from the standard."""
    data = sealed()[SEALED_HEADER:]
    info = b"palaver/exchange/v1/seal" + ANN.public.whole + BOB.public.whole + HEADER.encode()
    plain = rfc_9180_open(BOB, data, info)
    assert unpack(plain[64:]) == b"words"


def rfc_9180_open(receiver: Identity, data: bytes, info: bytes) -> bytes:
    """Open a ciphertext of one message by sections 4.1, 5.1 and 5.2 of the standard."""

    def extract(salt: bytes, suite: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(key: bytes, suite: bytes, label: bytes, said: bytes, size: int) -> bytes:
        labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + said
        return hmac.digest(key, labelled + b"\x01", "sha256")[:size]

    enc, ciphertext = data[:32], data[32:]
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    agreed = receiver.receive.exchange(X25519PublicKey.from_public_bytes(enc))
    prk = extract(b"", kem, b"eae_prk", agreed)
    shared = expand(prk, kem, b"shared_secret", enc + receiver.public.receive, 32)
    context = b"\x00" + extract(b"", suite, b"psk_id_hash", b"") + extract(b"", suite, b"info_hash", info)
    secret = extract(shared, suite, b"secret", b"")
    key, nonce = expand(secret, suite, b"key", context, 32), expand(secret, suite, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


# -- packing -----------------------------------------------------------------------------------


@given(some.binary(max_size=5_000))
def test_what_was_packed_comes_out(content: bytes) -> None:
    """Byte by byte."""
    assert unpack(pack(content)) == content


def test_a_bomb_is_not_unpacked() -> None:
    """Of a small bundle with very much in it no more is unpacked than is allowed, nor any memory taken for it."""
    bomb = zlib.compress(bytes(8 * 1024 * 1024), 9)
    data = len(bomb).to_bytes(4, "big") + bomb
    tracemalloc.start()
    with pytest.raises(BadBundle, match="more than 1,000,000 bytes"):
        unpack(data, most=1_000_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4_000_000
    assert len(unpack(data)) == 8 * 1024 * 1024  # the twin: where so much is allowed
    assert MOST_CONTENT >= 8 * 1024 * 1024


def test_what_is_too_large_is_not_sent() -> None:
    """It says what to do instead."""
    with pytest.raises(InvalidValue, match="export it"):
        pack(bytes(MOST_CONTENT + 1))


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x09abc", b"\0\0\0\x03abc", b"\0\0\0\0"])
def test_what_can_not_be_unpacked_is_an_error(data: bytes) -> None:
    """And nothing else; so is what has something behind its end."""
    with pytest.raises(BadBundle):
        unpack(data)
    extra = zlib.compress(b"x") + b"more"
    with pytest.raises(BadBundle):
        unpack(len(extra).to_bytes(4, "big") + extra)


def test_sizes_tell_little() -> None:
    """Texts of near sizes look the same, and filling up costs an eighth at most."""
    sizes = {size: len(pack(os.urandom(size))) for size in range(100, 20_000, 37)}
    assert len(set(sizes.values())) < 100
    assert all(size < packed <= max(512, (size + 64) * 1.13) for size, packed in sizes.items())


# -- the public line ---------------------------------------------------------------------------


def test_a_line_is_read_back_also_when_it_was_broken() -> None:
    """Blanks and line ends that came in on the way do no harm."""
    line = ANN.public.line
    assert parse_line(f"  {line[:40]}\n {line[40:]}\n") == ANN.public
    assert len(line) < 110
    assert ANN.public.fingerprint != BOB.public.fingerprint
    assert len(ANN.public.fingerprint.split()) == 8


@given(some.integers(15, len(ANN.public.line) - 1), some.characters(codec="ascii"))
def test_a_line_with_a_mistake_is_refused(place: int, char: str) -> None:
    """Every character counts."""
    line = ANN.public.line
    wrong = line[:place] + char + line[place + 1 :]
    if "".join(wrong.split()) == line:
        return
    with pytest.raises(InvalidValue):
        parse_line(wrong)


@pytest.mark.parametrize("line", ["", "palaver-sync-1.", "palaver-sync-2.abc", "x" * 100, "palaver-sync-1.ä"])
def test_what_is_no_line_is_refused(line: str) -> None:
    """It says where a line comes from, or that a part is missing."""
    with pytest.raises(InvalidValue, match="exchange identity"):
        parse_line(line)


def test_a_key_that_agrees_with_nobody_is_refused() -> None:
    """A point of small order would make every agreed key known to everybody."""
    for low in (bytes(32), b"\x01" + bytes(31)):
        with pytest.raises(InvalidValue, match="not made by Palaver"):
            parse_line(Public(low, ANN.public.sign).line)


def test_secret_halves_are_not_shown_or_copied() -> None:
    """Not by repr, not by pickle."""
    with pytest.raises(TypeError):
        pickle.dumps(ANN)
    assert "01010101" not in repr(ANN)
    assert hashlib.sha256(b"").hexdigest() not in repr(ANN.outgoing(BOB.public))
