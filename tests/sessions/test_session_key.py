"""SessionKey: two messages share a conversation exactly if the scope says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.address import Address
from sessions.scope import Scope
from sessions.session_key import SessionKey, length_prefixed
from tests.sessions.conftest import person
from tests.sessions.model import key_of

ids = st.sampled_from(["1", "11", "12", "1:2", "a", "A", "None", "é", "e\u0301", " a"])
addresses = st.builds(Address, platform=ids, account=ids, chat_id=ids, user_id=ids, thread_id=st.one_of(st.none(), ids))


@given(addresses, addresses, st.sampled_from(Scope), st.sampled_from(Scope))
def test_keys_are_equal_exactly_if_the_model_says_so(one: Address, two: Address, a: Scope, b: Scope) -> None:
    """As values and as bytes, for every pair of addresses and scopes."""
    same = key_of(one, a) == key_of(two, b)
    assert (SessionKey.of(one, a) == SessionKey.of(two, b)) is same
    assert (SessionKey.of(one, a).encode() == SessionKey.of(two, b).encode()) is same


@given(st.lists(st.one_of(st.none(), st.text()), max_size=4), st.lists(st.one_of(st.none(), st.text()), max_size=4))
def test_different_fields_never_give_the_same_bytes(one: list[str | None], two: list[str | None]) -> None:
    """However the fields are cut, joined, empty or missing."""
    assert (length_prefixed(*one) == length_prefixed(*two)) is (one == two)


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.MAIN])
def test_platform_and_account_are_always_part_of_it(scope: Scope) -> None:
    """The same ids at another platform or bot are somebody else."""
    here = SessionKey.of(person(), scope)
    assert SessionKey.of(person(platform="discord"), scope) != here
    assert SessionKey.of(person(account="bot-2"), scope) != here


def test_the_main_scope_keeps_nothing() -> None:
    """It is one conversation for the whole installation."""
    assert SessionKey.of(person(), Scope.MAIN) == SessionKey.of(person("bob", platform="discord"), Scope.MAIN)
