"""Sealed records: what goes in comes out, and nothing else ever does."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from sessions.cipher import (
    HEADER,
    KEY_SIZE,
    NONCE_SIZE,
    OVERHEAD,
    Entropy,
    RecordCipher,
    Unopened,
    derive,
    hedged_nonce,
)

KEY = bytes(range(32))
ROOT = Path(__file__).parent.parent.parent


def stuck() -> Entropy:
    """Give a random source that repeats itself, as in a virtual machine that was resumed twice."""
    return Entropy(lambda size: b"\x07" * size)


def nonce_of(record: bytes) -> bytes:
    return record[len(HEADER) : len(HEADER) + NONCE_SIZE]


CIPHER = RecordCipher(KEY, Entropy())


@given(aad=st.binary(max_size=64), content=st.binary(max_size=512))
def test_a_record_opens_to_what_was_sealed(aad: bytes, content: bytes) -> None:
    """Sealing and opening is a round trip, at a cost of 32 bytes."""
    record = CIPHER.seal(aad, content)
    assert CIPHER.open(aad, record) == content
    assert len(record) == len(content) + OVERHEAD == len(content) + 32
    assert content not in record or len(content) < 4


@given(aad=st.binary(max_size=64), other=st.binary(max_size=64), content=st.binary(max_size=64))
def test_a_record_opens_in_its_own_place_only(aad: bytes, other: bytes, content: bytes) -> None:
    """Any other associated data keeps a record shut."""
    record = CIPHER.seal(aad, content)
    if other != aad:
        with pytest.raises(Unopened):
            CIPHER.open(other, record)


@given(st.binary(max_size=200))
def test_bytes_that_nobody_sealed_do_not_open(data: bytes) -> None:
    """There is no plaintext form and no second format: whatever was not sealed is refused, in one way."""
    for candidate in (data, HEADER + data):
        with pytest.raises(Unopened):
            CIPHER.open(b"place", candidate)


def test_every_changed_bit_and_every_other_length_is_refused_alike() -> None:
    """A record that was cut, lengthened or changed in any bit gives the same error, without words."""
    record = CIPHER.seal(b"place", b"what was said")
    flipped = [
        bytes(b ^ (1 << bit) * (i == at) for i, b in enumerate(record)) for at in range(len(record)) for bit in range(8)
    ]
    cut = [record[:length] for length in range(len(record))]
    longer = [record + b"\x00", b"\x00" + record, record + record]
    for wrong in flipped + cut + longer:
        with pytest.raises(Unopened) as refused:
            CIPHER.open(b"place", wrong)
        assert refused.value.args == ()
        assert refused.value.__cause__ is None
    assert CIPHER.open(b"place", record) == b"what was said"


def test_another_key_opens_nothing() -> None:
    """Records belong to one data key."""
    with pytest.raises(Unopened):
        RecordCipher(bytes(32), Entropy()).open(b"place", CIPHER.seal(b"place", b"text"))


def test_a_data_key_has_exactly_32_bytes() -> None:
    """Shorter and longer keys are refused, never padded or cut."""
    for size in (0, 16, 31, 33, 64):
        with pytest.raises(ValueError, match="32 bytes"):
            RecordCipher(bytes(size), Entropy())


def test_the_same_text_twice_is_not_the_same_record() -> None:
    """With a working random source equal messages can not be recognised."""
    assert CIPHER.seal(b"place", b"yes") != CIPHER.seal(b"place", b"yes")


@given(
    first=st.tuples(st.binary(max_size=8), st.binary(max_size=8)),
    second=st.tuples(st.binary(max_size=8), st.binary(max_size=8)),
)
def test_a_stuck_random_source_repeats_no_nonce_for_different_records(
    first: tuple[bytes, bytes], second: tuple[bytes, bytes]
) -> None:
    """Records that differ in place or content differ in nonce, however place and content are divided."""
    cipher = RecordCipher(KEY, stuck())
    assert (nonce_of(cipher.seal(*first)) == nonce_of(cipher.seal(*second))) == (first == second)


def nonces_repeat(records: int) -> bool:
    cipher = RecordCipher(KEY, stuck())
    seen = {nonce_of(cipher.seal(b"palaver" + n.to_bytes(8, "big"), b"the same text")) for n in range(records)}
    return len(seen) < records


def test_no_nonce_comes_twice_in_a_hundred_thousand_records() -> None:
    """Under one key, from a random source that is stuck, every record has a nonce of its own."""
    assert not nonces_repeat(100_000)


@pytest.mark.soak
def test_no_nonce_comes_twice_in_a_million_records() -> None:
    """The same for a million."""
    assert not nonces_repeat(1_000_000)


def test_a_nonce_of_the_random_source_alone_would_have_repeated() -> None:
    """The twin: without the place in it, a stuck source gives equal texts equal nonces."""
    random = stuck().draw(32)
    assert hedged_nonce(KEY, random, b"", b"text") == hedged_nonce(KEY, random, b"", b"text")
    assert hedged_nonce(KEY, random, b"1", b"text") != hedged_nonce(KEY, random, b"2", b"text")


def test_the_random_source_makes_the_nonce_unpredictable() -> None:
    """The same record sealed with other random bytes has another nonce."""
    one, other = RecordCipher(KEY, stuck()), RecordCipher(KEY, Entropy(bytes))
    assert nonce_of(one.seal(b"place", b"text")) != nonce_of(other.seal(b"place", b"text"))


def test_entropy_gives_each_byte_of_a_block_once() -> None:
    """What is drawn runs through a block, and then through the next one."""
    blocks = iter([bytes(range(256)) * 16, b"\xff" * 4096])
    entropy = Entropy(lambda _: next(blocks))
    drawn = b"".join(entropy.draw(32) for _ in range(128))
    assert drawn == bytes(range(256)) * 16
    assert entropy.draw(32) == b"\xff" * 32


def test_a_forked_process_draws_bytes_of_its_own() -> None:
    """Parent and child do not share what is left of a block."""
    program = """
