"""Profile: written as JSON and read back whole; nothing else is read."""

from __future__ import annotations

import json
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.address import ChatKind
from sessions.errors import Tampered
from sessions.profile import Profile
from sessions.reset_policy import ResetPolicy
from sessions.scope import Scope
from tests.sessions.conftest import person

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
profiles = st.builds(
    Profile,
    address=st.builds(
        lambda thread, kind: person("é:/ ", thread=thread, kind=kind),
        st.sampled_from([None, "7"]),
        st.sampled_from(ChatKind),
    ),
    scope=st.sampled_from(Scope),
    title=st.one_of(st.none(), texts),
    tags=st.lists(texts, max_size=3).map(tuple),
    model=st.one_of(st.none(), texts),
    metadata=st.dictionaries(texts, st.one_of(st.none(), st.booleans(), st.integers(), texts), max_size=3),
    policy=st.sampled_from(
        [None, ResetPolicy(), ResetPolicy(daily_at=time(0), timezone="Asia/Tokyo", idle=timedelta(minutes=90))]
    ),
    forked_from=st.one_of(st.none(), texts),
    waived_ms=st.integers(0, 2**45),
    kept_ms=st.integers(0, 2**45),
    snoozed_ms=st.integers(0, 2**45),
    warned_ms=st.integers(0, 2**45),
)
GOOD = json.loads(Profile(address=person(), scope=Scope.MAIN).encode())


@given(profiles)
def test_a_profile_is_read_back_as_it_was(profile: Profile) -> None:
    """Whatever its fields hold, midnight and the empty text included."""
    assert Profile.decode(profile.encode()) == profile


def test_a_reset_keeps_the_settings_and_not_the_past() -> None:
    """Title, tags, model and rule go on; where it was forked from and what was waived do not."""
    policy = ResetPolicy(daily_at=time(4))
    old = Profile(
        address=person(), scope=Scope.MAIN, title="t", tags=("a",), model="m", policy=policy,
        metadata={"k": 1}, forked_from="x", waived_ms=9, kept_ms=8, snoozed_ms=7, warned_ms=6,
    )  # fmt: skip
    fresh = old.carried_over()
    assert (fresh.title, fresh.tags, fresh.model, fresh.policy) == ("t", ("a",), "m", policy)
    assert (fresh.metadata, fresh.forked_from, fresh.waived_ms) == ({}, None, 0)
    assert (fresh.kept_ms, fresh.snoozed_ms, fresh.warned_ms) == (0, 0, 0)


def test_a_profile_from_before_warnings_is_read() -> None:
    """Moments that an older program did not know are those of nothing kept, put off or warned of."""
    assert not {"kept_ms", "snoozed_ms", "warned_ms"} & GOOD.keys()
    assert Profile.decode(json.dumps(GOOD | {"waived_ms": 5}).encode()) == Profile(
        address=person(), scope=Scope.MAIN, waived_ms=5
    )


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "everybody"}, {"scope": None}, {"address": None}, {"address": {}}, {"address": "telegram:1"},
        {"address": GOOD["address"] | {"user_id": ""}}, {"address": GOOD["address"] | {"user_id": 7}},
        {"address": GOOD["address"] | {"chat_kind": "party"}}, {"title": 7}, {"tags": [7]}, {"tags": 7}, {"model": []},
        {"metadata": []}, {"policy": []}, {"policy": {"daily_at": "25:00", "timezone": "UTC"}},
        {"policy": {"timezone": "UTC", "idle_seconds": "1"}},
        {"waived_ms": "soon"}, {"snoozed_ms": []}, {"forked_from": 1},
    ],
)  # fmt: skip
def test_another_shape_is_refused(change: dict[str, object]) -> None:
    """It can not have been written by us."""
    with pytest.raises(Tampered):
        Profile.decode(json.dumps(GOOD | change).encode())


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{", b"\xff", b"7"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    """Also what is no JSON at all."""
    with pytest.raises(Tampered):
        Profile.decode(data)
