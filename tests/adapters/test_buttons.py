"""Buttons: only what was signed counts, for whom, where and while it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.buttons import ButtonRefused, ButtonSigner, Refusal, used_up

SIGNER = ButtonSigner(bytes(range(32)))
NOW = 1_767_225_600.0
HOUR = 3_600.0
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def signed(text: str = "/resume abcdefghijkl", *, max_bytes: int = 64, lifetime: float = HOUR) -> str:
    payload = SIGNER.sign(text, person="42", chat="-100", now=NOW, lifetime=lifetime, max_bytes=max_bytes)
    assert payload is not None
    return payload


def refusal(payload: str, *, person: str = "42", chat: str = "-100", now: float = NOW) -> Refusal:
    """Give the reason for which a press is refused."""
    with pytest.raises(ButtonRefused) as caught:
        SIGNER.open(payload, person=person, chat=chat, now=now)
    return caught.value.reason


@given(TEXTS, TEXTS, TEXTS)
def test_what_was_signed_opens(text: str, person: str, chat: str) -> None:
    """Whatever the text, the person and the chat."""
    payload = SIGNER.sign(text, person=person, chat=chat, now=NOW, lifetime=HOUR, max_bytes=1_000)
    assert payload is not None
    assert SIGNER.open(payload, person=person, chat=chat, now=NOW).text == text


@pytest.mark.parametrize("text", ["/resume abcdefghijkl", "yes #a1b2c3", "", "é" * 20])
def test_a_command_fits_telegram(text: str) -> None:
    """64 bytes leave 40 for it."""
    assert len(signed(text).encode()) == 24 + len(text.encode())


def test_what_does_not_fit_is_not_signed() -> None:
    """Bytes are counted, not letters."""
    for text in ("x" * 41, "é" * 21):
        assert SIGNER.sign(text, person="42", chat="-100", now=NOW, lifetime=HOUR, max_bytes=64) is None
    assert len(signed("x" * 76, max_bytes=100)) == 100


def test_every_flipped_bit_is_refused() -> None:
    """In the text as in the rest."""
    data = signed().encode()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        for errors in ("replace", "surrogateescape"):
            assert refusal(flipped.decode(errors=errors)) is Refusal.FORGED


def test_every_shortened_or_lengthened_payload_is_refused() -> None:
    """Nothing is cut off or added."""
    payload = signed()
    for at in range(len(payload)):
        assert refusal(payload[:at]) is Refusal.FORGED
        assert refusal(f"{payload[:at]}A{payload[at:]}") is Refusal.FORGED
        assert refusal(f"{payload[:at]}={payload[at:]}") is Refusal.FORGED


@given(st.text(max_size=80))
def test_a_made_up_payload_is_refused(payload: str) -> None:
    """Any client can send anything."""
    assert refusal(payload) is Refusal.FORGED


def test_another_alphabet_is_refused() -> None:
    """One payload has one spelling: what was used once can not come back written in another way."""
    payload = next(one for one in iter(signed, "") if "-" in one[:24] or "_" in one[:24])
    assert refusal(payload[:24].translate({45: 43, 95: 47}) + payload[24:]) is Refusal.FORGED


@given(TEXTS, TEXTS)
def test_nobody_else_can_press_it_nor_elsewhere(person: str, chat: str) -> None:
    """And it can not be told from a forged one."""
    if (person, chat) != ("42", "-100"):
        assert refusal(signed(), person=person, chat=chat) is Refusal.FORGED


def test_person_and_chat_can_not_be_cut_differently() -> None:
    """Their letters together are not what is signed."""
    assert refusal(signed(), person="42-", chat="100") is Refusal.FORGED
    assert refusal(signed(), person="-100", chat="42") is Refusal.FORGED
    assert list(Refusal) == [Refusal.FORGED, Refusal.EXPIRED]


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_it_expires(lifetime: int, passed: int) -> None:
    """Not before its time, and at most a minute after."""
    payload = signed(lifetime=lifetime)
    if passed < lifetime:
        assert SIGNER.open(payload, person="42", chat="-100", now=NOW + passed).text
    if passed >= lifetime + 60:
        assert refusal(payload, now=NOW + passed) is Refusal.EXPIRED


def test_only_the_right_person_learns_that_it_expired() -> None:
    """For everybody else it is forged first."""
    assert refusal(signed(), now=NOW + 2 * HOUR) is Refusal.EXPIRED
    assert refusal(signed(), person="43", now=NOW + 2 * HOUR) is Refusal.FORGED
    assert refusal(signed() + "x", now=NOW + 2 * HOUR) is Refusal.FORGED


def test_another_key_signs_nothing_here() -> None:
    """The key is what the signature rests on."""
    payload = ButtonSigner(bytes(32)).sign("yes", person="42", chat="-100", now=NOW, lifetime=HOUR, max_bytes=64)
    assert payload is not None
    assert refusal(payload) is Refusal.FORGED


def test_each_button_is_told_from_every_other() -> None:
    """Two with the same text have different nonces, and one has the same whenever it is pressed."""
    one, two = signed(), signed()
    nonces = [SIGNER.open(payload, person="42", chat="-100", now=NOW).nonce for payload in (one, one, two)]
    assert nonces[0] == nonces[1] != nonces[2]


@pytest.mark.parametrize(
    ("text", "pressed", "used"),
    [
        ("yes #abc123", "no #abc123", True),
        ("/session keep", "/session snooze 60", True),
        ("/session snooze 60", "/session never-reset", True),
        ("/resume 1", "/resume 2", True),
        ("/pair refuse ABCD", "/pair approve ABCD", True),
        ("/pair approve ABCD", "/pair approve ABCD", True),
        ("/pair approve ABCD", "/pair approve EFGH", False),
        ("/pair refuse ABCD", "/pair approve EFGH", False),
        ("", "", True),
    ],
)
def test_only_the_ways_to_answer_one_question_are_used_up_together(text: str, pressed: str, used: bool) -> None:
    """Who is let in takes nobody else's button away."""
    payloads = [
        SIGNER.sign(said, person="42", chat="1", now=NOW, lifetime=HOUR, max_bytes=100) for said in (text, pressed)
    ]
    assert used_up(str(payloads[0]), str(payloads[1])) is used


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_key_of_the_wrong_size_is_refused(size: int) -> None:
    """No signature rests on an empty key."""
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        ButtonSigner(bytes(size))


def test_neither_key_nor_payload_is_shown() -> None:
    """Not in what is logged of a signer or a refusal."""
    assert "key" not in repr(SIGNER)
    assert str(ButtonRefused(Refusal.EXPIRED)) == "button refused: expired"
