"""Scope: read in both spellings, refused in any other."""

from __future__ import annotations

import pytest

from sessions.errors import InvalidValue
from sessions.scope import Scope


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_is_read_in_both_spellings(scope: Scope) -> None:
    """The one of the configuration, the one in chat, in any case; a scope is taken as it is."""
    for text in (scope.value, scope.short, f" {scope.value.upper()}\n", scope):
        assert Scope.parse(text) is scope


def test_the_short_spellings_are_those_of_the_commands() -> None:
    """They are part of what people type."""
    assert [scope.short for scope in Scope] == ["main", "peer", "channel", "channel-peer"]


@pytest.mark.parametrize("text", ["", "per", "peers", "per-main", "channel peer", "*"])
def test_anything_else_is_refused(text: str) -> None:
    """The answer names those that there are."""
    with pytest.raises(InvalidValue, match="main, peer, channel, channel-peer"):
        Scope.parse(text)
