"""Profile: what a session is called and how it is set, sealed in one record."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import time, timedelta

from sessions.address import Address, ChatKind
from sessions.errors import InvalidValue, Tampered
from sessions.message import JsonValue
from sessions.plain_json import encode_json
from sessions.reset_policy import ResetPolicy, find_zone
from sessions.scope import Scope

_MOMENTS = ("waived_ms", "kept_ms", "snoozed_ms", "warned_ms")  # of one session, in milliseconds since 1970
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Title, tags, model and policy of a session, and where it was begun."""

    address: Address
    scope: Scope
    title: str | None = None
    tags: tuple[str, ...] = ()
    model: str | None = None
    backend: str | None = None  # who answered when it was begun
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    policy: ResetPolicy | None = None  # None: the rule of the chat, the platform or the program holds
    forked_from: str | None = None
    waived_ms: int = 0  # the last reset that was taken back or waived; daily resets count from here
    kept_ms: int = 0  # daily resets whose time is not after this are left out
    snoozed_ms: int = 0  # no reset before this
    warned_ms: int = 0  # the reset that was warned of last

    def carried_over(self) -> Profile:
        """Give the settings that a reset keeps."""
        return replace(
            self, backend=None, forked_from=None, metadata={}, waived_ms=0, kept_ms=0, snoozed_ms=0, warned_ms=0
        )

    def encode(self) -> bytes:
        """Write as JSON."""
        said: dict[str, JsonValue] = {"scope": self.scope.value, "address": encode_address(self.address)}
        if self.title is not None:
            said["title"] = self.title
        if self.tags:
            said["tags"] = list(self.tags)
        if self.model is not None:
            said["model"] = self.model
        if self.backend is not None:
            said["backend"] = self.backend
        if self.metadata:
            said["metadata"] = dict(self.metadata)
        if self.policy is not None:
            said["policy"] = encode_policy(self.policy)
        if self.forked_from is not None:
            said["forked_from"] = self.forked_from
        said |= {name: moment for name in _MOMENTS if (moment := getattr(self, name))}
        return encode_json(said)

    @classmethod
    def decode(cls, data: bytes) -> Profile:
        """Read JSON of exactly this shape, or raise `Tampered`; no object is ever built from it."""
        try:
            said = json.loads(data)
            address, policy = decode_address(said["address"]), said.get("policy")
            profile = cls(
                address=address,
                scope=Scope(said["scope"]),
                title=_optional_text(said.get("title")),
                tags=tuple(_text(tag) for tag in said.get("tags", ())),
                model=_optional_text(said.get("model")),
                backend=_optional_text(said.get("backend")),
                metadata=_object(said.get("metadata", {})),
                policy=None if policy is None else decode_policy(policy),
                forked_from=_optional_text(said.get("forked_from")),
                **{name: int(said.get(name, 0)) for name in _MOMENTS},
            )
        except (ValueError, KeyError, TypeError, InvalidValue):
            raise Tampered("the profile of a conversation") from None
        return profile


def encode_address(address: Address) -> dict[str, JsonValue]:
    """Give an address as JSON."""
    said: dict[str, JsonValue] = {
        "platform": address.platform,
        "account": address.account,
        "chat_id": address.chat_id,
        "user_id": address.user_id,
        "chat_kind": address.chat_kind.value,
    }
    if address.thread_id is not None:
        said["thread_id"] = address.thread_id
    return said


def decode_address(said: object) -> Address:
    """Read an address from JSON; wrong shapes raise ValueError."""
    fields = dict(_object(said))
    return Address(
        platform=_text(fields.get("platform")),
        account=_text(fields.get("account")),
        chat_id=_text(fields.get("chat_id")),
        user_id=_text(fields.get("user_id")),
        thread_id=_optional_text(fields.get("thread_id")),
        chat_kind=ChatKind(_text(fields.get("chat_kind"))),
    )


def encode_policy(policy: ResetPolicy) -> dict[str, JsonValue]:
    """Give a reset policy as JSON."""
    return {
        "daily_at": policy.daily_at.strftime("%H:%M") if policy.daily_at else None,
        "timezone": policy.timezone,
        "idle_seconds": int(policy.idle.total_seconds()) if policy.idle else None,
    }


def decode_policy(said: object) -> ResetPolicy:
    """Read a reset policy from JSON; wrong shapes raise ValueError."""
    fields = _object(said)
    daily, idle = _optional_text(fields.get("daily_at")), fields.get("idle_seconds")
    if idle is not None and not (isinstance(idle, int) and abs(idle) < 1 << 32):
        raise ValueError("idle_seconds")
    zone = _text(fields.get("timezone"))
    try:
        find_zone(zone)
    except InvalidValue:
        log.warning("this machine does not know the time zone %s; resets go by UTC until it does", zone)
        zone = "UTC"
    return ResetPolicy(
        daily_at=time.fromisoformat(daily) if daily else None,
        timezone=zone,
        idle=timedelta(seconds=idle) if idle else None,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _object(value: object) -> Mapping[str, JsonValue]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
