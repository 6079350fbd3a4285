"""Conversation: a prompt in the one form that every chat model takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.models.backend import Prompt
from bot.models.errors import ModelRefused
from sessions.message import Message

Speaker = Literal["user", "assistant"]

_LEFT_OUT = "[The messages before this one are not shown.]"
_GO_ON = "[Please go on.]"
_BROKE_OFF = "[This reply broke off here.]"


@dataclass(frozen=True, slots=True)
class Said:
    """What one side said until the other side spoke."""

    role: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Instructions apart, then user and assistant in turn; the user speaks first and last."""

    system: str
    turns: tuple[Said, ...]


def as_conversation(prompt: Prompt) -> Conversation:
    """Bring a prompt into the form that the strictest servers accept.

    Anthropic, and the chat templates of many models behind OpenAI-compatible servers, refuse a
    system message in the middle, two messages of one role in a row, or empty ones. What could not be
    read is left out: a model would take the placeholder for something a person said.
    """
    system = [prompt.system] if prompt.system and prompt.system.strip() else []
    turns: list[Said] = []
    for message in prompt.messages:
        if not is_sendable(message):
            continue
        if message.role == "system" and message.kind != "summary":
            system.append(message.content)
        else:
            _append(turns, _said(message))
    return Conversation("\n\n".join(system), _framed(turns))


def is_sendable(message: Message) -> bool:
    """Tell whether there is anything in this message that a model could read."""
    return message.kind != "unreadable" and bool(message.content.strip())


def _said(message: Message) -> Said:
    if message.kind == "summary":
        # Made from what people said, so it must not speak with the operator's voice.
        return Said("user", f"[Summary of the conversation before this point:]\n{message.content}")
    if message.role == "tool":
        return Said("user", f"[Result of a tool:]\n{message.content}")
    if message.role == "assistant":
        return Said("assistant", f"{message.content}\n{_BROKE_OFF}" if message.kind == "partial" else message.content)
    return Said("user", message.content)


def _append(turns: list[Said], said: Said) -> None:
    if turns and turns[-1].role == said.role:
        said = Said(said.role, f"{turns.pop().text}\n\n{said.text}")
    turns.append(said)


def _framed(turns: list[Said]) -> tuple[Said, ...]:
    if not turns:
        raise ModelRefused("There is nothing to answer yet. Say something first.")
    first = (Said("user", _LEFT_OUT),) if turns[0].role == "assistant" else ()
    last = (Said("user", _GO_ON),) if turns[-1].role == "assistant" else ()
    return (*first, *turns, *last)
