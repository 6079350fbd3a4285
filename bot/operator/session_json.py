"""A conversation as JSON: the names that programs of the operator may rely on."""

from __future__ import annotations

from datetime import UTC, datetime

from sessions.catalogue import PROJECT, Listed
from sessions.message import JsonValue, Message, Usage

PROMPT = 200  # characters of the first message
WORKDIR = "workdir"  # the metadata that tells where a conversation was begun


def session_json(listed: Listed, prompt: str) -> dict[str, JsonValue]:
    """Give all that is known of a conversation, always under the same names.

    `backend` and `provider` are the same, as are `messages` and `message_count`, `last_used` and `last_activity_at`.
    """
    session, address = listed.session, listed.address
    return {
        "id": session.id,
        "title": session.title,
        "backend": session.backend,
        "provider": session.backend,
        "model": session.model,
        "status": session.status.value,
        "person": listed.person,
        "platform": None if address is None else address.platform,
        "scope": session.scope.value,
        "created_at": second(session.created_at),
        "last_used": second(session.last_activity_at),
        "last_activity_at": second(session.last_activity_at),
        "updated_at": second(session.updated_at),
        "next_reset_at": None if session.next_reset_at is None else second(session.next_reset_at),
        "messages": session.message_count,
        "message_count": session.message_count,
        "tokens": total(session.usage),
        "token_usage": usage_json(session.usage),
        "tags": list(session.tags),
        "project": text_in(listed, PROJECT),
        "prompt": prompt[:PROMPT],
        "workdir": text_in(listed, WORKDIR),
        "forked_from": session.forked_from,
        "metadata": dict(session.metadata),
    }


def message_json(message: Message) -> dict[str, JsonValue]:
    """Give a message."""
    return {
        "seq": message.seq,
        "role": message.role,
        "content": message.content,
        "created_at": second(message.created_at),
        "timestamp": second(message.created_at),
        "kind": message.kind,
        "important": message.important,
        "author": message.author,
        "token_usage": None if message.usage is None else usage_json(message.usage),
        "metadata": None if message.metadata is None else dict(message.metadata),
    }


def usage_json(usage: Usage) -> dict[str, JsonValue]:
    """Give a usage; what was cached is part of what went in."""
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cached_tokens,
        "total": total(usage),
    }


def total(usage: Usage) -> int:
    """Add up what went in and what came out."""
    return usage.input_tokens + usage.output_tokens


def second(moment: datetime) -> str:
    """Give a time as `2026-01-31T15:20:00Z`, which is what jq reads and writes."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def text_in(listed: Listed, name: str) -> str | None:
    """Give a text of the metadata, if it is there and is one."""
    value = listed.session.metadata.get(name)
    return value if isinstance(value, str) else None