import os, sys
from sessions.cipher import Entropy
entropy = Entropy()
entropy.draw(32)
out, into = os.pipe()
if os.fork() == 0:
    os.write(into, entropy.draw(32))
    os._exit(0)
os.wait()
sys.exit(os.read(out, 32) == entropy.draw(32))
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_what_stays_in_clear_is_authenticated() -> None:
    """A MAC fits its data under its key and nothing else."""
    mac = CIPHER.mac(b"counts")
    assert CIPHER.verify(b"counts", mac)
    assert not CIPHER.verify(b"count", mac)
    assert not CIPHER.verify(b"counts", mac[:-1])
    assert not CIPHER.verify(b"counts", b"")
    assert not RecordCipher(bytes(32), Entropy()).verify(b"counts", mac)


def test_the_commitment_names_the_key_and_does_not_tell_it() -> None:
    """Two keys never share a commitment, and it is none of the keys that do the work."""
    other = RecordCipher(bytes(32), Entropy())
    assert CIPHER.commitment != other.commitment
    assert CIPHER.commitment == RecordCipher(KEY, Entropy()).commitment
    assert CIPHER.commitment not in (KEY, CIPHER._nonce_key, CIPHER._mac_key)


def test_derived_keys_are_those_of_the_standard() -> None:
    """HKDF is RFC 5869's, so a store can be read by any other implementation of it."""
    ikm, salt = bytes.fromhex("0b" * 22), bytes.fromhex("000102030405060708090a0b0c")
    prk = hmac.digest(salt, ikm, "sha256")
    expected = hmac.digest(prk, b"palaver/v1/kek\x01", "sha256")
    assert derive(ikm, salt, "palaver/v1/kek") == expected
    assert derive(ikm, salt, "palaver/v1/kid", 8) == hmac.digest(prk, b"palaver/v1/kid\x01", "sha256")[:8]


def test_a_record_is_plain_aes_256_gcm_behind_its_header() -> None:
    """The form on disk is the documented one."""
    record = CIPHER.seal(b"place", b"text")
    enc = hmac.digest(KEY, b"palaver/v1/enc\x01", hashlib.sha256)
    assert record[:4] == bytes((0xC5, 1, 1, 0))
    assert AESGCM(enc).decrypt(record[4:16], record[16:], b"place") == b"text"


def test_a_cipher_neither_shows_nor_gives_away_its_key() -> None:
    """A cipher is not pickled, not copied, and its text says nothing."""
    for give_away in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not serialised"):
            give_away(CIPHER)
    for secret in (KEY, CIPHER._nonce_key, CIPHER._mac_key):
        assert secret.hex() not in repr(CIPHER)
        assert repr(secret) not in repr(CIPHER)


@given(st.binary(min_size=32, max_size=32))
def test_keys_are_expanded_as_the_standard_says(key: bytes) -> None:
    """One block of HKDF-Expand, worked out here, is what the library of ciphers gives."""
    expected = HKDFExpand(SHA256(), KEY_SIZE, b"palaver/v1/commit").derive(key)
    assert RecordCipher(key, Entropy()).commitment == expected
