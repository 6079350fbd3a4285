"""ResetRule: a reset policy, and who decided on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sessions.address import ChatKind
from sessions.reset_policy import ResetPolicy

RuleSource = Literal["session", "chat", "platform", "chat kind", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRule:
    """The policy that holds for a session, and which rule it comes from."""

    policy: ResetPolicy
    source: RuleSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRules:
    """What the operator set: a default, and exceptions by platform and by kind of chat."""

    default: ResetPolicy = field(default_factory=ResetPolicy)
    platforms: Mapping[str, ResetPolicy] = field(default_factory=dict)
    chat_kinds: Mapping[ChatKind, ResetPolicy] = field(default_factory=dict)

    def describe(self) -> str:
        """Say all of them in one line; empty when nothing is ever reset."""
        rules = {"default": self.default, **self.platforms, **{kind.value: p for kind, p in self.chat_kinds.items()}}
        return "; ".join(f"{name}: {policy.describe()}" for name, policy in rules.items() if not policy.is_off)
